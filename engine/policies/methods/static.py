"""Rules that ignore the input: the static exits and the random mix, the baselines of every other policy."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.front import concave_hull
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Fitted, Policy, Rule, check_tuning
from engine.policies.core.mixing import MixedRule, mix_to
from engine.policies.core.online_rules import ExitOutputs, OnlineRule
from engine.policies.core.registry import register_policy
from engine.policies.core.saved_types import Cascade, register_saved
from engine.route import Route


@register_saved("static")
@dataclass(frozen=True, eq=False)
class StaticRule(Rule):
    """Every example leaves at the same exit."""

    exit: int
    planned_cost: float
    note: str = ""

    @property
    def knob(self) -> Mapping[str, float]:
        return {"exit": self.exit + 1}

    def route(self, outputs: Outputs) -> Route:
        return Route.straight(outputs, np.full(outputs.examples, self.exit))

    def online_rule(self, kind: CascadeKind) -> OnlineRule:
        return _StaticOnlineRule(self.exit)

    def fits(self, cascade: Cascade) -> bool:
        return 0 <= self.exit < cascade.exits


@dataclass(frozen=True, eq=False)
class _StaticOnlineRule(OnlineRule):
    exit: int

    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.full(len(ids), self.exit)

    def after(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int64]:
        return np.full(len(ids), self.exit)


def static_rules(calibration: Tuning, unit: str) -> tuple[list[StaticRule], NDArray[np.float64]]:
    """One rule per exit, and the accuracy of each on the calibration examples, (exits,)."""
    cost = calibration.mean_static_cost(unit)
    rules = [StaticRule(exit, float(cost[exit])) for exit in range(calibration.exits)]
    return rules, calibration.quality.mean(axis=1, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _BestStatic(Fitted):
    rules: list[StaticRule]
    accuracy: NDArray[np.float64]

    @property
    def cheapest(self) -> float:
        return min(rule.planned_cost for rule in self.rules)

    def _solve(self, budget: float) -> Rule:
        # A budget is a share times the full cost, and that product may miss an exit's own cost by a rounding error.
        affordable = [rule for rule in self.rules if rule.planned_cost <= budget * (1 + 1e-9)]
        return max(affordable, key=lambda rule: (self.accuracy[rule.exit], -rule.planned_cost))


@register_policy
class Static(Policy):
    name = "static"
    title = "Static exit"
    source = "By definition."
    knob = "the exit"
    summary = "All examples leave at the same exit, the most accurate one that the budget can pay for."
    formula = "exit = argmax accuracy of k, over all exits with cost(k) ≤ B"
    use_when = "It is a baseline: a policy that reads the input should lie above it."
    why = ("not the exit for all", "the exit for all")

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> Fitted:
        check_tuning(fit, calibration)
        return _BestStatic(*static_rules(calibration, unit))


@register_saved("random_mix")
@dataclass(frozen=True, eq=False)
class RandomMixRule(MixedRule):
    """Two static exits, mixed by one coin toss per example. The expectation over the tosses is reported, not one outcome."""

    def parts(self) -> list[tuple[float, Rule]]:
        return [(1 - self.share, self.cheap), (self.share, self.costly)]


@dataclass(frozen=True, eq=False)
class RandomMixFit(Fitted):
    """The static exits on the concave hull of their calibration points, by rising cost. accuracy: (hull,) on calibration."""

    rules: list[StaticRule]
    accuracy: NDArray[np.float64]

    @property
    def cheapest(self) -> float:
        return self.rules[0].planned_cost

    def accuracy_at(self, cost: float) -> float:
        """The expected calibration accuracy of the mix at this mean cost."""
        return float(np.interp(cost, [rule.planned_cost for rule in self.rules], self.accuracy))

    def _solve(self, budget: float) -> Rule:
        rule = mix_to(budget, self.rules)
        return RandomMixRule(rule.cheap, rule.costly, rule.share) if isinstance(rule, MixedRule) else rule


def random_mix(calibration: Tuning, unit: str) -> RandomMixFit:
    """The best that a policy which ignores the input can do, judged on the calibration examples."""
    rules, accuracy = static_rules(calibration, unit)
    hull = concave_hull([rule.planned_cost for rule in rules], accuracy)
    return RandomMixFit([rules[exit] for exit in hull], accuracy[hull])


@register_policy
class RandomMix(Policy):
    """Mixes the static exits on the concave hull of their calibration points: the best that a policy which ignores the input can do."""

    name = "random_mix"
    title = "Random mix"
    source = "By definition."
    knob = "the share of each exit"
    summary = "Chance decides which examples leave early: every policy that looks at the input should do better."
    formula = "exit i with probability 1 − q, exit j with probability q, so that the mean cost is B"
    use_when = "It is a baseline: what leaving early by chance is worth."
    why = ("by chance", "by chance")

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> Fitted:
        check_tuning(fit, calibration)
        return random_mix(calibration, unit)
