"""Planned shares: the number of examples that leave at each exit is set first, and the thresholds are set to match.

A plan may be poor. A plan that must give a useless first exit its share can do worse than mixing static exits blindly, so every plan is
compared with the random mix of equal cost on the calibration examples. If it is below the mix, exits are left out of the plan, each time
the one whose removal helps most, until the plan is no longer below. If removing another exit does not help, the mix itself is used. A plan
that passes the check is not changed. The check and its remedy are ours, whatever the plan.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import Quality, at_exits
from engine.outputs import Tuning
from engine.policies.core.base import Fitted, Rule
from engine.policies.core.scorer import Scorer
from engine.policies.core.thresholds import ThresholdRule
from engine.policies.methods.letting_out import ByConfidence, LetOut
from engine.policies.methods.static import RandomMixFit, random_mix

#: How much the examples left over by rounding down may add to the planned cost, as a share of it, before counts are rounded differently.
ROUNDING = 0.01
#: At most this many exits are tried when one is to be left out.
MAX_TRIED = 24
#: Where costs vary, how often the range of plans is halved to meet the budget.
HALVINGS = 14
#: Accuracies are means of zeros and ones; a difference this small is rounding.
NEGLIGIBLE = 1e-9


@dataclass(frozen=True, eq=False)
class Shares:
    """A plan for one budget.

    leaving: (exits,) planned share of examples leaving at each exit, summing to 1
    knob:    the setting, by name
    """

    leaving: NDArray[np.float64]
    knob: Mapping[str, float]


class Plan(ABC):
    """Gives the shares for any budget. exit_cost: (exits,) cumulative, means over the calibration examples where they vary."""

    exit_cost: NDArray[np.float64]

    @abstractmethod
    def shares(self, budget: float, kept: Sequence[int]) -> Shares:
        """Shares over the exits in `kept`, rising, that cost `budget` or as close to it as possible. All other exits get 0."""


def planned_counts(leaving: NDArray[np.float64], examples: int, exit_cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the examples leave at each exit, (exits,), summing to `examples`.

    leaving (exits,) shares; exit_cost (exits,) cumulative
    floor(share * examples) at each exit and the rest at the last, as published. With few examples and many exits, that rest would cost
    noticeably more than planned. In that case the cumulative counts are rounded instead, all at the same fraction, which is chosen to come
    closest to the planned cost.
    """
    counts = np.floor(leaving * examples + 1e-9).astype(np.int64)
    counts[-1] = examples - counts[:-1].sum()
    planned = examples * float(leaving @ exit_cost)
    if counts @ exit_cost <= (1 + ROUNDING) * planned:
        return counts
    up_to = np.cumsum(leaving[:-1]) * examples
    lifts = np.append(0.0, 1 - up_to % 1)
    lifted = np.minimum(np.floor(up_to + lifts[:, None] + 1e-9), examples).astype(np.int64)  # (lifts, exits - 1)
    rounded = np.diff(lifted, prepend=0, append=examples, axis=1)
    return rounded[np.abs(rounded @ exit_cost - planned).argmin()]


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A plan over some exits, and its advantage in calibration accuracy over the random mix of equal cost."""

    kept: tuple[int, ...]
    leaving: NDArray[np.float64]
    rule: ThresholdRule
    advantage: float


@dataclass(frozen=True, eq=False)
class PlannedFit(Fitted):
    """A plan whose thresholds are set, and compared with the random mix, on the calibration examples."""

    plan: Plan
    scorer: Scorer
    calibration: Tuning
    unit: str

    @property
    def cheapest(self) -> float:
        return self._least(tuple(range(self.calibration.exits)))

    def _least(self, kept: tuple[int, ...]) -> float:
        """What the plan over these exits spends that lets all examples leave at the first of them."""
        cost = float(self.plan.exit_cost[kept[0]])
        return self._spent(self._allocate(cost, kept)[1]) if self._some_fail else cost  # those on which it failed go on

    @cached_property
    def mix(self) -> RandomMixFit:
        return random_mix(self.calibration, self.unit)

    @cached_property
    def _quality(self) -> Quality:
        """What each example would be worth if it left at each exit, (exits, examples)."""
        return self.scorer.of(self.calibration).quality

    @cached_property
    def _by_confidence(self) -> ByConfidence:
        return ByConfidence.of(self.scorer.of(self.calibration).score, self.calibration.ids)

    @cached_property
    def _own_cost(self) -> NDArray[np.float64]:
        """The cost of leaving at each exit, (exits,), or of each example (exits, examples)."""
        return self.calibration.cascade_cost(self.unit)

    @cached_property
    def _some_fail(self) -> bool:
        """Whether an exit before the last failed on some example, which then cannot leave there."""
        return bool(np.isneginf(self.scorer.of(self.calibration).score[:-1]).any())

    def _solve(self, budget: float) -> Rule:
        every = tuple(range(self.calibration.exits))
        best = self._candidate(budget, every)
        while best.advantage < -NEGLIGIBLE:
            fewer = [tuple(k for k in best.kept if k != left_out) for left_out in self._most_planned(best)]
            within = [kept for kept in fewer if kept and self._can_spend(budget, kept)]
            better = max((self._candidate(budget, kept) for kept in within), key=lambda candidate: candidate.advantage, default=best)
            if better.advantage <= best.advantage:
                return self._mix(budget)
            best = better
        return replace(best.rule, note=left_out_note([k for k in every if k not in best.kept]))

    def _most_planned(self, candidate: "_Candidate") -> list[int]:
        """The exits to try leaving out next: at most MAX_TRIED, those planned for the most examples."""
        return sorted(candidate.kept, key=lambda k: -candidate.leaving[k])[:MAX_TRIED]

    def _can_spend(self, budget: float, kept: tuple[int, ...]) -> bool:
        """Whether shares over these exits can cost the full budget. A plan that spends less cannot match a mix that spends it all."""
        cost = self.plan.exit_cost
        return self._least(kept) <= budget * (1 + 1e-9) and cost[kept[-1]] >= min(budget, cost[-1]) * (1 - 1e-9)

    def _candidate(self, budget: float, kept: tuple[int, ...]) -> _Candidate:
        shares, allocation, planned = self._plan(budget, kept)
        accuracy = float(at_exits(self._quality, allocation.exit).mean(dtype=np.float64))
        ties = None if (allocation.ties == 1).all() else allocation.ties
        rule = ThresholdRule(self.scorer, allocation.thresholds, shares.knob, planned, ties)
        return _Candidate(kept, shares.leaving, rule, accuracy - self.mix.accuracy_at(self._spent(allocation)))

    def _plan(self, budget: float, kept: tuple[int, ...]) -> tuple[Shares, LetOut, float]:
        """The plan for a budget, the thresholds that carry it out on the calibration examples, and its planned cost."""
        if self._own_cost.ndim == 1 and not self._some_fail:
            shares, allocation = self._allocate(budget, kept)
            return shares, allocation, float(shares.leaving @ self.plan.exit_cost)
        # Where costly examples stay longer, as long sentences do, or cannot leave at an exit that failed, a plan spends more than the mean
        # costs of its exits say. So of all plans the one is searched that spends the budget by the examples' own costs.
        low, high = float(self.plan.exit_cost[kept[0]]), float(self.plan.exit_cost[kept[-1]])
        best = *self._allocate(low, kept), self._least(kept)
        tried = high
        for _ in range(HALVINGS):
            shares, allocation = self._allocate(tried, kept)
            spent = self._spent(allocation)
            if spent <= budget * (1 + 1e-9):
                low, best = tried, (shares, allocation, spent)
            else:
                high = tried
            if low == high:
                break
            tried = (low + high) / 2
        return best

    def _allocate(self, planned: float, kept: tuple[int, ...]) -> tuple[Shares, LetOut]:
        shares = self.plan.shares(planned, kept)
        counts = planned_counts(shares.leaving, self.calibration.examples, self.plan.exit_cost)
        return shares, self._by_confidence.let_out(counts)

    def _spent(self, allocation: LetOut) -> float:
        """Mean cost of the calibration examples where they then leave."""
        return float(at_exits(self._own_cost, allocation.exit).mean())

    def _mix(self, budget: float) -> Rule:
        rule: Any = self.mix.solve(budget)  # a dataclass, as all rules are
        return replace(
            rule,
            note="At this budget the random mix is used: the plan does worse on calibration, and leaving out exits does not help.",
        )


def left_out_note(exits: Sequence[int]) -> str:
    """The sentence that names the exits left out of a plan, counted from 1, or an empty string if there are none."""
    if not exits:
        return ""
    names = [str(k + 1) for k in exits]
    listed = f"exit {names[0]} is" if len(names) == 1 else f"exits {', '.join(names[:-1])} and {names[-1]} are"
    them = "it" if len(names) == 1 else "them"
    return f"At this budget {listed} left out of the plan: with {them}, the plan does worse than the random mix on calibration."
