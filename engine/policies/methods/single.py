"""One threshold for all exits, what most people try first (Shallow-Deep Networks, Kaya et al. 2019, rule read in the code)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import mean_over_examples
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Fitted, Policy, check_tuning, lacks_score, score_named
from engine.policies.core.registry import register_policy
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule
from engine.thresholds.curve import ExactCurve

#: A smaller unspent share of the budget is not worth a note.
NOTEWORTHY = 0.02


@dataclass(frozen=True, eq=False)
class SingleThresholdFit(Fitted):
    """The exact curve of cost against the one threshold.

    levels: (steps,) float64 increasing, the thresholds at which an example's exit changes
    cost:   (steps,) mean cost per calibration example at each of these thresholds
    """

    score: str
    levels: NDArray[np.float64]
    cost: NDArray[np.float64]
    exits: int

    @property
    def cheapest(self) -> float:
        return float(self.cost[0])

    def _solve(self, budget: float) -> ThresholdRule:
        step = int(np.searchsorted(self.cost, budget * (1 + 1e-12), side="right")) - 1
        level = float(self.levels[step])
        shown = float(score_named(self.score).shown(np.asarray(level)))
        spent = float(self.cost[step])
        note = tied_note(spent, float(self.cost[step + 1]) if step + 1 < len(self.cost) else None, budget)
        return ThresholdRule(RecordedScore(self.score), np.full(self.exits - 1, level), {"threshold": shown}, spent, note=note)


def tied_note(spent: float, next_spent: float | None, budget: float) -> str:
    """One sentence if tied scores leave much of the budget unspent, else an empty string.

    spent, next_spent: mean costs of the setting for the budget and of the next stricter one, None if it is the strictest
    One knob moves all exits at once, and all examples with the same score leave together, so it cannot split them.
    """
    if next_spent is None or spent >= (1 - NOTEWORTHY) * budget:
        return ""
    share = spent / budget
    return f"Many examples have the same score, and one knob for all exits cannot split them, so only {share:.0%} of this budget is spent."


def exact_curve(scores: NDArray[np.floating], exit_cost: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every threshold that makes a difference, and the mean cost at it.

    scores (exits, examples); exit_cost (exits,) or (exits, examples) cumulative -> levels (steps,), cost (steps,); see
    `engine.thresholds.curve`
    """
    if len(scores) == 1:
        return np.array([-np.inf]), mean_over_examples(exit_cost).copy()
    curve = ExactCurve.of(scores)
    return curve.levels, curve.mean_cost(exit_cost)


@register_policy
class SingleThreshold(Policy):
    name = "single_threshold"
    title = "One threshold for all exits"
    source = "Kaya et al. 2019 (Shallow-Deep Networks): leave when the top probability is at least one shared threshold."
    knob = "the threshold"
    summary = "Examples leave at the first exit whose top probability reaches one shared threshold, for example 90%."
    formula = "leave at the first exit k with max p_k ≥ t; the same t at every exit"
    use_when = "One number must be readable by everyone, and the exits are about equally well calibrated."
    score = "maxprob"

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        return super().unavailable_reason(outputs) or lacks_score(self, self.score, outputs)

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> SingleThresholdFit:
        check_tuning(fit, calibration)
        levels, cost = exact_curve(calibration.scores[self.score], calibration.cascade_cost(unit))
        return SingleThresholdFit(self.score, levels, cost, calibration.exits)
