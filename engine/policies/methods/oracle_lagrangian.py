"""Oracles with a price of error: each example leaves where cost plus priced loss is least. Bounds to plot, never policies to deploy.

At a given price every example can be decided on its own (the Lagrangian of the multiple-choice knapsack), and no other routing of the same
examples at the same cost loses less. Mixing gives the straight line between two prices. Together this is the concave front, the exact
optimum of the knapsack relaxed to fractions of examples. `oracle` instead keeps to whole examples and spends its budget on the examples
that it routes; here the price is set on calibration, like the knob of every deployable policy.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Need, Policy, Rule, check_tuning
from engine.policies.core.mixing import OperatingPoints
from engine.policies.core.registry import register_policy
from engine.policies.methods.bolukbasi import excess
from engine.route import Route


class PricedOracle(Policy):
    knob = "lambda, the price of one error in runs of the full network"
    needs = frozenset({Need.LABELS})
    by_the_first: ClassVar[bool]  # whether a family's first network runs before any other, as it does for policies that read its outputs

    @abstractmethod
    def loss(self, outputs: Outputs) -> NDArray[np.float64]:
        """The loss of every exit on every example, (exits, examples): whole numbers, at most 1 apart for the same example."""

    def exit_share(self, outputs: Outputs, unit: str) -> NDArray[np.float64]:
        """The cost of the cheapest path to every exit, (exits,), as a share of the full network's."""
        cost = outputs.static_cost(unit).copy()
        if self.by_the_first and outputs.kind == CascadeKind.FAMILY:
            cost[1:] += cost[0]
        return cost / outputs.full_cost(unit)

    def way(self, outputs: Outputs, exit: NDArray[np.int64]) -> Route:
        """The cheapest paths to these exits, (examples,)."""
        route = Route.straight(outputs, exit)
        if self.by_the_first:
            route.visited[0] = True
        return route

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> OperatingPoints:
        check_tuning(fit, calibration)
        rules = [PricedOracleRule(self, unit, price, np.nan) for price in self._prices(calibration, unit)]
        return OperatingPoints([replace(rule, planned_cost=rule.route(calibration).mean_cost(calibration, unit)) for rule in rules])

    def _prices(self, outputs: Outputs, unit: str) -> list[float]:
        """0, and one price in each interval between the prices at which an example may change exits.

        An example changes exits when the price of its loss passes the difference between the costs of two exits. There are few such
        differences.
        """
        cost = self.exit_share(outputs, unit)
        turns = np.unique(np.abs(cost[:, None] - cost).round(12))[1:]  # without the 0 from an exit to itself
        return [0.0, *np.sqrt(turns[:-1] * turns[1:]), *2 * turns[-1:]]


@dataclass(frozen=True, eq=False)
class PricedOracleRule(Rule):
    """Every example leaves where cost + price * loss is least. Ties go to the cheaper exit, then to the one with less loss.

    oracle: defines the cost and the loss of each exit
    price:  of one unit of loss, in runs of the full network
    """

    oracle: PricedOracle
    unit: str
    price: float
    planned_cost: float

    @property
    def knob(self) -> Mapping[str, float]:
        return {"lambda": self.price}

    def route(self, outputs: Outputs) -> Route:
        cost = self.oracle.exit_share(outputs, self.unit)
        loss = self.oracle.loss(outputs)
        total = cost[:, None] + self.price * loss
        # lexsort's last key comes first: least total, then least cost, then least loss.
        best = np.lexsort((loss, np.broadcast_to(cost[:, None], loss.shape), total), axis=0)[0]
        return self.oracle.way(outputs, best)


@register_policy
@dataclass(frozen=True, eq=False)
class PenalisedOracle(PricedOracle):
    """The optimum of the objective of `bolukbasi`: its recursion with gates that never err, on the same paths."""

    credit_improvements: bool = False

    name = "oracle_penalised"
    title = "Oracle: perfect gates"
    source = "Bolukbasi et al. 2017: the recursion (slides) with its pseudo-labels in place of gates. Mixing between prices: our choice."
    summary = "Gates that know whether going on will help and aim only to match the full network: the target of learned gates."
    by_the_first = True

    def loss(self, outputs: Outputs) -> NDArray[np.float64]:
        return excess(outputs, self.credit_improvements)


@register_policy
class BudgetedOracle(PricedOracle):
    """The most correct predictions for a mean cost, by any path to any exit: no rule that uses the exits' own predictions is above it."""

    name = "oracle_budgeted"
    title = "Oracle: best use of a budget"
    source = "Definition: a multiple-choice knapsack, solved through its Lagrangian."
    summary = "With the labels known, the highest accuracy that this budget could buy."
    by_the_first = False

    def loss(self, outputs: Outputs) -> NDArray[np.float64]:
        return 1.0 - outputs.correct.astype(np.float64)
