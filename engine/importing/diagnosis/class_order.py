"""Classes that an exit numbers differently from the labels: shifted by one, or in another order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engine.importing.diagnosis.subject import Subject

#: How much a relabelling must lift the accuracy of an exit, and by how many standard errors.
LIFT, ERRORS = 0.1, 4.0
#: How much better than chance the relabelled exit must be: the share of the way from chance to perfect (Cohen's kappa).
BETTER_THAN_CHANCE = 0.2
#: With more classes only shifts are looked for: the best order takes time with the cube of their number.
MOST_CLASSES = 2000


@dataclass(frozen=True, eq=False)
class Relabelling:
    """What the classes of an exit likely are.

    shift:    what its classes are too high by, or 0
    label_of: (classes,) the label that each of its classes likely is
    accuracy, relabelled: as given and with this relabelling
    """

    shift: int
    label_of: NDArray[np.int64]
    accuracy: float
    relabelled: float


def class_order(subject: Subject) -> str | None:
    likely = relabellings(subject)
    if not likely:
        return None
    exit, first = next(iter(likely.items()))
    same = [k for k, other in likely.items() if np.array_equal(other.label_of, first.label_of)]
    others = [k for k in likely if k not in same]
    if first.shift:
        extra = ", as with a background class in front" if first.shift > 0 else ""
        what = f"one {'higher' if first.shift > 0 else 'lower'} than the labels{extra}"
        remedy = f"{'subtract' if first.shift > 0 else 'add'} 1"
    else:
        what = f"in another order than the labels, most likely {_in_words(first.label_of, subject)}"
        remedy = "relabel them"
    more = f"; {subject.listed(others)} {'is' if len(others) == 1 else 'are'} in yet another order" if others else ""
    return (
        f"The classes of {subject.listed(same)} seem to be numbered {what}: {subject.listed([exit])} is correct on {first.accuracy:.1%} of"
        f" the examples and would be on {first.relabelled:.1%}; {remedy} and import again{more}."
    )


def relabellings(subject: Subject) -> dict[int, Relabelling]:
    """The exits whose classes likely need another number, by exit."""
    outputs = subject.outputs
    if not outputs.has_classes:
        return {}
    labels = outputs.known_labels.astype(np.int64)
    likely = ((k, _relabelling(of_exit.astype(np.int64), labels, outputs.classes)) for k, of_exit in enumerate(outputs.known_prediction))
    return {k: relabelling for k, relabelling in likely if relabelling is not None}


def _relabelling(prediction: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> Relabelling | None:
    accuracy = float((prediction == labels).mean())
    identity = np.arange(classes)
    candidates = []
    for shift in (1, -1):
        relabelled = float((prediction - shift == labels).mean())
        if _is_likely(accuracy, relabelled, prediction - shift, labels):
            candidates.append(Relabelling(shift, identity - shift, accuracy, relabelled))
    best = max(candidates, key=lambda one: one.relabelled, default=None)
    order = _best_order(prediction, labels, classes, accuracy) if classes <= MOST_CLASSES else None
    # A shift explains more simply what an order explains a little better.
    return order if best is None or (order is not None and order.relabelled > best.relabelled + LIFT) else best


def _best_order(prediction: NDArray[np.int64], labels: NDArray[np.int64], classes: int, accuracy: float) -> Relabelling | None:
    """The order that makes most predictions correct. It is learned on every other example and judged on the rest, so that a large number
    of classes does not make any order look good.
    """

    def confusion(rows: slice) -> NDArray[np.int64]:
        return np.bincount(prediction[rows] * classes + labels[rows], minlength=classes**2).reshape(classes, classes)

    def assigned(counts: NDArray[np.int64]) -> NDArray[np.int64]:
        return linear_sum_assignment(2 * counts + np.eye(classes, dtype=np.int64), maximize=True)[1]  # its own label, if nothing decides

    learned, judged = confusion(np.s_[::2]), np.s_[1::2]
    if (learned + confusion(judged)).max(axis=1).sum() < (accuracy + LIFT) * len(labels):
        return None  # no order lifts the accuracy enough
    relabelled = assigned(learned)[prediction[judged]]
    lifted = float((relabelled == labels[judged]).mean())
    before = float((prediction[judged] == labels[judged]).mean())
    if not _is_likely(before, lifted, relabelled, labels[judged]):
        return None
    label_of = assigned(confusion(np.s_[:]))
    return Relabelling(0, label_of, accuracy, float((label_of[prediction] == labels).mean()))


def _is_likely(accuracy: float, relabelled: float, prediction: NDArray[np.int64], labels: NDArray[np.int64]) -> bool:
    error = np.sqrt(max(relabelled * (1 - relabelled), 1 / len(labels)) / len(labels))
    chance = by_chance(prediction, labels)
    enough = relabelled - accuracy >= max(LIFT, ERRORS * error)
    return enough and relabelled - chance >= BETTER_THAN_CHANCE * (1 - chance)


def by_chance(prediction: NDArray[np.integer], labels: NDArray[np.integer]) -> float:
    """The accuracy of predictions as frequent as these that have nothing to do with the labels."""
    least, most = min(prediction.min(), labels.min()), max(prediction.max(), labels.max())
    share = [np.bincount(values - least, minlength=int(most - least) + 1) / len(values) for values in (prediction, labels)]
    return float(share[0] @ share[1])


def _in_words(label_of: NDArray[np.int64], subject: Subject) -> str:
    moved = np.flatnonzero(label_of != np.arange(len(label_of))).tolist()
    pairs = [f"{_short(c, subject)} for {_short(int(label_of[c]), subject)}" for c in moved[:6]]
    return ", ".join(pairs) + (f" and {len(moved) - 6} more" if len(moved) > 6 else "")


def _short(label: int, subject: Subject) -> str:
    """Only the number where the name is no more."""
    name = subject.class_name(label)
    return str(label) if name == f"Class {label}" else name
