"""Predicted and true classes of a log, as numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.importing.checks import MOST_CLASSES
from engine.importing.ids import are_numbers

#: With more distinct texts, these are free answers and not classes: only whether they equal the label counts.
MOST_TEXTS = 1000

#: For each row the number of its text, -1 where it is empty, and the texts: as `Table.codes` gives them.
Coded = tuple[NDArray[np.int64], list[str]]


def class_numbers(parts: Sequence[Coded]) -> tuple[list[NDArray[np.int64]], tuple[str, ...] | None]:
    """The class of every row of every part, -1 where it is empty, and the names of the classes; None if these are no classes.

    Whole numbers from 0 are the classes themselves. Text becomes the place in the alphabet.
    """
    texts = sorted(set().union(*(texts for _, texts in parts)))
    if are_numbers(texts) and all(0 <= int(text) < MOST_CLASSES for text in texts):
        classes = max(2, max((int(text) for text in texts), default=0) + 1)
        number, names = {text: int(text) for text in texts}, tuple(f"Class {c}" for c in range(classes))
    else:
        number = {text: place for place, text in enumerate(texts)}
        names = tuple(printable(text) or f"Class {place}" for place, text in enumerate(texts)) if 2 <= len(texts) <= MOST_TEXTS else None
    return [np.array([*(number[text] for text in texts), -1], np.int64)[codes] for codes, texts in parts], names
