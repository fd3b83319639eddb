"""The split of the examples: as given, or drawn at random."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.display_text import counted, printable
from engine.errors import UserError
from engine.importing.checks import check_rows, first_place, in_words, whole_numbers
from engine.splits import BUNDLE_SPLITS, Split

SEED = 0
#: Other names of the splits, in lower case.
OTHER_NAMES = {**dict.fromkeys(("val", "valid", "validation", "dev", "calib"), str(Split.CALIBRATION)), "training": str(Split.TRAIN)}


def known_split_names(split: NDArray[np.str_]) -> NDArray[np.str_]:
    """The names in lower case, those of validation sets as calibration."""
    distinct, place = np.unique(split, return_inverse=True)
    names = [name.strip().lower() for name in distinct.tolist()]
    known = [OTHER_NAMES.get(name, name) if name in OTHER_NAMES or name in list(Split) else original
             for name, original in zip(names, distinct.tolist(), strict=True)]  # fmt: skip
    return np.array(known)[place]


def drawn_split(group: NDArray[np.int64]) -> NDArray[np.str_]:
    """Half calibration and half test, drawn with a fixed seed. group: (examples,) of each example; a group stays together"""
    examples = len(group)
    split = np.full(examples, str(Split.TEST), dtype="<U11")
    members, sizes = np.unique(group, return_counts=True)
    order = np.random.default_rng(SEED).permutation(len(members))
    # Whole groups as long as they fit. If all examples differ, this is the first half of the permutation.
    fits = np.cumsum(sizes[order]) <= examples // 2
    split[np.isin(group, members[order[fits]])] = Split.CALIBRATION
    return split


def same_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """For each example the first one with the same text, (examples,). Examples without text are different."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, i) if text else i for i, text in enumerate(texts)])


def check_split(split: NDArray, examples: int, place: Callable[[tuple[int, ...]], str] = in_words) -> NDArray[np.str_]:
    """(examples,): fit, calibration or test, as text or as 0, 1 or 2. Names of validation sets count as calibration.

    place: the index of an example in words
    """
    split = split_names(split, examples, place)
    for part, then in ((Split.CALIBRATION, ": `route --split all` routes every row by a saved policy"), (Split.TEST, "")):
        if part not in split:
            raise UserError(f"split has no {part} rows; mark some, or leave out split to have one drawn at random{then}.")
    return split


def split_names(split: NDArray, examples: int, place: Callable[[tuple[int, ...]], str] = in_words) -> NDArray[np.str_]:
    """The same for a part of the examples, in which a split may be missing."""
    check_rows("split", split, examples)
    names = np.array([str(part) for part in BUNDLE_SPLITS])
    if split.dtype.kind == "U":
        split = known_split_names(split)
    else:
        codes = whole_numbers("split", split)
        if at := first_place((codes < 0) | (codes >= len(names))):
            raise UserError(f"split contains {codes[at]} at {place(at)}; use 0 for fit, 1 for calibration and 2 for test.")
        split = names[codes]
    if at := first_place(~np.isin(split, names)):
        remedy = (
            "leave out the training examples, or write fit where only gates learn on them"
            if split[at] == Split.TRAIN
            else "use fit, calibration or test"
        )
        raise UserError(f"split contains {printable(str(split[at]))!r} at {place(at)}; {remedy}.")
    return split


def settled_split(
    given: NDArray | None,
    examples: int,
    texts: list[str] | None,
    first: NDArray[np.int64] | None,
    notes: list[str],
    place: Callable[[tuple[int, ...]], str] = in_words,
) -> NDArray[np.str_]:
    """first: for each example the first one with the same row, see `equal_rows`;  place: the index of an example in words"""
    if given is not None:
        split = check_split(given, examples, place)
    else:
        group = same_texts(texts) if texts is not None else first
        split = drawn_split(np.arange(examples) if group is None else group)
        half, rest = (int((split == part).sum()) for part in (Split.CALIBRATION, Split.TEST))
        drawn = f"{counted(half, 'row')} drawn at random with seed {SEED} {'is' if half == 1 else 'are'} for calibration"
        notes.append(f"No split given: {drawn}, the other {rest:,} for testing.")
        if texts is not None and len(set(texts) - {""}) < examples - texts.count(""):
            notes.append("Some examples have the same text; they are kept in the same split.")
        for part in (Split.CALIBRATION, Split.TEST):
            if part not in split:
                same = "have the same text" if texts is not None else "are the same"
                raise UserError(f"No {part} examples could be drawn, because nearly all {same}; add a column split.")
    if Split.FIT not in split:
        notes.append("There are no fit rows, so policies with learned gates train them on the calibration rows.")
    return split
