"""Planned shares: how many examples leave at each exit is set first, and thresholds follow that let out so many.

A plan may be poor. One that must give a worthless first exit its share can do worse than mixing static exits blindly, so every plan is
held against the random mix of equal cost on the calibration examples. Where it falls below, exits are left out of the plan, each time the
one without which it does best, until it no longer does; where leaving out another one does not help, the mix itself is used. A plan that
passes is kept as it is. The check and its remedy are ours, whatever the plan.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Tuning
from engine.policies.core.base import Fitted, Rule
from engine.policies.core.scorer import Scorer
from engine.policies.core.thresholds import ThresholdRule, tie_uniform
from engine.policies.methods.static import RandomMixFit, random_mix

#: What the examples that rounding leaves over may add to the planned cost, as a share of it, before they are handed out.
ROUNDING = 0.01
#: How many exits are tried at a time where one is to be left out.
MAX_TRIED = 24
#: Accuracies are means of zeros and ones; a difference as small as this is a matter of the last digits.
NEGLIGIBLE = 1e-9


@dataclass(frozen=True, eq=False)
class Shares:
    """What a plan says for one budget.

    leaving: (exits,) shares of all examples meant to leave at each exit, summing to 1
    knob:    the setting, by name
    """

    leaving: NDArray[np.float64]
    knob: Mapping[str, float]


class Plan(ABC):
    """Shares for a budget. exit_cost: (exits,) cumulative."""

    exit_cost: NDArray[np.float64]

    @abstractmethod
    def shares(self, budget: float, kept: Sequence[int]) -> Shares:
        """Shares over the exits in `kept`, rising, that cost `budget` or as near to it as they can; all others get none."""


def planned_counts(leaving: NDArray[np.float64], examples: int, exit_cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of so many examples leave at each exit, (exits,), summing to `examples`.

    leaving (exits,) shares; exit_cost (exits,) cumulative
    floor(share * examples) at each exit and the rest at the last, as published. Where there are few examples and many exits that rest
    would cost noticeably more than planned. Then the numbers that have left up to each exit are rounded instead, all of them at the same
    fraction, the one that comes nearest to the planned cost.
    """
    counts = np.floor(leaving * examples + 1e-9).astype(np.int64)
    counts[-1] = examples - counts[:-1].sum()
    planned = examples * float(leaving @ exit_cost)
    if counts @ exit_cost <= (1 + ROUNDING) * planned:
        return counts
    up_to = np.cumsum(leaving[:-1]) * examples
    lifted = [np.minimum(np.floor(up_to + lift + 1e-9), examples).astype(np.int64) for lift in (0.0, *(1 - up_to % 1))]
    rounded = [np.diff(left, prepend=0, append=examples) for left in lifted]
    return min(rounded, key=lambda counts: abs(counts @ exit_cost - planned))


@dataclass(frozen=True, eq=False)
class LetOut:
    """thresholds, ties (exits - 1,) as in `ThresholdRule`, and where each of the examples then leaves, exit (examples,)."""

    thresholds: NDArray[np.float64]
    ties: NDArray[np.float64]
    exit: NDArray[np.int64]


def let_out(counts: NDArray[np.integer], scores: NDArray[np.floating], ids: NDArray[np.int64]) -> LetOut:
    """Thresholds that let so many examples out at each exit, the surest of those still there.

    counts (exits,), scores (exits, examples), ids (examples,) by which a tied block is split
    """
    exits, examples = scores.shape
    thresholds, ties = np.full(exits - 1, np.inf), np.ones(exits - 1)
    exit = np.full(examples, exits - 1)
    there = np.arange(examples)
    for k in range(exits - 1):
        leaving = int(counts[k])
        if leaving >= len(there):
            # The plan sends none on, so neither does the rule: a finite threshold would send surprises all the way to the last exit.
            thresholds[k:] = -np.inf
            exit[there] = k
            break
        if leaving == 0:
            continue
        here = scores[k, there]
        thresholds[k] = np.partition(here, len(here) - leaving)[len(here) - leaving]
        leaves = here >= thresholds[k]
        if np.count_nonzero(leaves) > leaving:
            tied = np.flatnonzero(here == thresholds[k])
            draws = tie_uniform(ids[there[tied]], k)
            ties[k] = tie_share(draws, leaving - (np.count_nonzero(leaves) - len(tied)))
            leaves[tied] = draws < ties[k]
        exit[there[leaves]] = k
        there = there[~leaves]
    return LetOut(thresholds, ties, exit)


def tie_share(draws: NDArray[np.float64], leaving: int) -> float:
    """The share below which exactly `leaving` of the draws lie, 0 < leaving < draws, as near to leaving / draws as they allow."""
    rising = np.partition(draws, (leaving - 1, leaving))
    return float(np.clip(leaving / len(draws), np.nextafter(rising[leaving - 1], 1), rising[leaving]))


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A plan over some exits, and how much more accurate it is on calibration than the random mix of equal cost."""

    kept: tuple[int, ...]
    leaving: NDArray[np.float64]
    rule: ThresholdRule
    advantage: float


@dataclass(frozen=True, eq=False)
class PlannedFit(Fitted):
    """A plan whose thresholds are set, and which is held against the random mix, on the calibration examples."""

    plan: Plan
    scorer: Scorer
    calibration: Tuning
    unit: str

    @property
    def cheapest(self) -> float:
        return float(self.plan.exit_cost[0])

    @cached_property
    def mix(self) -> RandomMixFit:
        return random_mix(self.calibration, self.unit)

    @cached_property
    def _correct(self) -> NDArray[np.bool_]:
        """Whether what an example leaves with at each exit is its label, (exits, examples)."""
        return self.scorer.of(self.calibration).answer == self.calibration.labels

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
        """The exits that may be left out next: those meant for most examples, where there are too many to try them all."""
        return sorted(candidate.kept, key=lambda k: -candidate.leaving[k])[:MAX_TRIED]

    def _can_spend(self, budget: float, kept: tuple[int, ...]) -> bool:
        """Whether some shares over these exits cost the budget: less is no match for a mix that may spend it all."""
        cost = self.plan.exit_cost
        return cost[kept[0]] <= budget * (1 + 1e-9) and cost[kept[-1]] >= min(budget, cost[-1]) * (1 - 1e-9)

    def _candidate(self, budget: float, kept: tuple[int, ...]) -> _Candidate:
        cost, made = self.plan.exit_cost, self.calibration
        shares = self.plan.shares(budget, kept)
        found = let_out(planned_counts(shares.leaving, made.examples, cost), self.scorer.of(made).score, made.ids)
        accuracy = float(np.take_along_axis(self._correct, found.exit[None], axis=0).mean())
        ties = None if (found.ties == 1).all() else found.ties
        rule = ThresholdRule(self.scorer, found.thresholds, shares.knob, float(shares.leaving @ cost), ties)
        return _Candidate(kept, shares.leaving, rule, accuracy - self.mix.accuracy_at(float(cost[found.exit].mean())))

    def _mix(self, budget: float) -> Rule:
        return replace(
            self.mix.solve(budget),
            note="At this budget the random mix is used: on calibration the plan does worse, and leaving out exits does not mend that.",
        )


def left_out_note(exits: Sequence[int]) -> str:
    """The sentence that names the exits left out of a plan, counted from 1; empty if there are none."""
    if not exits:
        return ""
    names = [str(k + 1) for k in exits]
    listed = f"exit {names[0]} is" if len(names) == 1 else f"exits {', '.join(names[:-1])} and {names[-1]} are"
    them = "it" if len(names) == 1 else "them"
    return f"At this budget {listed} left out of the plan: with {them}, the plan does worse than the random mix on calibration."
