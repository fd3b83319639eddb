"""Geometric quotas: how many shall leave at each exit is set first, the thresholds follow.

The share meant to leave at exit k is proportional to rho^k, one number that bends the whole plan from "all at the first" to "all at the
last"; it is solved for the budget. The thresholds then let exactly that many calibration examples out, exit after exit. This is the
dynamic evaluation of MSDNet (Huang et al. 2018; form read in the code kalviny/MSDNet-PyTorch). Policies of this file differ only in the
score they trust, so comparing them compares scores.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from engine.outputs import Outputs, Tuning
from engine.policies.base import Fitted, Policy, check_tuning, lacks_score
from engine.policies.registry import register
from engine.policies.threshold import ThresholdRule


def geometric_quotas(log_rho: float, exits: int) -> NDArray[np.float64]:
    """Shares proportional to rho^k, (exits,). In logs, because rho spans many orders of magnitude at the ends of the budget."""
    exponent = log_rho * np.arange(exits)
    weight = np.exp(exponent - exponent.max())
    return weight / weight.sum()


def thresholds_for(quotas: NDArray[np.float64], scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Thresholds that let floor(quota * examples) leave at each exit, the surest of those still there.

    quotas (exits,), scores (exits, examples) -> (exits - 1,). Ties with the last one let out leave too.
    """
    exits, examples = scores.shape
    thresholds = np.full(exits - 1, np.inf)
    there = np.arange(examples)
    for k in range(exits - 1):
        leaving = int(quotas[k] * examples + 1e-9)
        if leaving >= len(there):
            # The plan sends on nobody, so neither does the rule: a finite threshold would send surprises all the way to the last exit.
            thresholds[k:] = -np.inf
            break
        if leaving > 0:
            here = scores[k, there]
            thresholds[k] = np.partition(here, len(here) - leaving)[len(here) - leaving]
            there = there[here < thresholds[k]]
    return thresholds


@dataclass(frozen=True, eq=False)
class QuotaFit(Fitted):
    """Geometric quotas over one score. scores: (exits, calibration examples); exit_cost: (exits,) cumulative."""

    score: str
    scores: NDArray[np.float32]
    exit_cost: NDArray[np.float64]

    @cached_property
    def cheapest(self) -> float:
        return float(self.exit_cost[0])

    def _solve(self, budget: float) -> ThresholdRule:
        log_rho = self._log_rho(budget)
        quotas = geometric_quotas(log_rho, len(self.exit_cost))
        return ThresholdRule(
            score=self.score,
            thresholds=thresholds_for(quotas, self.scores),
            knob={"log rho": log_rho},
            planned_cost=float(quotas @ self.exit_cost),
        )

    def _log_rho(self, budget: float, limit: float = 60.0) -> float:
        def overspent(log_rho: float) -> float:
            return float(geometric_quotas(log_rho, len(self.exit_cost)) @ self.exit_cost) - budget

        # The planned cost rises with rho; beyond e^60 the quotas no longer change in float64.
        if overspent(limit) <= 0:
            return limit
        if overspent(-limit) >= 0:
            return -limit
        return float(brentq(overspent, -limit, limit, xtol=1e-12))


class GeometricQuotas(Policy):
    """Base of the policies below: subclasses name the score."""

    score: str
    knob = "rho, the ratio between the quotas of neighbouring exits"

    def why_not(self, outputs: Outputs) -> str | None:
        return super().why_not(outputs) or lacks_score(self, self.score, outputs)

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> QuotaFit:
        check_tuning(fit, calibration)
        return QuotaFit(self.score, calibration.scores[self.score], calibration.cascade_cost(unit))


@register
class MaxProb(GeometricQuotas):
    name = "maxprob"
    title = "MSDNet: top probability"
    source = "Huang et al. 2018, budgeted batch classification; quotas and thresholds as in the code kalviny/MSDNet-PyTorch."
    student = "Leave as soon as the likeliest class is likely enough."
    score = "maxprob"


@register
class Entropy(GeometricQuotas):
    name = "entropy"
    title = "BranchyNet: entropy"
    source = "Teerapittayanon et al. 2016: leave when the entropy is below the exit's threshold. Geometric quotas set it here: our choice."
    student = "Leave as soon as the answer is undecided about little: probability piled on few classes."
    score = "entropy"
