"""A sweep of a large bundle: knobs are set on its sample, and results are those of all reported examples, read shard by shard.

Given the rules, the results are exact: sums over shards give the counts, means and spreads that the whole at once would give.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.analysis.intervals import Interval, t_interval, tango_ends, wilson_interval
from engine.analysis.subset_counts import SubsetCounter
from engine.analysis.subsets import LevelBounds, SubsetResults, Subsets
from engine.analysis.sweep_intervals import SweepIntervals, WholeSweep, is_static
from engine.bundle.whole import Whole
from engine.exit_values import is_binary
from engine.outputs import Outputs
from engine.policies.core.base import Policy, Rule
from engine.progress import Progress, no_progress
from engine.route import Route
from engine.sweep import Full, Sweep


@dataclass(eq=False)
class Moments:
    """Number, mean and sum of squared deviations of values, merged as by Chan, Golub and LeVeque 1983."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        count, mean = len(values), float(values.mean())
        difference, total = mean - self.mean, self.count + count
        self.squares += float(((values - mean) ** 2).sum()) + difference**2 * self.count * count / total
        self.mean += difference * count / total
        self.count = total

    @property
    def deviation(self) -> float:
        """The standard deviation, with one degree of freedom less."""
        return float(np.sqrt(self.squares / (self.count - 1))) if self.count > 1 else 0.0


@dataclass(eq=False)
class Tally:
    """What a rule gives on examples, summed up.

    cost, before_half:    sum of the costs; number of examples that cost at most half of the full network
    left, correct, spent: (exits,) number of examples that leave at each exit, their quality and their costs. For a rule that decides by
                          chance, all are expectations
    binary:               whether every result is correct or not; then `only_rule` and `only_full` count the examples on which only the
                          rule, and only the full network, is correct
    quality, difference:  what each example is worth, and that minus what the full network is worth on it
    """

    rule: Rule
    exits: int
    cost: float = 0.0
    before_half: float = 0.0
    binary: bool = True
    only_rule: int = 0
    only_full: int = 0
    quality: Moments = field(default_factory=Moments)
    difference: Moments = field(default_factory=Moments)

    def __post_init__(self) -> None:
        self.left, self.correct, self.spent = (np.zeros(self.exits) for _ in range(3))

    def add(self, shard: Outputs, unit: str, half: float, routed: Callable[[Rule], Route]) -> None:
        """half: half of the full network's mean cost over all examples"""
        full = shard.quality[shard.full]
        parts = [(weight, part) for weight, part in self.rule.parts() if weight > 0]
        worth = np.zeros(shard.examples)
        for weight, part in parts:
            route = routed(part)
            if len(route.exit) != shard.examples:
                raise AssertionError("a route lost or duplicated an example")
            costs, quality = route.cost(shard.cost_in(unit)), route.known_quality
            self.cost += weight * float(costs.sum())
            self.before_half += weight * int(np.count_nonzero(costs <= half))
            self.left += weight * np.bincount(route.exit, minlength=self.exits)
            self.correct += weight * np.bincount(route.exit, weights=quality, minlength=self.exits)
            self.spent += weight * np.bincount(route.exit, weights=costs, minlength=self.exits)
            worth += weight * quality.astype(np.float64)
        if len(parts) == 1 and is_binary(full):
            self.only_rule += int(np.count_nonzero(worth > full))
            self.only_full += int(np.count_nonzero(worth < full))
        else:
            self.binary = False
        self.quality.add(worth)
        self.difference.add(worth - full)


def over_all_examples(
    policy: Policy, sweep: Sweep, whole: Whole, subsets: Subsets | None = None, progress: Progress = no_progress
) -> WholeSweep:
    """A sweep of the sample with the results of its rules on all examples of its split.

    sweep:   by `run_sweep`, of the same policy
    subsets: classes and levels to count too
    """
    means = _mean_costs(sweep, whole)
    rules = policy.by_parts(sweep.rules, lambda: whole.shards(sweep.split))
    tallies = [Tally(rule.over(means.full), len(means.exit)) for rule in rules]
    half, full, quality = 0.5 * means.full * (1 + 1e-9), Moments(), np.zeros(len(means.exit))
    counted = None if subsets is None else _Counted(subsets, len(tallies))
    for shard in whole.shards(sweep.split, progress):
        full.add(shard.quality[shard.full].astype(np.float64))
        quality += shard.quality.sum(axis=1, dtype=np.float64)
        routed = _remembered(shard)
        count = None if counted is None else counted.over(shard, shard.cost_in(sweep.unit) / means.full, routed)
        for point, tally in enumerate(tallies):
            tally.add(shard, sweep.unit, half, routed)
            if count is not None:
                count(point, tally.rule)
    left, spent = (np.array([getattr(tally, name) for tally in tallies]) for name in ("left", "spent"))
    examples = full.count
    exact: dict[str, Any] = {
        "full": Full(means.full, full.mean),
        "cost": np.array([tally.cost for tally in tallies]) / examples / means.full,
        "accuracy": np.array([tally.correct.sum() for tally in tallies]) / examples,
        "shares": left / examples,
        "correct": np.array([tally.correct for tally in tallies]) / examples,
        "leaving_cost": np.divide(spent, left, out=np.full(left.shape, np.nan), where=left > 0) / means.full,
        "path_cost": sweep.path_cost * (sweep.full.cost / means.full),
        "before_half": np.array([tally.before_half for tally in tallies]) / examples,
        "exit_cost": means.exit / means.full,
        "static_cost": means.static / means.full,
        "static_accuracy": quality / examples,
        "reported": examples,
    }
    intervals = _intervals(sweep, tallies, full)
    return WholeSweep(**{**vars(sweep), **exact}, intervals=intervals, subsets=None if counted is None else counted.results())


class _Counted:
    """Counts of classes and levels at every point, shard by shard."""

    def __init__(self, subsets: Subsets, points: int) -> None:
        self._subsets, self._bounds = subsets, LevelBounds(subsets)
        self._counter = SubsetCounter(points, subsets.parts)

    def over(self, shard: Outputs, stage_cost: NDArray[np.float64], routed: Callable[[Rule], Route]) -> Callable[[int, Rule], None]:
        """Begin with a shard. stage_cost: shares of the full network's mean cost over all examples"""
        self._bounds.add(shard)
        some = self._counter.over(shard, self._subsets.partitions(shard), stage_cost)
        followed = lru_cache(maxsize=4)(lambda rule: some.followed(routed(rule)))

        def count(point: int, rule: Rule) -> None:
            for weight, part in rule.parts():
                if weight > 0:
                    some.add(point, weight, followed(part))

        return count

    def results(self) -> SubsetResults:
        return SubsetResults(self._counter.counts(), self._bounds.least, self._bounds.greatest)


def _intervals(sweep: Sweep, tallies: Sequence[Tally], full: Moments) -> SweepIntervals:
    """As `sweep_intervals` computes them of all examples at once. full: what the full network is worth"""
    counts = np.array([[tally.only_rule, tally.only_full] for tally in tallies], dtype=np.int64).T
    ends = zip(*tango_ends(counts[0], counts[1], full.count), strict=True)
    difference = []
    for tally, (low, high) in zip(tallies, ends, strict=True):
        if is_static(tally.rule, tally.exits - 1):
            difference.append(Interval(0.0, 0.0, 0.0))
        elif tally.binary:
            difference.append(Interval((tally.only_rule - tally.only_full) / full.count, float(low), float(high)))
        else:
            difference.append(_of_moments(tally.difference, -1.0))
    accuracy = [_of_worth(tally.quality, tally.binary) for tally in tallies]
    return SweepIntervals(_of_worth(full, not sweep.is_graded), accuracy, difference)


def _of_worth(quality: Moments, binary: bool) -> Interval:
    return wilson_interval(round(quality.mean * quality.count), quality.count) if binary else _of_moments(quality, 0.0)


def _of_moments(values: Moments, least: float) -> Interval:
    return t_interval(values.count, values.mean, values.deviation, least)


def _remembered(shard: Outputs) -> Callable[[Rule], Route]:
    """Routes of a shard. Neighbouring points mix the same rules, so the last few are kept."""
    return lru_cache(maxsize=4)(lambda rule: rule.route(shard))


@dataclass(frozen=True, eq=False)
class _MeanCosts:
    """Over all examples of a split, in the unit of the sweep.

    full:         of the full network
    exit, static: (exits,) as `Outputs.mean_cascade_cost` and `Outputs.mean_static_cost` give them
    """

    full: float
    exit: NDArray[np.float64]
    static: NDArray[np.float64]


def _mean_costs(sweep: Sweep, whole: Whole) -> _MeanCosts:
    """They must be known before the rules are followed: costs are shares of the full network's mean cost."""
    total, counts = [], []
    for shard in whole.shards(sweep.split):
        exit, static = shard.mean_cascade_cost(sweep.unit), shard.mean_static_cost(sweep.unit)
        if not whole.costs_vary(sweep.unit):
            return _MeanCosts(shard.full_cost(sweep.unit), exit, static)
        total.append([exit, static])
        counts.append(shard.examples)
    exit, static = np.average(total, axis=0, weights=counts)
    return _MeanCosts(float(static[shard.full]), exit, static)
