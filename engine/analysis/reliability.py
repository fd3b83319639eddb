"""How far an exit's confidence can be trusted: whether it is as often right as it says, and whether it is surer where it is right.

Everything is per exit and can be asked of some examples only, above all of those that leave there: an exit is judged on whom it lets go,
and choosing them by their confidence shifts what holds for all. `among` (exits, examples) says whom each exit is judged on.
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
    """Who leaves at each exit, (exits, examples): an `among` for the functions below."""
    return route.exit == np.arange(exits)[:, None]


def confidence(outputs: Outputs) -> NDArray[np.float64]:
    """The probability each exit gives its answer, (exits, examples)."""
    return SCORES["maxprob"].shown(outputs.scores["maxprob"].astype(np.float64))


@dataclass(frozen=True, eq=False)
class Reliability:
    """Points of a reliability diagram, each (exits, bins): NaN in an empty bin.

    confidence, accuracy: means over the examples in the bin;  count: how many they are
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
    """How often each exit is right, by how probable it held that to be.

    equal: "width" cuts [0, 1] into equal bins (Guo et al. 2017), "mass" at quantiles, so that each bin has as many examples but for ties.
    A value on an edge belongs to the bin above, 1 to the last.
    """
    sure, correct = confidence(outputs), outputs.correct
    shape = (outputs.exits, bins)
    mean_confidence, accuracy, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, np.int64)
    for k in range(outputs.exits):
        here = slice(None) if among is None else among[k]
        p, hits = sure[k][here], correct[k][here]
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
    """Where going on cannot help: the exit is right, or every later one is wrong too, (exits, examples). Our own definition."""
    correct = outputs.correct
    later = np.zeros_like(correct)
    later[:-1] = np.logical_or.accumulate(correct[:0:-1], axis=0)[::-1]
    return correct | ~later


def auroc(outputs: Outputs, score: str = "maxprob", target: Mask | None = None, among: Mask | None = None) -> NDArray[np.float64]:
    """How well a score tells each exit's right answers from its wrong ones, (exits,): the chance that a right one scores higher than a
    wrong one, a tie counting half. NaN where an exit has only right answers or only wrong ones.

    target: (exits, examples), what is to be told apart instead of right from wrong; see `settled`
    """
    target = outputs.correct if target is None else target
    found = np.full(outputs.exits, np.nan)
    for k in range(outputs.exits):
        here = slice(None) if among is None else among[k]
        wanted = target[k][here]
        if wanted.any() and not wanted.all():
            found[k] = roc_auc_score(wanted, rankdata(outputs.scores[score][k][here]))  # ranks, as scores may be infinite
    return found


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk against coverage if only the surest are answered: both (examples,), from the one surest example to all of them.

    Tied examples come in no order, so the risk among them is the one expected of a random order.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def area(self) -> float:
        """AURC: the mean risk over all coverages; NaN without examples. Lower is better."""
        return float(self.risk.mean()) if len(self.risk) else float("nan")

    def coverage_at(self, risk: float) -> float:
        """The largest share that can be answered at no more than this risk; 0 if none."""
        kept = np.flatnonzero(self.risk <= risk)
        return float(self.coverage[kept[-1]]) if len(kept) else 0.0

    def risk_at(self, coverage: float) -> float:
        """The risk when at least this share is answered."""
        return float(self.risk[np.searchsorted(self.coverage, coverage - 1e-12)])


def risk_coverage(sureness: NDArray[np.floating], correct: Mask) -> RiskCoverage:
    """The curve of some answers: sureness and right (examples,)."""
    _, block, size = np.unique(-sureness, return_inverse=True, return_counts=True)
    answered = np.arange(1, len(correct) + 1)
    # Errors add up evenly along a run of ties: that is what a random order comes to on average.
    ends = np.concatenate(([0], np.cumsum(size)))
    errors = np.concatenate(([0], np.cumsum(np.bincount(block, ~correct, len(size)))))
    return RiskCoverage(answered / max(len(correct), 1), np.interp(answered, ends, errors) / answered)


def risk_coverage_per_exit(outputs: Outputs, score: str = "maxprob", among: Mask | None = None) -> tuple[RiskCoverage, ...]:
    """The curve of each exit, answering the examples it is surest of by a score."""
    who = np.ones(outputs.prediction.shape, bool) if among is None else among
    return tuple(risk_coverage(outputs.scores[score][k][who[k]], outputs.correct[k][who[k]]) for k in range(outputs.exits))
