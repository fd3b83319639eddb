"""Oracles with a price of error: each example leaves where cost plus priced loss is least. Bounds to plot, never policies to deploy.

At a given price every example can be decided on its own (the Lagrangian of the multiple-choice knapsack), and no other routing of the same
examples at the same cost loses less. Mixing gives the straight line between two prices. Together this is the concave front, the exact
optimum of the knapsack relaxed to fractions of examples. `oracle` instead keeps to whole examples and spends its budget on the examples
that it routes; here the price is set on calibration, like the knob of every deployable policy.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import by_example
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Need, Policy, PolicyGroup, Rule, check_tuning
from engine.policies.core.mixing import OperatingPoints
from engine.policies.core.registry import register_policy
from engine.policies.methods.bolukbasi import excess
from engine.route import Route

#: Where the prices at which an example changes exits are many, so many of their quantiles are taken.
MOST_PRICES = 400


class PricedOracle(Policy):
    knob = "lambda, the price of one error in runs of the full network"
    needs = frozenset({Need.LABELS})
    by_the_first: ClassVar[bool]  # whether a family's first network runs before any other, as it does for policies that read its outputs

    @abstractmethod
    def loss(self, outputs: Outputs) -> NDArray[np.float64]:
        """The loss of every exit on every example, (exits, examples), at most 1 apart for the same example.

        Whole numbers where quality is correct or not.
        """

    def exit_share(self, outputs: Outputs, unit: str, full_cost: float | None = None) -> NDArray[np.float64]:
        """The cost of the cheapest path to every exit, (exits,) or (exits, examples), as a share of the full network's.

        full_cost: the mean cost of the full network, that of these outputs if left out
        """
        cost = outputs.static_cost(unit).copy()
        if self.by_the_first and outputs.kind == CascadeKind.FAMILY:
            cost[1:] += cost[0]
        return cost / (outputs.full_cost(unit) if full_cost is None else full_cost)

    def way(self, outputs: Outputs, exit: NDArray[np.int64]) -> Route:
        """The cheapest paths to these exits, (examples,)."""
        route = Route.straight(outputs, exit)
        if self.by_the_first:
            route.visited[0] = True
        return route

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> OperatingPoints:
        check_tuning(fit, calibration)
        cost, loss = self.exit_share(calibration, unit), self.loss(calibration)
        rules = [PricedOracleRule(self, unit, price, np.nan) for price in self._prices(cost, loss, calibration.is_graded)]
        routes = (self.way(calibration, best_exits(cost, loss, rule.price)) for rule in rules)
        return OperatingPoints(
            [replace(rule, planned_cost=route.mean_cost(calibration, unit)) for rule, route in zip(rules, routes, strict=True)]
        )

    def _prices(self, cost: NDArray[np.float64], loss: NDArray[np.float64], is_graded: bool) -> list[float]:
        """0, and one price in each interval between the prices at which an example may change exits.

        An example changes exits when the price of its loss passes the difference between the costs of two exits. There are few such
        differences where losses are whole numbers and costs are the same for all examples; elsewhere some hundreds of them are taken.
        """
        if cost.ndim == 1 and not is_graded:
            turns = np.unique(np.abs(cost[:, None] - cost).round(12))[1:]  # without the 0 from an exit to itself
        else:
            turns = np.unique(_turning_prices(by_example(cost), loss))
            turns = turns if len(turns) <= MOST_PRICES else np.quantile(turns, np.linspace(0, 1, MOST_PRICES))
        return [0.0, *np.sqrt(turns[:-1] * turns[1:]), *2 * turns[-1:]]


def _turning_prices(cost: NDArray[np.float64], loss: NDArray[np.float64]) -> NDArray[np.float64]:
    """The positive prices of loss at which an example may prefer a costlier exit, in no order.

    cost: (exits, examples) or (exits, 1);  loss: (exits, examples)
    """
    prices = [np.empty(0)]
    for cheap, costly in permutations(range(len(loss)), 2):
        spent, won = np.broadcast_arrays(cost[costly] - cost[cheap], loss[cheap] - loss[costly])
        worth = (won > 0) & (spent > 0)
        prices.append(spent[worth] / won[worth])
    return np.concatenate(prices)


def best_exits(cost: NDArray[np.float64], loss: NDArray[np.float64], price: float) -> NDArray[np.int64]:
    """Where cost + price * loss is least, (examples,). Ties go to the cheaper exit, then to the one with less loss, then to the first.

    cost: (exits,) or (exits, examples);  loss: (exits, examples)
    """
    exits, examples = loss.shape
    best, least = np.zeros(examples, np.int64), np.full(examples, np.inf)
    cost_there, loss_there = np.full(examples, np.inf), np.full(examples, np.inf)
    for k in range(exits):
        total = cost[k] + price * loss[k]
        tied = total == least
        better = total < least
        if tied.any():
            better |= tied & ((cost[k] < cost_there) | ((cost[k] == cost_there) & (loss[k] < loss_there)))
        best[better] = k
        for now, there in ((total, least), (cost[k], cost_there), (loss[k], loss_there)):
            np.copyto(there, now, where=better)
    return best


@dataclass(frozen=True, eq=False)
class PricedOracleRule(Rule):
    """Every example leaves where cost + price * loss is least, see `best_exits`.

    oracle: defines the cost and the loss of each exit
    price:  of one unit of loss, in runs of the full network
    full_cost: the mean cost of the full network, that of the outputs that are routed if it is None
    """

    oracle: PricedOracle
    unit: str
    price: float
    planned_cost: float
    full_cost: float | None = None

    @property
    def knob(self) -> Mapping[str, float]:
        return {"lambda": self.price}

    def route(self, outputs: Outputs) -> Route:
        cost = self.oracle.exit_share(outputs, self.unit, self.full_cost)
        return self.oracle.way(outputs, best_exits(cost, self.oracle.loss(outputs), self.price))

    def over(self, full_cost: float) -> Rule:
        return replace(self, full_cost=full_cost)


@register_policy
@dataclass(frozen=True, eq=False)
class PenalisedOracle(PricedOracle):
    """The optimum of the objective of `bolukbasi`: its recursion with gates that never err, on the same paths."""

    credit_improvements: bool = False

    name = "oracle_penalised"
    title = "Oracle: perfect gates"
    source = "Bolukbasi et al. 2017: the recursion (slides) with its pseudo-labels in place of gates. Mixing between prices: our choice."
    summary = "Gates that know whether going on will help and aim only to match the full network: the target of learned gates."
    group = PolicyGroup.BOUNDS
    formula = "per example, minimise cost + λ · (1 if incorrect where the full network is correct)"
    use_when = "It shows what the gates of Bolukbasi et al. would reach if they made no mistake."
    why = ("the labels say so", "the labels say so")
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
    group = PolicyGroup.BOUNDS
    formula = "maximise the number of correct examples, or the quality, with mean cost ≤ B"
    use_when = "It shows the highest accuracy that any routing could buy with this budget."
    why = ("the labels say so", "the labels say so")
    by_the_first = False

    def loss(self, outputs: Outputs) -> NDArray[np.float64]:
        return 1.0 - outputs.quality.astype(np.float64)
