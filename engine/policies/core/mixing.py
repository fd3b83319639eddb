"""Mixing: some examples follow one rule, the rest another, whatever they look like.

A policy whose knob has few settings meets a budget between two of them exactly this way: cost and accuracy move along the straight line
between the two. Which rule an example follows depends on its id alone, see `engine.hashing`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.hashing import hash_uniform
from engine.outputs import CascadeKind, Outputs
from engine.policies.core.base import Fitted, Rule
from engine.policies.core.online_rules import ExitOutputs, OnlineRule
from engine.policies.core.saved_types import Cascade, register_saved
from engine.route import Route

#: Costs that differ by less, as a share, are equal.
_ROUNDING = 1e-12


@register_saved("mix")
@dataclass(frozen=True, eq=False)
class MixedRule(Rule):
    """A share of the examples follows `costly`, the rest `cheap`.

    share: of the costly rule, in [0, 1]
    """

    cheap: Rule
    costly: Rule
    share: float
    note: str = ""

    @property
    def planned_cost(self) -> float:
        return (1 - self.share) * self.cheap.planned_cost + self.share * self.costly.planned_cost

    @property
    def knob(self) -> Mapping[str, float]:
        costly = {f"{name} of the rest": value for name, value in self.costly.knob.items()}
        return {**self.cheap.knob, **costly, "share of the rest": self.share}

    def route(self, outputs: Outputs) -> Route:
        cheap, costly = self.cheap.route(outputs), self.costly.route(outputs)
        takes_costly = hash_uniform(outputs.ids) < self.share
        return Route(
            np.where(takes_costly, costly.exit, cheap.exit),
            np.where(takes_costly, costly.visited, cheap.visited),
            None if cheap.prediction is None or costly.prediction is None else np.where(takes_costly, costly.prediction, cheap.prediction),
            np.where(takes_costly, costly.known_quality, cheap.known_quality),
        )

    def over(self, full_cost: float) -> Rule:
        cheap, costly = self.cheap.over(full_cost), self.costly.over(full_cost)
        return self if cheap is self.cheap and costly is self.costly else replace(self, cheap=cheap, costly=costly)

    def fits(self, cascade: Cascade) -> bool:
        return 0 <= self.share <= 1

    def online_rule(self, kind: CascadeKind) -> OnlineRule | None:
        cheap, costly = self.cheap.online_rule(kind), self.costly.online_rule(kind)
        return None if cheap is None or costly is None else _MixedOnlineRule(cheap, costly, self.share)


@dataclass(frozen=True, eq=False)
class _MixedOnlineRule(OnlineRule):
    """Shows each online rule its own examples only."""

    cheap: OnlineRule
    costly: OnlineRule
    share: float

    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._each(ids, lambda online_rule, its: online_rule.first(ids[its]))

    def start(self, ids: NDArray[np.int64], before: Mapping[str, NDArray[np.float32]]) -> NDArray[np.int64]:
        def of(its: NDArray[np.bool_]) -> Mapping[str, NDArray[np.float32]]:
            return {name: values[its] for name, values in before.items()}

        return self._each(ids, lambda online_rule, its: online_rule.start(ids[its], of(its)))

    def after(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int64]:
        return self._each(ids, lambda online_rule, its: online_rule.after(exit, ids[its], exit_outputs.of(its)))

    def answer(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        return self._each(ids, lambda online_rule, its: online_rule.answer(exit, ids[its], exit_outputs.of(its))).astype(np.int32)

    def _each(self, ids: NDArray[np.int64], decide: Callable[[OnlineRule, NDArray[np.bool_]], NDArray[np.integer]]) -> NDArray[np.int64]:
        decisions = np.empty(len(ids), np.int64)
        takes_costly = hash_uniform(ids) < self.share
        for online_rule, its in ((self.cheap, ~takes_costly), (self.costly, takes_costly)):
            if its.any():  # a rule without examples here may not know this exit
                decisions[its] = decide(online_rule, its)
        return decisions


def mix_to(budget: float, rules: Sequence[Rule]) -> Rule:
    """The mix of two neighbours by planned cost that costs exactly `budget`, or the most costly rule if the budget allows it.

    rules: sorted by increasing planned cost, the first at most `budget`
    """
    costs = np.array([rule.planned_cost for rule in rules])
    # A budget is a share times the full cost, and that product may miss a rule's own cost by a rounding error.
    below = int(np.searchsorted(costs, budget * (1 + _ROUNDING), side="right")) - 1
    if below < 0 or below == len(rules) - 1 or budget <= costs[below] * (1 + _ROUNDING):
        return rules[max(below, 0)]
    share = (budget - costs[below]) / (costs[below + 1] - costs[below])
    return MixedRule(rules[below], rules[below + 1], float(share))


@dataclass(frozen=True, eq=False)
class OperatingPoints(Fitted):
    """Rules by increasing planned cost. A budget between two of them is met by mixing."""

    rules: Sequence[Rule]

    @property
    def cheapest(self) -> float:
        return self.rules[0].planned_cost

    def _solve(self, budget: float) -> Rule:
        return mix_to(budget, self.rules)
