"""Geometric quotas: the share of examples that leaves at each exit is set first, and the thresholds are set to match.

The planned share of exit k is proportional to rho^k: one number moves the whole plan from "all at the first exit" to "all at the last". rho
is solved for the budget, and exit by exit the thresholds are set so that exactly the planned number of calibration examples leaves. This is
the dynamic evaluation of MSDNet (Huang et al. 2018; form read in the code kalviny/MSDNet-PyTorch). Splitting tied scores, and leaving exits
out of a plan that does worse than the random mix, are ours (see `planned`). The policies in this file differ only in their score, so
comparing them compares scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Policy, check_tuning, lacks_score
from engine.policies.core.registry import register_policy
from engine.policies.core.scorer import RecordedScore
from engine.policies.methods.planned import Plan, PlannedFit, Shares


def geometric_quotas(log_rho: float, exits: int) -> NDArray[np.float64]:
    """Shares proportional to rho^k, (exits,). In logs, because rho spans many orders of magnitude at the ends of the budget range."""
    exponent = log_rho * np.arange(exits)
    weight = np.exp(exponent - exponent.max())
    return weight / weight.sum()


@dataclass(frozen=True, eq=False)
class GeometricPlan(Plan):
    """Geometric quotas over the exits that are kept. exit_cost: (exits,) cumulative."""

    exit_cost: NDArray[np.float64]

    def shares(self, budget: float, kept: Sequence[int]) -> Shares:
        cost = self.exit_cost[list(kept)]
        log_rho = _log_rho(budget, cost)
        leaving = np.zeros(len(self.exit_cost))
        leaving[list(kept)] = geometric_quotas(log_rho, len(cost))
        return Shares(leaving, {"log rho": log_rho})


def _log_rho(budget: float, exit_cost: NDArray[np.float64], limit: float = 60.0) -> float:
    def overspent(log_rho: float) -> float:
        return float(geometric_quotas(log_rho, len(exit_cost)) @ exit_cost) - budget

    # The planned cost rises with rho. Beyond e^60 the quotas no longer change in float64.
    if overspent(limit) <= 0:
        return limit
    if overspent(-limit) >= 0:
        return -limit
    return cast(float, brentq(overspent, -limit, limit, xtol=1e-12))


class GeometricQuotas(Policy):
    """Base of the policies below: subclasses name the score."""

    score: str
    knob = "rho, the ratio between the quotas of neighbouring exits"

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        return super().unavailable_reason(outputs) or lacks_score(self, self.score, outputs)

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> PlannedFit:
        check_tuning(fit, calibration)
        return PlannedFit(GeometricPlan(calibration.mean_cascade_cost(unit)), RecordedScore(self.score), calibration, unit)


@register_policy
class MaxProb(GeometricQuotas):
    name = "maxprob"
    title = "MSDNet: top probability"
    source = "Huang et al. 2018, budgeted batch classification; quotas and thresholds as in the code kalviny/MSDNet-PyTorch."
    summary = "Examples leave as soon as the probability of their most likely class is high enough."
    formula = "leave at the first exit k with max p_k ≥ t_k; t_k from quotas proportional to ρ^k"
    use_when = "There are few calibration examples, or the policy must be explained in one sentence."
    score = "maxprob"


@register_policy
class Entropy(GeometricQuotas):
    name = "entropy"
    title = "BranchyNet: entropy"
    source = (
        "Teerapittayanon et al. 2016: leave when the entropy is below the exit's threshold. Thresholds by geometric quotas: our choice."
    )
    summary = "Examples leave as soon as the entropy is low enough, which means that the probability is concentrated on few classes."
    formula = "leave at the first exit k with −Σ p_k log p_k ≤ t_k; t_k from quotas proportional to ρ^k"
    use_when = "There are many classes, and how the rest of the probability is spread matters."
    score = "entropy"
