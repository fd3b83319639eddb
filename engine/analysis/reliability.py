"""How reliable an exit's confidence is: whether it matches the exit's accuracy, and whether it is higher where the exit is correct.

Everything is per exit and can be restricted to some examples, above all those that leave there: an exit matters only for the examples that
leave, and selecting these by confidence changes the statistics. `among` (exits, examples) selects the examples each exit is judged on.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from engine.outputs import Outputs
from engine.route import Route
from engine.scores import SCORES

Mask = NDArray[np.bool_]


def leavers(route: Route, exits: int) -> Mask:
    """Which examples leave at each exit, (exits, examples): an `among` for the functions below."""
    return route.exit == np.arange(exits)[:, None]


def confidence(outputs: Outputs) -> NDArray[np.floating]:
    """The probability each exit gives its prediction, (exits, examples)."""
    return SCORES["maxprob"].shown(outputs.scores["maxprob"].astype(np.float64))


@dataclass(frozen=True, eq=False)
class Reliability:
    """Points of a reliability diagram, each (exits, bins).

    confidence, accuracy: means over the examples in the bin, NaN in an empty bin
    count:                number of examples in the bin
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]

    @property
    def ece(self) -> NDArray[np.float64]:
        """Expected calibration error, (exits,): mean over examples of their bin's |accuracy - confidence|. NaN without examples."""
        gap = np.nan_to_num(abs(self.accuracy - self.confidence))
        examples = self.count.sum(axis=1)
        return np.divide((gap * self.count).sum(axis=1), examples, out=np.full(len(examples), np.nan), where=examples > 0)


def reliability(outputs: Outputs, among: Mask | None = None, bins: int = 15, equal: Literal["width", "mass"] = "width") -> Reliability:
    """The accuracy of each exit as a function of its confidence.

    equal: "width" splits [0, 1] into bins of equal width (Guo et al. 2017), "mass" at quantiles, so that bins hold equally many examples
           except for ties. A value on an edge belongs to the bin above, 1 to the last bin.
    """
    top_probability, correct = confidence(outputs), outputs.correct
    shape = (outputs.exits, bins)
    mean_confidence, accuracy, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, np.int64)
    for k in range(outputs.exits):
        here = slice(None) if among is None else among[k]
        p, hits = top_probability[k][here], correct[k][here]
        if len(p) == 0:
            continue
        steps = np.linspace(0, 1, bins + 1)[1:-1]
        edges = steps if equal == "width" else np.quantile(p, steps)
        bin = np.searchsorted(edges, p, side="right")
        count[k] = np.bincount(bin, minlength=bins)
        some = count[k] > 0
        mean_confidence[k, some] = np.bincount(bin, p, bins)[some] / count[k, some]
        accuracy[k, some] = np.bincount(bin, hits, bins)[some] / count[k, some]
    return Reliability(mean_confidence, accuracy, count)


def settled(outputs: Outputs) -> Mask:
    """Where going on cannot help: the exit is correct, or all later exits are incorrect too, (exits, examples). Our own definition."""
    correct = outputs.correct
    later = np.zeros_like(correct)
    later[:-1] = np.logical_or.accumulate(correct[:0:-1], axis=0)[::-1]
    return correct | ~later


def auroc(outputs: Outputs, score: str = "maxprob", target: Mask | None = None, among: Mask | None = None) -> NDArray[np.float64]:
    """How well a score separates each exit's correct predictions from its incorrect ones, (exits,).

    AUROC: the probability that a correct prediction scores higher than an incorrect one, where a tie counts half. NaN if an exit has only
    correct or only incorrect predictions.
    target: (exits, examples), the classes to separate instead of correct and incorrect; see `settled`
    """
    target = outputs.correct if target is None else target
    values = np.full(outputs.exits, np.nan)
    for k in range(outputs.exits):
        here = slice(None) if among is None else among[k]
        positive = target[k][here]
        if positive.any() and not positive.all():
            values[k] = roc_auc_score(positive, rankdata(outputs.scores[score][k][here]))  # ranks, because scores may be infinite
    return values


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk as a function of coverage if only the most confident examples are predicted: both (examples,), from one example to all.

    Tied examples have no order, so the risk among them is the expectation over a random order.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def area(self) -> float:
        """AURC: the mean risk over all coverages; NaN without examples. Lower is better."""
        return float(self.risk.mean()) if len(self.risk) else float("nan")

    def coverage_at(self, risk: float) -> float:
        """The largest share that can be predicted with at most this risk, or 0 if none can."""
        kept = np.flatnonzero(self.risk <= risk)
        return float(self.coverage[kept[-1]]) if len(kept) else 0.0

    def risk_at(self, coverage: float) -> float:
        """The risk if at least this share is predicted."""
        return float(self.risk[np.searchsorted(self.coverage, coverage - 1e-12)])


def risk_coverage(sureness: NDArray[np.floating], correct: Mask) -> RiskCoverage:
    """The curve of some predictions: sureness, correct (examples,)."""
    _, block, size = np.unique(-sureness, return_inverse=True, return_counts=True)
    covered = np.arange(1, len(correct) + 1)
    # Along a run of ties the errors rise linearly, which is the average over random orders.
    ends = np.concatenate(([0], np.cumsum(size)))
    errors = np.concatenate(([0], np.cumsum(np.bincount(block, ~correct, len(size)))))
    return RiskCoverage(covered / max(len(correct), 1), np.interp(covered, ends, errors) / covered)


def risk_coverage_per_exit(outputs: Outputs, score: str = "maxprob", among: Mask | None = None) -> tuple[RiskCoverage, ...]:
    """The curve of each exit, with its examples ordered by a score."""
    among = np.ones((outputs.exits, outputs.examples), bool) if among is None else among
    return tuple(risk_coverage(outputs.scores[score][k][among[k]], outputs.correct[k][among[k]]) for k in range(outputs.exits))
