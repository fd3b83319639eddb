"""The oracle: what a rule could do if it knew the labels. A bound to plot, never a policy to deploy."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import Quality, at_exits, by_example
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Fitted, Need, Policy, PolicyGroup, Rule, check_tuning
from engine.policies.core.registry import register_policy
from engine.route import Route


def cheapest_best(quality: Quality, cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cheapest of the best exits of every example, (examples,): of the correct ones, or of all exits if none is correct.

    quality: (exits, examples);  cost: (exits,) or (exits, examples)
    """
    cost = np.broadcast_to(by_example(cost), quality.shape)
    # Of equal costs the first: argmin returns it.
    return np.where(quality == quality.max(axis=0), cost, np.inf).argmin(axis=0)


@dataclass(frozen=True, eq=False)
class OracleRule(Rule):
    """Examples leave at their cheapest correct exit, least extra cost first, until the budget is spent; the rest at the cheapest exit.

    Every example served is one more correct prediction, whatever it costs, so serving the cheapest first is optimal: this is the exact
    solution of the knapsack, not a relaxation. Where quality is graded, an example leaves at the cheapest of its best exits, and those that
    gain most for their extra cost come first, which is no longer the optimum.
    """

    budget: float
    unit: str
    planned_cost: float
    knob: Mapping[str, float]

    def route(self, outputs: Outputs) -> Route:
        cost, quality = outputs.static_cost(self.unit), outputs.quality
        best, cheapest = cheapest_best(quality, cost), np.broadcast_to(cost.argmin(axis=0), outputs.examples)
        least = at_exits(cost, cheapest)
        extra = at_exits(cost, best) - least
        gained = at_exits(quality, best).astype(np.float64) - at_exits(quality, cheapest)
        price = np.divide(extra, gained, out=np.zeros(len(extra)), where=gained > 0)
        order = np.lexsort((outputs.ids, price))
        allowed = (self.budget - least.mean()) * outputs.examples
        served = np.zeros(outputs.examples, bool)
        served[order] = np.cumsum(extra[order]) <= allowed * (1 + 1e-9)
        return Route.straight(outputs, np.where(served, best, cheapest))


@dataclass(frozen=True, eq=False)
class _OracleFit(Fitted):
    calibration: Tuning
    unit: str

    @property
    def cheapest(self) -> float:
        cost = self.calibration.static_cost(self.unit)
        return float(cost.min(axis=0).mean())

    def _solve(self, budget: float) -> Rule:
        rule = OracleRule(budget, self.unit, budget, {"budget": budget})
        spent = rule.route(self.calibration).mean_cost(self.calibration, self.unit)
        return OracleRule(budget, self.unit, spent, {"budget": budget})


@register_policy
class Oracle(Policy):
    name = "oracle"
    title = "Oracle: cheapest best exit"
    source = "Bolukbasi et al. 2017 (cheapest correct model; read in the slides). Serving the cheapest examples first: our choice."
    knob = "the budget itself"
    summary = "With the labels known, each example leaves at its cheapest correct exit, as far as the budget allows: a bound, not a policy."
    group = PolicyGroup.BOUNDS
    formula = "leave at the cheapest correct exit, cheapest examples first, as long as the budget lasts"
    use_when = "It shows how far a policy is from leaving at the first correct exit. No bound where quality is graded."
    why = ("the labels say so", "the labels say so")
    needs = frozenset({Need.LABELS})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> Fitted:
        check_tuning(fit, calibration)
        return _OracleFit(calibration, unit)
