"""The oracle: what a rule could do if it knew the labels. A bound to plot, never a policy to deploy."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Fitted, Need, Policy, Rule, check_tuning
from engine.policies.core.registry import register_policy
from engine.route import Route


def cheapest_correct(outputs: Outputs, cost: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The cheapest correct exit of every example, or the cheapest exit of all if none is correct, (examples,), and whether one is."""
    by_cost = np.argsort(cost, kind="stable")
    correct = outputs.correct[by_cost]
    solvable = np.any(correct, axis=0)
    return by_cost[np.where(solvable, correct.argmax(axis=0), 0)], solvable


@dataclass(frozen=True, eq=False)
class OracleRule(Rule):
    """Examples leave at their cheapest correct exit, least extra cost first, until the budget is spent; the rest at the cheapest exit.

    Every example served is one more correct prediction, whatever it costs, so serving the cheapest first is optimal: this is the exact
    solution of the knapsack, not a relaxation.
    """

    budget: float
    unit: str
    planned_cost: float
    knob: Mapping[str, float]

    def route(self, outputs: Outputs) -> Route:
        cost = outputs.static_cost(self.unit)
        best, _ = cheapest_correct(outputs, cost)
        extra = cost[best] - cost.min()
        order = np.lexsort((outputs.ids, extra))
        allowed = (self.budget - cost.min()) * outputs.examples
        served = np.zeros(outputs.examples, bool)
        served[order] = np.cumsum(extra[order]) <= allowed * (1 + 1e-9)
        return Route.straight(outputs, np.where(served, best, int(cost.argmin())))


@dataclass(frozen=True, eq=False)
class _OracleFit(Fitted):
    calibration: Tuning
    unit: str

    @property
    def cheapest(self) -> float:
        return float(self.calibration.static_cost(self.unit).min())

    def _solve(self, budget: float) -> Rule:
        rule = OracleRule(budget, self.unit, budget, {"budget": budget})
        spent = rule.route(self.calibration).mean_cost(self.calibration, self.unit)
        return OracleRule(budget, self.unit, spent, {"budget": budget})


@register_policy
class Oracle(Policy):
    name = "oracle"
    title = "Oracle"
    source = "Bolukbasi et al. 2017 (cheapest correct model; read in the slides). Serving the cheapest examples first: our choice."
    knob = "the budget itself"
    summary = "With the labels known, each example leaves at its cheapest correct exit, as far as the budget allows: a bound, not a policy."
    needs = frozenset({Need.LABELS})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> Fitted:
        check_tuning(fit, calibration)
        return _OracleFit(calibration, unit)
