"""The alpha rule: leave when the confidence is at least alpha times that of a typical correct prediction of this exit.

After Passalis, Raitoharju, Gabbouj and Tefas (MMSP 2020), who propose one interpretable knob from faster to more accurate and a balanced
use of the exits. Which statistic they use at each exit was not read. Ours is mu_k, the mean top probability of the fit examples that exit k
predicts correctly. An example leaves at the first exit with max-prob >= alpha * mu_k. At alpha = 1 it must be as confident as a typical
correct prediction at that depth; smaller is faster, larger is stricter. Each exit is compared with its own level of confidence, so an early
exit with low confidence is not shut out. This is what should balance the exits.

On the shipped networks for images it does not: docs/bag-of-features.md compares it with one threshold for all exits at equal cost.

An exit with alpha * mu_k above 1 is closed. So is an exit without a correct fit example, for every alpha above 0. At alpha = 0 all examples
leave at the first exit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Fitted, Policy, Rule, ThresholdSpec, check_tuning, lacks_score
from engine.policies.core.online_rules import ExitOutputs, SequentialOnlineRule
from engine.policies.core.registry import register_policy
from engine.policies.core.saved_types import Cascade, has_shape, register_saved
from engine.policies.core.thresholds import first_sure_exit
from engine.policies.methods.single import exact_curve, tied_note
from engine.route import Route


def mean_correct_confidence(outputs: Outputs) -> NDArray[np.float64]:
    """mu_k: mean top probability of each exit's correct predictions, (exits,); infinite at an exit without any.

    Where quality is graded, each example counts by its quality.
    """
    confidence, quality = expit(outputs.scores["maxprob"].astype(np.float64)), outputs.quality
    count = quality.sum(axis=1, dtype=np.float64)
    mean = np.divide((confidence * quality).sum(axis=1), count, out=np.full(outputs.exits, np.inf), where=count > 0)
    return np.where(mean > 0, mean, np.inf)


def relative_sureness(outputs: Outputs, mean_confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """The top probability of each exit as a multiple of its mu_k, (exits, examples). 0 at an exit without a correct prediction."""
    return _relative(outputs.scores["maxprob"], mean_confidence[:, None])


def _relative(score: NDArray[np.float32], mean_confidence: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    # float64 tells top probabilities apart up to log-odds of 36; the float32 softmax would stop at 17.
    # An exit that failed, whose score is minus infinity, is not left at any alpha, not even 0.
    return np.where(np.isneginf(score), -np.inf, expit(score.astype(np.float64)) / mean_confidence)


@register_saved("alpha")
@dataclass(frozen=True, eq=False)
class AlphaRule(Rule):
    """mean_confidence: (exits,), mu_k."""

    alpha: float
    mean_confidence: NDArray[np.float64]
    planned_cost: float
    note: str = ""

    @property
    def knob(self) -> Mapping[str, float]:
        return {"alpha": self.alpha}

    def threshold_spec(self) -> ThresholdSpec:
        thresholds = self.alpha * self.mean_confidence[:-1] if self.alpha > 0 else np.zeros(len(self.mean_confidence) - 1)
        return ThresholdSpec("maxprob", np.where(thresholds > 1, np.inf, logit(np.minimum(thresholds, 1))))

    def route(self, outputs: Outputs) -> Route:
        relative = relative_sureness(outputs, self.mean_confidence)
        return Route.through(outputs, first_sure_exit(relative, np.full(outputs.exits - 1, self.alpha)))

    def online_rule(self, kind: CascadeKind) -> SequentialOnlineRule:
        return SequentialOnlineRule(self._leaves)

    def fits(self, cascade: Cascade) -> bool:
        return self.alpha >= 0 and has_shape(self.mean_confidence, cascade.exits) and bool((self.mean_confidence > 0).all())

    def _leaves(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.bool_]:
        return _relative(exit_outputs.score(exit, "maxprob"), self.mean_confidence[exit]) >= self.alpha


@dataclass(frozen=True, eq=False)
class AlphaFit(Fitted):
    """The exact curve of cost against alpha.

    levels, cost:    (steps,) increasing, see `single.exact_curve`
    mean_confidence: (exits,), mu_k
    """

    levels: NDArray[np.float64]
    cost: NDArray[np.float64]
    mean_confidence: NDArray[np.float64]

    @property
    def cheapest(self) -> float:
        return float(self.cost[0])

    def _solve(self, budget: float) -> AlphaRule:
        step = int(np.searchsorted(self.cost, budget * (1 + 1e-12), side="right")) - 1
        spent = float(self.cost[step])
        note = tied_note(spent, float(self.cost[step + 1]) if step + 1 < len(self.cost) else None, budget)
        return AlphaRule(float(self.levels[step]), self.mean_confidence, spent, note)


def strictest(mean_confidence: NDArray[np.float64]) -> float:
    """The smallest alpha that closes every exit but the last: no top probability exceeds 1."""
    return float(np.nextafter(1 / mean_confidence[:-1].min(initial=1.0), np.inf))


@register_policy
class BofAlpha(Policy):
    name = "bof_alpha"
    title = "Alpha rule"
    source = "After Passalis et al. 2020 (bag-of-features early exits, MMSP). Mean top probability of correct predictions: our statistic."
    knob = "alpha, the required confidence as a multiple of the mean confidence of an exit's correct predictions"
    summary = "Examples leave when the confidence is at least alpha times what this exit usually reaches when it is correct."
    formula = "leave at the first exit k with max p_k ≥ α · m_k; m_k = mean top probability of the correct predictions of exit k"
    use_when = (
        "One interpretable knob is wanted for exits whose confidences differ in level. It was proposed for balanced exits too; on three"
        " data sets of images it used them no more evenly than one threshold for all at the same cost, see docs/bag-of-features.md."
    )
    score = "maxprob"

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        return super().unavailable_reason(outputs) or lacks_score(self, self.score, outputs)

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> AlphaFit:
        check_tuning(fit, calibration)
        mean_confidence = mean_correct_confidence(fit)
        levels, cost = exact_curve(relative_sureness(calibration, mean_confidence), calibration.cascade_cost(unit))
        # At the lowest level all of these examples leave at the first exit; at 0 any example does. The infinite level closes all exits but
        # the last; `strictest` does the same.
        levels[0] = 0.0
        return AlphaFit(np.minimum(levels, strictest(mean_confidence)), cost, mean_confidence)
