"""Ids of examples: whole numbers stay as they are, and text becomes a 64-bit hash while the text is kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.bundle.texts import MOST_ID, clean_texts
from engine.display_text import printable
from engine.errors import UserError
from engine.hashing import hash_texts
from engine.importing.checks import check_rows, whole_numbers


def are_numbers(texts: Sequence[str]) -> bool:
    """Whether every text is a whole number as Python writes it, and fits into 64 bits. `007` is not: it would come back as 7."""
    return all(len(text) <= 20 and text.lstrip("-").isdecimal() and text.isascii() for text in texts) and all(
        str(number := int(text)) == text and -(2**63) <= number < 2**63 for text in texts
    )


def numbered(texts: Sequence[str], name: str) -> tuple[NDArray[np.int64], list[str] | None]:
    """A number for each of the distinct texts, (examples,), and the texts to keep, or None if they are numbers themselves.

    name: of the ids, for messages.  Raises UserError if an id is too long or two of them have the same hash.
    """
    if are_numbers(texts):
        return np.array([int(text) for text in texts], np.int64), None
    for text in texts:
        if len(text) > MOST_ID:
            raise UserError(
                f"{name} has an id of more than {MOST_ID} characters, {printable(text, 30)!r} and so on; give shorter ids, and the text"
                " of the examples in a column of its own."
            )
    hashes = hash_texts(texts)
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(np.diff(hashes[order]) == 0)
    if len(same):
        first, second = (printable(texts[int(order[same[0] + step])]) for step in (0, 1))
        raise UserError(f"The ids {first!r} and {second!r} have the same 64-bit hash; rename one of them.")
    return hashes, clean_texts(texts, MOST_ID)


def check_ids(ids: NDArray, examples: int) -> tuple[NDArray[np.int64], list[str] | None]:
    """(examples,) whole numbers or text, all different, and the text."""
    check_rows("ids", ids, examples)
    if ids.dtype.kind == "U":
        distinct, first = np.unique(ids, return_index=True)
        if len(distinct) < examples:
            second = int(np.flatnonzero(~np.isin(np.arange(examples), first))[0])
            pair = f"rows {int((ids == ids[second]).argmax())} and {second}"
            raise UserError(f"ids contains {printable(str(ids[second]))!r} at {pair}; give every example its own id.")
        return numbered(ids.tolist(), "ids")
    ids = whole_numbers("ids", ids)
    order = np.argsort(ids, kind="stable")
    twice = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(twice):
        first, second = order[twice[0]], order[twice[0] + 1]
        raise UserError(f"ids contains {ids[first]} at rows {first} and {second}; give every example its own id.")
    return ids, None
