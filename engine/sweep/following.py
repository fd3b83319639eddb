"""Following a rule: what it gives on some examples, as means over them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs
from engine.policies.core.base import Rule
from engine.route import Route


@dataclass(frozen=True, eq=False)
class Followed:
    """The results of a rule on some examples. Numbers are means over examples; costs are in the unit of the sweep.

    leaving_cost: (exits,) mean cost of those leaving at each exit, NaN where none does: times `shares`, they sum to `cost`
    """

    cost: float
    accuracy: float
    shares: NDArray[np.float64]
    correct: NDArray[np.float64]
    leaving_cost: NDArray[np.float64]
    before_half: float


def follow(rule: Rule, outputs: Outputs, unit: str) -> Followed:
    """Route examples by a rule and summarise the results. For a rule that decides by chance, they are the expectation over its parts."""
    return Follower(outputs, unit)(rule)


class Follower:
    """Follows many rules over the same examples."""

    def __init__(self, outputs: Outputs, unit: str) -> None:
        self._outputs, self._unit = outputs, unit
        self._half = 0.5 * outputs.full_cost(unit) * (1 + 1e-9)
        self._mixed = lru_cache(maxsize=16)(lambda part: self._sums(part.route(outputs)))  # neighbouring budgets mix the same rules

    def __call__(self, rule: Rule, route: Route | None = None) -> Followed:
        """As `follow`. route: the rule's own route over these outputs, if already known"""
        exits = self._outputs.exits
        cost = accuracy = before_half = 0.0
        shares, correct, spent = np.zeros(exits), np.zeros(exits), np.zeros(exits)
        for weight, part in rule.parts():
            sums = self._mixed(part) if part is not rule else self._sums(rule.route(self._outputs) if route is None else route)
            cost += weight * sums.cost
            accuracy += weight * sums.accuracy
            before_half += weight * sums.before_half
            shares += weight * sums.shares
            correct += weight * sums.correct
            spent += weight * sums.spent / self._outputs.examples
        if not np.isclose(shares.sum(), 1.0, atol=1e-12):
            raise AssertionError(f"the shares of the exits sum to {shares.sum()}")
        leaving_cost = np.divide(spent, shares, out=np.full(exits, np.nan), where=shares > 0)
        return Followed(cost, accuracy, shares, correct, leaving_cost, before_half)

    def _sums(self, route: Route) -> "_Sums":
        outputs = self._outputs
        if len(route.exit) != outputs.examples:
            raise AssertionError("a route lost or duplicated an example")
        costs = route.cost(outputs.cost_in(self._unit))
        return _Sums(
            float(costs.mean()),
            route.accuracy,
            route.shares(outputs.exits),
            route.quality_shares(outputs.exits),
            np.bincount(route.exit, weights=costs, minlength=outputs.exits).astype(np.float64),
            float(np.mean(costs <= self._half)),
        )


@dataclass(frozen=True, eq=False)
class _Sums:
    """As `Followed`, of one route. spent: (exits,) sum of the costs of those leaving at each exit"""

    cost: float
    accuracy: float
    shares: NDArray[np.float64]
    correct: NDArray[np.float64]
    spent: NDArray[np.float64]
    before_half: float
