"""Text in the table of a bundle: ids that are not numbers, and what the examples say. It is clean, on one line, and limited in length."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from engine.display_text import printable

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

#: Most characters of an id, and of the text of an example.
MOST_ID, MOST_TEXT = 200, 2_000
#: Most characters in a column.
MOST_IN_ALL = 256_000_000


def clean_texts(texts: Sequence[str], most: int) -> list[str]:
    """Each text on one line and cut to `most` characters."""
    return [printable(text, most) for text in texts]


def as_column(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def read_texts(column: pa.ChunkedArray, most: int) -> NDArray[np.object_]:
    """The texts of a column, (examples,) of str. Raises TypeError or ValueError if it is not text, too long, or has control characters."""
    if not (pa.types.is_large_string(column.type) or pa.types.is_string(column.type)):
        raise TypeError(f"a column of text has type {column.type}")
    if column.null_count:
        raise ValueError("a column of text has missing values")
    lengths = pc.utf8_length(column).to_numpy()
    if lengths.max(initial=0) > most or lengths.sum() > MOST_IN_ALL:
        raise ValueError("a column of text is too long")
    texts = column.to_pylist()
    if not all(map(str.isprintable, texts)):
        raise ValueError("a text has control characters")
    made = np.empty(len(texts), object)
    made[:] = texts
    return made
