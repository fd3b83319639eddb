"""What other people's arrays must be. Every refusal is one sentence that names the array, the place and the remedy.

Exits, rows and classes are counted from 0 in every sentence, as in the arrays themselves; a row is an example.
"""

from collections.abc import Mapping
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from engine.display_text import printable
from engine.errors import UserError
from engine.outputs import MAX_EXITS, exactly_whole, largest_exact

MOST_CLASSES = 100_000
MOST_EXAMPLES = 10_000_000


def whole_numbers(name: str, array: NDArray) -> NDArray[np.int64]:
    """The array as int64, if it holds whole numbers only, in whatever type."""
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} holds {printable(str(array.dtype))}, not numbers; give whole numbers.")
    if at := first_place(~exactly_whole(array)):
        most, kind = largest_exact(array.dtype), array.dtype.kind
        remedy = {"f": f"{array.dtype} is exact up to {most:,} only; save integers", "u": f"the largest that can be kept is {most:,}"}
        too_large = kind == "u" or np.abs(array[at].astype(np.float64)) > most
        why = f", and {remedy[kind]}." if too_large else "; give whole numbers."
        raise UserError(f"{name} has {array[at]} in {in_words(at)}{why}")
    return array.astype(np.int64)


def check_labels(labels: NDArray) -> NDArray[np.int64]:
    """(examples,) whole numbers from 0."""
    if labels.ndim != 1:
        remedy = "use labels[:, 0] if they are a column, labels.argmax(axis=1) if they are one-hot"
        raise UserError(f"labels has shape {labels.shape}, expected (examples,); {remedy}.")
    if not 2 <= len(labels) <= MOST_EXAMPLES:
        raise UserError(f"labels has {len(labels):,} rows; give between 2 and {MOST_EXAMPLES:,} examples.")
    labels = whole_numbers("labels", labels)
    if at := first_place(labels < 0):
        raise UserError(f"labels has {labels[at]} in {in_words(at)}; number the classes from 0 and leave out examples without a label.")
    return labels


def check_in_range(name: str, answers: NDArray[np.int64], classes: int) -> None:
    """Every answer, or label, is one of the classes."""
    if at := first_place((answers < 0) | (answers >= classes)):
        counted_from_1 = answers.min() == 1 and answers.max() == classes
        remedy = "these seem to be counted from 1, so subtract 1" if counted_from_1 else "correct or leave out that row"
        raise UserError(f"{name} has {answers[at]} in {in_words(at)}, and the {classes} classes are numbered 0 to {classes - 1}; {remedy}.")


def check_axes(name: str, array: NDArray, axes: Mapping[str, int | None]) -> None:
    """The array has these axes, {name: length where it is known}, in this order."""
    expected = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    known = list(axes.values())
    if array.ndim != len(axes):
        remedy = f"for a single exit use {name}[None], for several numpy.stack" if array.ndim == len(axes) - 1 else "give these axes"
        raise UserError(f"{name} has shape {array.shape}, expected {expected}; {remedy}.")
    if _fits(array.shape, known):
        return
    for order in permutations(range(len(axes))):
        if _fits([array.shape[axis] for axis in order], known):
            raise UserError(f"{name} has shape {array.shape}, which is not {expected}; use {name}.transpose{order}.")
    if array.shape[1] != axes["examples"]:
        raise UserError(f"{name} has {array.shape[1]:,} examples and labels has {axes['examples']:,}; give the same rows in both.")


def check_size(name: str, exits: int, classes: int) -> None:
    """As many exits and classes as can be worked with."""
    if not 1 <= exits <= MAX_EXITS:
        raise UserError(f"{name} has {exits} exits; give between 1 and {MAX_EXITS}.")
    if not 2 <= classes <= MOST_CLASSES:
        raise UserError(f"{name} has {classes:,} classes; give between 2 and {MOST_CLASSES:,} (a yes-or-no network has two).")


def check_logits(logits: NDArray) -> bool:
    """Whether these are raw logits rather than logarithms of probabilities, whose scale says nothing. (exits, examples, classes)"""
    check_finite("logits", logits)
    loose = 2e-2 if logits.dtype == np.float16 else 1e-3
    if logits.min() >= 0 and (abs(logits.sum(axis=-1, dtype=np.float64) - 1) < loose).all():
        raise UserError("logits look like probabilities (none is negative and every row sums to 1); name the array probs.")
    return not _all_log_probabilities(logits, loose)


def check_probs(probs: NDArray) -> None:
    """(exits, examples, classes), each row a distribution."""
    check_finite("probs", probs)
    loose = 2e-2 if probs.dtype == np.float16 else 1e-3
    for exit, rows in enumerate(probs):
        if at := first_place((rows < -1e-6) | (rows > 1 + loose)):
            remedy = "if these are logits, name the array logits"
            raise UserError(f"probs has {rows[at]:.4g} in {in_words((exit, at[0]))}, and probabilities lie between 0 and 1; {remedy}.")
        total = rows.sum(axis=-1, dtype=np.float64)
        if at := first_place(abs(total - 1) > loose):
            raise UserError(f"probs sum to {total[at]:.4g} in {in_words((exit, *at))}, not to 1; give the softmax over all classes.")


def check_conf(conf: NDArray) -> None:
    """(exits, examples), each the probability of an answer."""
    check_finite("conf", conf)
    if at := first_place((conf < 0) | (conf > 1)):
        raise UserError(f"conf has {conf[at]:.4g} in {in_words(at)}; give the probability of the answer, between 0 and 1.")


def check_finite(name: str, array: NDArray) -> None:
    """Numbers only, none of them NaN or infinite."""
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name} holds {printable(str(array.dtype))}, not numbers; give floats.")
    # Both ends of a range with a NaN in it are NaN: no table of flags as large as the array is needed to know that all is well.
    if array.size and not np.isfinite([array.min(), array.max()]).all():
        at = first_place(~np.isfinite(array))
        overflown = array.dtype == np.float16 and np.isinf(array[at])
        remedy = "save float32, as float16 ends at 65,504" if overflown else "correct or leave out that row"
        raise UserError(f"{name} has {array[at]} in {in_words(at)}; {remedy}.")


def check_rows(name: str, array: NDArray, examples: int) -> None:
    """One value for every example."""
    if array.shape != (examples,):
        raise UserError(f"{name} has shape {array.shape}, and labels has {examples:,} rows; give one value for each, ({examples},).")


def _all_log_probabilities(logits: NDArray, loose: float, chunk: int = 4096) -> bool:
    if logits.max() > loose:
        return False
    parts = (logits[:, start : start + chunk].astype(np.float64) for start in range(0, logits.shape[1], chunk))
    return all((abs(logsumexp(part, axis=-1)) < loose).all() for part in parts)


def _fits(shape: tuple[int, ...] | list[int], known: list[int | None]) -> bool:
    return all(length is None or length == found for found, length in zip(shape, known, strict=True))


def first_place(holds: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """Where the first of them is that holds, if any does."""
    return tuple(int(i) for i in np.unravel_index(holds.argmax(), holds.shape)) if holds.any() else None


def in_words(at: tuple[int, ...]) -> str:
    """(row,), (exit, row) or (exit, row, class) in words."""
    return ", ".join(f"{axis} {i}" for axis, i in zip(("row",) if len(at) == 1 else ("exit", "row", "class"), at, strict=False))
