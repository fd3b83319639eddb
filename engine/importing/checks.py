"""Checks of the imported arrays. Each error is one sentence: the array, the place and value that are wrong, and what to do.

Messages count exits from 1, as the page does, and rows and classes from 0. A row is an example. A place in an array with an axis of exits
is also given as its index.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from engine.display_text import MOST_CHARACTERS, counted, printable
from engine.errors import UserError
from engine.outputs import MAX_EXITS
from engine.whole_numbers import exactly_whole, largest_exact

MOST_CLASSES = 100_000
MOST_EXAMPLES = 10_000_000

_first_row: ContextVar[int] = ContextVar("first_row", default=0)


def whole_numbers(name: str, array: NDArray) -> NDArray[np.int64]:
    """The array as int64. Whole numbers of any type are accepted."""
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} has dtype {printable(str(array.dtype))}; give whole numbers.")
    if at := first_place(~exactly_whole(array)):
        most, kind = largest_exact(array.dtype), array.dtype.kind
        limit = {"f": f"{array.dtype} is exact only up to {most:,}; save integers", "u": f"the limit is {most:,}; use smaller numbers"}
        too_large = kind == "u" or np.abs(array[at].astype(np.float64)) > most
        problem = f", but {limit[kind]}." if too_large else "; give whole numbers."
        raise UserError(f"{name} contains {array[at]} at {in_words(at)}{problem}")
    return array.astype(np.int64)


def check_labels(labels: NDArray) -> NDArray[np.int64]:
    """(examples,) whole numbers from 0."""
    if labels.ndim != 1:
        remedy = "use labels[:, 0] for a single column or labels.argmax(axis=1) for one-hot labels"
        raise UserError(f"labels has shape {labels.shape} but must be (examples,); {remedy}.")
    if not 2 <= len(labels) <= MOST_EXAMPLES:
        more = ", or write pred and conf to Parquet, which may have more" if len(labels) > MOST_EXAMPLES else ""
        raise UserError(f"labels has length {len(labels):,}; give between 2 and {MOST_EXAMPLES:,} examples{more}.")
    return check_label_numbers(labels)


def check_label_numbers(labels: NDArray) -> NDArray[np.int64]:
    """(examples,) whole numbers from 0, of any number of examples."""
    labels = whole_numbers("labels", labels)
    if at := first_place(labels < 0):
        raise UserError(f"labels contains {labels[at]} at {in_words(at)}; number the classes from 0 and leave out unlabelled examples.")
    return labels


def check_in_range(name: str, numbers: NDArray[np.int64], classes: int) -> None:
    """Every prediction or label is one of the classes."""
    if at := first_place((numbers < 0) | (numbers >= classes)):
        counted_from_1 = numbers.min() == 1 and numbers.max() == classes
        remedy = "they seem to be numbered from 1, so subtract 1" if counted_from_1 else "correct or leave out that row"
        place = f"{name} contains {numbers[at]} at {in_words(at)}"
        raise UserError(f"{place}, but the {classes} classes are numbered 0 to {classes - 1}; {remedy}.")


def check_class_numbers(name: str, numbers: NDArray[np.int64]) -> None:
    """Predictions or labels that may be those of classes of which nothing else is known."""
    if at := first_place(numbers >= MOST_CLASSES):
        limit = f"there may be at most {MOST_CLASSES:,} classes, numbered from 0"
        raise UserError(f"{name} contains {numbers[at]} at {in_words(at)}, but {limit}; correct that row, or number the classes again.")


def check_axes(name: str, array: NDArray, axes: Mapping[str, int | None]) -> None:
    """The array has these axes in this order. axes: {name: length, or None if it is not known}"""
    expected = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    lengths = list(axes.values())
    mismatch = f"{name} has shape {array.shape} but must be {expected}"
    if array.ndim != len(axes):
        single = array.ndim == len(axes) - 1
        remedy = f"use {name}[None] for a single exit or numpy.stack for several" if single else "give an array with these axes"
        raise UserError(f"{mismatch}; {remedy}.")
    if _fits(array.shape, lengths):
        return
    for order in permutations(range(len(axes))):
        if _fits([array.shape[axis] for axis in order], lengths):
            raise UserError(f"{mismatch}; use {name}.transpose{order}.")
    for axis, length, size in zip(axes, lengths, array.shape, strict=True):
        if length is not None and length != size and axis != "classes":  # of which class_names says more
            check_size(name, exits=size if axis == "exits" else 1, classes=2)
            raise UserError(f"{name} has {counted(size, axis[:-1])} but other arrays have {length:,}; give the same {axis} in all of them.")


def check_size(name: str, exits: int, classes: int) -> None:
    """The numbers of exits and classes are within the limits."""
    if not 1 <= exits <= MAX_EXITS:
        raise UserError(f"The number of exits in {name} is {exits}; give between 1 and {MAX_EXITS}.")
    if not 2 <= classes <= MOST_CLASSES:
        raise UserError(f"The number of classes in {name} is {classes:,}; give between 2 and {MOST_CLASSES:,} (2 for a binary classifier).")


def check_logits(logits: NDArray) -> bool:
    """Whether these are raw logits, not log-probabilities, whose scale means nothing. logits: (exits, examples, classes)"""
    check_finite("logits", logits)
    loose = 2e-2 if logits.dtype == np.float16 else 1e-3
    if logits.min() >= 0 and (abs(logits.sum(axis=-1, dtype=np.float64) - 1) < loose).all():
        raise UserError("logits look like probabilities (none is negative and every row sums to 1); rename the array to probs.")
    return not all_log_probabilities(logits, loose)


def check_probs(probs: NDArray, first: int = 0) -> None:
    """(exits, examples, classes), each row a distribution. first: number of the first of these exits"""
    check_finite("probs", probs)
    loose = 2e-2 if probs.dtype == np.float16 else 1e-3
    for exit, rows in enumerate(probs, start=first):
        if at := first_place((rows < -1e-6) | (rows > 1 + loose)):
            remedy = "if these are logits, rename the array to logits"
            place = in_words((exit, at[0]))
            raise UserError(f"probs contains {rows[at]:.4g} at {place}, but probabilities are between 0 and 1; {remedy}.")
        total = rows.sum(axis=-1, dtype=np.float64)
        if at := first_place(abs(total - 1) > loose):
            raise UserError(f"probs sum to {total[at]:.4g} at {in_words((exit, *at))}, not to 1; give the softmax over all classes.")


def check_conf(conf: NDArray) -> None:
    """(exits, examples), each the probability of the predicted class."""
    check_finite("conf", conf)
    if at := first_place((conf < 0) | (conf > 1)):
        raise UserError(f"conf contains {conf[at]:.4g} at {in_words(at)}; give the probability of the predicted class, between 0 and 1.")


def check_finite(name: str, array: NDArray, axis: str = "row") -> None:
    """The array is numeric, without NaN or infinity. axis: what the only axis of a 1-D array counts"""
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} has dtype {printable(str(array.dtype))}; give floats.")
    # min and max are NaN if any value is, so a sound array is checked without a mask as large as itself.
    if array.size and not np.isfinite([array.min(), array.max()]).all():
        at = first_place(~np.isfinite(array)) or ()
        overflown = array.dtype == np.float16 and np.isinf(array[at])
        remedy = "correct or leave out that row" if axis == "row" else "give a finite number"
        remedy = "save float32, as float16 overflows above 65,504" if overflown else remedy
        raise UserError(f"{name} contains {array[at]} at {in_words(at, axis)}; {remedy}.")


def check_rows(name: str, array: NDArray, examples: int) -> None:
    """The array has one value per example."""
    if array.shape != (examples,):
        raise UserError(f"{name} has shape {array.shape} but must be ({examples},); give one value per example.")


def check_names_differ(names: Sequence[str]) -> None:
    """Scores, features and what is known before any stage runs have names of their own."""
    for name in names:
        if list(names).count(name) > 1:
            raise UserError(f"{printable(name)!r} names two of the scores, feature_NAME and before_NAME; rename one.")


def check_exit_names(names: Sequence[str]) -> None:
    """Exits and models have names of their own. names: cleaned"""
    for name in names:
        if list(names).count(name) > 1:
            raise UserError(
                f"Two models or exits are called {name!r}, apart from invisible characters and what follows the first {MOST_CHARACTERS};"
                " rename one."
            )


def all_log_probabilities(logits: NDArray, loose: float, chunk: int = 4096) -> bool:
    """Whether every row, (exits, examples, classes), holds the logarithms of a distribution."""
    if logits.max() > loose:
        return False
    parts = (logits[:, start : start + chunk].astype(np.float64) for start in range(0, logits.shape[1], chunk))
    return all((np.abs(logsumexp(part, axis=-1)) < loose).all() for part in parts)


def _fits(shape: tuple[int, ...] | list[int], lengths: list[int | None]) -> bool:
    return all(length is None or length == size for size, length in zip(shape, lengths, strict=True))


def first_place(holds: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """The index of the first true value, or None."""
    return tuple(int(i) for i in np.unravel_index(holds.argmax(), holds.shape)) if holds.any() else None


@contextmanager
def rows_from(first: int) -> Generator[None]:
    """The arrays that are checked inside are a batch of a file that begins with this row. Messages give the rows of the file."""
    token = _first_row.set(first)
    try:
        yield
    finally:
        _first_row.reset(token)


def row_in_file(row: int) -> int:
    """The number of a row of the arrays that are being checked."""
    return _first_row.get() + row


def in_words(at: tuple[int, ...], axis: str = "row") -> str:
    """An index in words: (exit, row), (exit, row, class), or one of a 1-D array whose only axis is `axis`."""
    axes = (axis,) if len(at) == 1 else ("exit", "row", "class")
    at = tuple(row_in_file(i) if name == "row" else i for name, i in zip(axes, at, strict=False))
    words = ", ".join(f"{name} {i + (name == 'exit')}" for name, i in zip(axes, at, strict=False))
    return f"[{', '.join(map(str, at))}] ({words})" if axes[0] == "exit" else words
