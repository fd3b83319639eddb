"""Following a rule: what it gives on some examples, as means over them."""

from dataclasses import dataclass

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


def follow(rule: Rule, outputs: Outputs, unit: str, route: Route | None = None) -> Followed:
    """Route examples by a rule and summarise the results. For a rule that decides by chance, they are the expectation over its parts.

    route: the rule's own route over these outputs, if already known
    """
    half = 0.5 * outputs.full_cost(unit) * (1 + 1e-9)
    cost = accuracy = before_half = 0.0
    shares, correct, spent = np.zeros(outputs.exits), np.zeros(outputs.exits), np.zeros(outputs.exits)
    for weight, part in rule.parts():
        taken = route if part is rule and route is not None else part.route(outputs)
        if len(taken.exit) != outputs.examples:
            raise AssertionError("a route lost or duplicated an example")
        costs = taken.cost(outputs.cost_in(unit))
        cost += weight * float(costs.mean())
        accuracy += weight * taken.accuracy
        before_half += weight * float(np.mean(costs <= half))
        shares += weight * taken.shares(outputs.exits)
        correct += weight * taken.quality_shares(outputs.exits)
        spent += weight * np.bincount(taken.exit, weights=costs, minlength=outputs.exits) / outputs.examples
    if not np.isclose(shares.sum(), 1.0, atol=1e-12):
        raise AssertionError(f"the shares of the exits sum to {shares.sum()}")
    leaving_cost = np.divide(spent, shares, out=np.full(outputs.exits, np.nan), where=shares > 0)
    return Followed(cost, accuracy, shares, correct, leaving_cost, before_half)
