"""Calibration and test examples that differ: knobs set on the one do not fit the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from engine.display_text import printable
from engine.importing.diagnosis.subject import Subject, at_most, without_logits
from engine.outputs import Outputs
from engine.scores import SCORES
from engine.splits import Split

#: A difference between two means counts from this number of standard errors on, if it is also this large.
ERRORS, LEAST_QUALITY = 4.0, 0.01
#: Chance explains other differences with at most this probability. As many values are looked at, it is small.
CHANCE = 1e-6
#: The least difference between two shares of the examples that matters, and the examples of each split on which it shows.
LEAST_SHARE, MOST_EXAMPLES = 0.05, 6_000
#: Classes with fewer examples are counted together.
FEWEST_OF_A_CLASS = 5


def split_difference(subject: Subject) -> str | None:
    """Looked for in quality, then in the classes, then in every number of an example."""
    evidence = _of_quality(subject) or _of_classes(subject) or _of_numbers(subject)
    if evidence is None:
        return None
    return (
        f"Calibration and test examples differ: {evidence}; knobs set on calibration may not keep their budget on test, so draw both from"
        " the same examples."
    )


def _of_quality(subject: Subject) -> str | None:
    calibration, test = (_Means.of(quality) for quality in _halves(subject.outputs, subject.outputs.quality))
    gap = np.abs(calibration.mean - test.mean)
    errors = np.where(gap >= LEAST_QUALITY, gap / np.hypot(calibration.error, test.error), 0.0)
    exit = int(errors.argmax())
    if errors[exit] <= ERRORS:
        return None
    graded = subject.outputs.is_graded
    what, where = ("has a mean quality of", "on") if graded else ("is correct on", "of the")
    shares = f"{calibration.mean[exit]:.1%} {where} calibration and {test.mean[exit]:.1%} {where} test examples"
    return f"{subject.listed([exit])} {what} {shares}, {errors[exit]:.1f} standard errors apart"


def _of_classes(subject: Subject) -> str | None:
    """By a chi-squared test of the two splits against the classes."""
    outputs = subject.outputs
    if outputs.labels is None:
        return None
    counts = np.stack([np.bincount(half, minlength=outputs.classes) for half in _halves(outputs, outputs.labels)])
    rare = counts.sum(axis=0) < FEWEST_OF_A_CLASS
    table = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)]).astype(np.float64)
    table = table[:, table.sum(axis=0) > 0]
    of_split = table.sum(axis=1, keepdims=True)
    expected = of_split * table.sum(axis=0) / table.sum()
    likelihood = chdtrc(max(table.shape[1] - 1, 1), ((table - expected) ** 2 / expected).sum())
    shares = counts / of_split
    if likelihood > CHANCE or np.abs(shares[0] - shares[1]).sum() / 2 < LEAST_SHARE:
        return None
    label = int(np.abs(shares[0] - shares[1]).argmax())
    one, other = (f"{share:.1%}" for share in shares[:, label])
    return f"{one} of the calibration and {other} of the test examples are of {subject.class_name(label)}"


def _of_numbers(subject: Subject) -> str | None:
    """By a two-sample Kolmogorov-Smirnov test of each."""
    outputs = at_most(without_logits(subject.outputs), MOST_EXAMPLES)
    for name, values, score in _numbers(outputs, subject):
        one, other = (np.sort(half[np.isfinite(half)]) for half in _halves(outputs, values))
        if min(len(one), len(other)) == 0:
            continue
        places = np.concatenate([one, other])
        below = [np.searchsorted(half, places, side="right") / len(half) for half in (one, other)]
        apart = np.abs(below[0] - below[1])
        at = int(apart.argmax())
        by_chance = np.sqrt(np.log(2 / CHANCE) / 2 * (1 / len(one) + 1 / len(other)))
        if apart[at] > max(LEAST_SHARE, by_chance):
            limit = float(SCORES[score].shown(places[at : at + 1])[0]) if score else float(places[at])
            return f"{name} is {limit:.3g} or less on {below[0][at]:.0%} of the calibration and {below[1][at]:.0%} of the test examples"
    return None


def _numbers(outputs: Outputs, subject: Subject) -> Iterator[tuple[str, NDArray, str]]:
    """Name, values (examples,), and of a score its name."""
    for name, values in outputs.before.items():
        yield f"before_{printable(name, 40)}", values, ""
    for name, values in outputs.factors.items():
        yield f"factor_{printable(name, 40)}", values, ""
    for unit, cost in outputs.stage_cost.items():
        for k, of_stage in enumerate(cost if cost.ndim == 2 else ()):
            yield f"the cost in {unit} of {subject.listed([k])}", of_stage, ""
    for k, score in enumerate(outputs.scores.get("maxprob", ())):
        yield f"the confidence of {subject.listed([k])}", score, "maxprob"
    for name, values in outputs.features.items():
        for k, of_exit in enumerate(values):
            yield f"feature_{printable(name, 40)} of {subject.listed([k])}", of_exit, ""


def _halves(outputs: Outputs, values: NDArray) -> tuple[NDArray, NDArray]:
    """The values of the calibration and of the test examples. values: (..., examples)"""
    return values[..., outputs.split == Split.CALIBRATION], values[..., outputs.split == Split.TEST]


@dataclass(frozen=True, eq=False)
class _Means:
    """Means over examples with their standard errors, (exits,) each."""

    mean: NDArray[np.float64]
    error: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray) -> "_Means":
        """values: (exits, examples)"""
        examples = values.shape[1]
        # Without any spread there would be no error: one example at least might have been different.
        variance = np.maximum(values.var(axis=1, dtype=np.float64), 1 / examples)
        return cls(values.mean(axis=1, dtype=np.float64), np.sqrt(variance / examples))
