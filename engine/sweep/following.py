"""Following a rule: what it gives on some examples, as means over them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs
from engine.policies.core.base import Rule
from engine.route import Route


@dataclass(frozen=True, eq=False)
class Followed:
    """The results of a rule on some examples. Numbers are means over examples; costs are in the unit of the sweep.

    spent: (exits,) the part of `cost` that is spent on those leaving at each exit
    """

    cost: float
    accuracy: float
    shares: NDArray[np.float64]
    correct: NDArray[np.float64]
    spent: NDArray[np.float64]
    before_half: float

    @property
    def leaving_cost(self) -> NDArray[np.float64]:
        """Mean cost of those leaving at each exit, (exits,), NaN where none does: times `shares`, they sum to `cost`."""
        return np.divide(self.spent, self.shares, out=np.full(len(self.shares), np.nan), where=self.shares > 0)


def follow(rule: Rule, outputs: Outputs, unit: str) -> Followed:
    """Route examples by a rule and summarise the results. For a rule that decides by chance, they are the expectation over its parts."""
    return Follower(outputs, unit)(rule)


class Follower:
    """Follows many rules over the same examples."""

    def __init__(self, outputs: Outputs, unit: str) -> None:
        self._outputs, self._unit = outputs, unit
        self._half = 0.5 * outputs.full_cost(unit) * (1 + 1e-9)
        self._mixed = lru_cache(maxsize=16)(lambda part: self._along(part.route(outputs)))  # neighbouring budgets mix the same rules

    def __call__(self, rule: Rule, route: Route | None = None) -> Followed:
        """As `follow`. route: the rule's own route over these outputs, if already known"""
        parts = rule.parts()
        if all(part is rule for _, part in parts):
            made = self._along(rule.route(self._outputs) if route is None else route)
        else:
            made = _expected([(weight, self._mixed(part)) for weight, part in parts])
        if not np.isclose(made.shares.sum(), 1.0, atol=1e-12):
            raise AssertionError(f"the shares of the exits sum to {made.shares.sum()}")
        return made

    def _along(self, route: Route) -> Followed:
        outputs = self._outputs
        if len(route.exit) != outputs.examples:
            raise AssertionError("a route lost or duplicated an example")
        costs = route.cost(outputs.cost_in(self._unit))
        return Followed(
            cost=float(costs.mean()),
            accuracy=route.accuracy,
            shares=route.shares(outputs.exits),
            correct=route.quality_shares(outputs.exits),
            spent=np.bincount(route.exit, weights=costs, minlength=outputs.exits) / outputs.examples,
            before_half=float(np.mean(costs <= self._half)),
        )


def _expected(parts: Sequence[tuple[float, Followed]]) -> Followed:
    """The mean of several results, each with its weight."""
    names = [field.name for field in fields(Followed)]
    means: dict[str, Any] = {name: sum(weight * getattr(part, name) for weight, part in parts) for name in names}
    return Followed(**means)
