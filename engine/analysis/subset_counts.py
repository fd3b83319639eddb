"""Subsets of the examples, such as a class: how many leave at each exit at every budget, how many correctly, and at what cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import Quality, at_exits, mean_over_examples
from engine.outputs import Outputs
from engine.route import Route, distinct_paths
from engine.sweep import Sweep

#: The part of an example that is in no part of a partition.
OUTSIDE = -1


@dataclass(frozen=True, eq=False)
class Partition:
    """Examples divided into parts. part: (examples,) the part of each, OUTSIDE where it is in none;  parts: their number"""

    part: NDArray[np.integer]
    parts: int


@dataclass(frozen=True, eq=False)
class SubsetCounts:
    """Counts of the reported examples in each subset. The subsets are the parts of all partitions, one partition after the other.

    A way is an exit together with the set of stages that ran: in a chain there is one for each exit, in a family there may be several.
    Where quality is graded, its sum takes the place of a number of correct examples.

    examples:      (subsets,) number of examples
    full_correct:  (subsets,) number on which the full network is correct
    way_exit:      (ways,) the exit of each way
    way_ran:       (ways, exits) bool, the stages that ran
    way_cost:      (ways,) cost of each way, as a share of the full network's; the mean over all examples where it depends on them
    left, correct: (subsets, steps, ways) number of examples that took each way, and of those that left correctly. Whole numbers, unless
                   a rule decides by chance: then they are expectations, as in the sweep
    own_cost:      (subsets, steps, ways) sum of the costs of the examples that took each way, or None where costs do not vary
    """

    examples: NDArray[np.int64]
    full_correct: NDArray[np.float64]
    way_exit: NDArray[np.int64]
    way_ran: NDArray[np.bool_]
    way_cost: NDArray[np.float64]
    left: NDArray[np.float64]
    correct: NDArray[np.float64]
    own_cost: NDArray[np.float64] | None = None

    def by_exit(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """A table (subsets, steps, ways) summed over the ways of each exit, (subsets, steps, exits)."""
        return table @ (self.way_exit[:, None] == np.arange(self.way_ran.shape[1])).astype(np.float64)

    @property
    def spent(self) -> NDArray[np.float64]:
        """Sum of the costs of the examples that leave at each exit, (subsets, steps, exits)."""
        return self.by_exit(self.left * self.way_cost if self.own_cost is None else self.own_cost)


def subset_counts(sweep: Sweep, outputs: Outputs, partitions: Sequence[Partition]) -> SubsetCounts:
    """outputs: the examples that the sweep has routes of, in its order"""
    counter = SubsetCounter(len(sweep.rules), [partition.parts for partition in partitions])
    some = counter.over(outputs, partitions, outputs.cost_in(sweep.unit) / sweep.full.cost)
    mixed = lru_cache(maxsize=4)(lambda part: some.followed(part.route(outputs)))  # neighbouring points mix the same rules
    rows = zip(*(sweep.routes.rows(name) for name in ("exit", "path", "quality")), strict=True)
    for point, (rule, (exit, path, quality)) in enumerate(zip(sweep.rules, rows, strict=True)):
        for weight, part in rule.parts():
            if part is rule:
                some.add(point, weight, (some.ways(exit, path, sweep.paths), quality))
            elif weight > 0:
                some.add(point, weight, mixed(part))
    return counter.counts()


class SubsetCounter:
    """Counts some examples at a time, so that there may be more of them than fit into memory."""

    def __init__(self, points: int, parts: Sequence[int]) -> None:
        """points: of the sweep;  parts: of each partition"""
        self.points, self.parts = points, parts
        self.examples, self.full_correct = np.zeros(sum(parts), np.int64), np.zeros(sum(parts))
        self._ways: dict[tuple[int, bytes], int] = {}  # (exit, the stages that ran): number
        self._tables: dict[tuple[str, int], NDArray[np.float64]] = {}  # (name, point): (subsets, ways known by then)
        self._stage_cost: list[tuple[int, NDArray[np.float64]]] = []  # number of examples, mean cost of each stage
        self._own_cost = False

    def over(self, outputs: Outputs, partitions: Sequence[Partition], stage_cost: NDArray[np.float64]) -> "_Some":
        """Begin with some examples. stage_cost: (stages,) or (stages, examples), shares of the full network's mean cost over all"""
        self.examples += _sums(partitions, np.ones(outputs.examples, bool)).astype(np.int64)
        self.full_correct += _sums(partitions, outputs.quality[outputs.full])
        self._stage_cost.append((outputs.examples, mean_over_examples(stage_cost)))
        self._own_cost = stage_cost.ndim == 2
        return _Some(self, partitions, stage_cost)

    def number(self, exit: int, ran: NDArray[np.bool_]) -> int:
        """Of a way; those not seen yet get the next one."""
        return self._ways.setdefault((exit, ran.tobytes()), len(self._ways))

    def __len__(self) -> int:
        """Number of ways seen."""
        return len(self._ways)

    @property
    def ran(self) -> NDArray[np.bool_]:
        """(ways, stages)"""
        return np.array([np.frombuffer(ran, bool) for _, ran in self._ways])

    def add(self, name: str, point: int, table: NDArray[np.float64]) -> None:
        """table: (subsets, ways)"""
        before = self._tables.get((name, point))
        if before is not None:
            table[:, : before.shape[1]] += before
        self._tables[name, point] = table

    def counts(self) -> SubsetCounts:
        counts, means = zip(*self._stage_cost, strict=True)
        return SubsetCounts(
            examples=self.examples,
            full_correct=self.full_correct,
            way_exit=np.array([exit for exit, _ in self._ways], np.int64),
            way_ran=self.ran,
            way_cost=self.ran.astype(np.float64) @ np.average(means, axis=0, weights=counts),
            left=self._table("left"),
            correct=self._table("correct"),
            own_cost=self._table("cost") if self._own_cost else None,
        )

    def _table(self, name: str) -> NDArray[np.float64]:
        table = np.zeros((len(self.examples), self.points, len(self._ways)))
        for point in range(self.points):
            of_point = self._tables[name, point]
            table[:, point, : of_point.shape[1]] = of_point
        return table


class _Some:
    """Examples that are counted together."""

    def __init__(self, counter: SubsetCounter, partitions: Sequence[Partition], stage_cost: NDArray[np.float64]) -> None:
        self._counter, self._stage_cost = counter, stage_cost
        self._inside = [None if (partition.part != OUTSIDE).all() else partition.part != OUTSIDE for partition in partitions]
        starts = np.concatenate(([0], np.cumsum(counter.parts))).astype(np.int64)
        self._first = [
            start + (each.part if inside is None else each.part[inside])
            for start, each, inside in zip(starts[:-1], partitions, self._inside, strict=True)
        ]

    def ways(self, exit: NDArray[np.integer], path: NDArray[np.integer], paths: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The number of each example's way, (examples,). paths: (paths, stages), the distinct sets of stages that ran"""
        pair = exit.astype(np.int64) * len(paths) + path
        distinct = np.flatnonzero(np.bincount(pair))
        number = np.zeros(int(distinct[-1]) + 1, np.int64)
        number[distinct] = [self._counter.number(int(each) // len(paths), paths[int(each) % len(paths)]) for each in distinct]
        return number[pair]

    def followed(self, route: Route) -> tuple[NDArray[np.int64], Quality]:
        """The way of each example and what it is worth."""
        paths, path = distinct_paths(route.visited)
        return self.ways(route.exit, path, paths), route.known_quality

    def add(self, point: int, weight: float, followed: tuple[NDArray[np.int64], Quality]) -> None:
        """Count at one point. weight: the probability of this route"""
        way, quality = followed
        ways = len(self._counter)
        for name, values in (("left", None), ("correct", quality), ("cost", self._spent(way))):
            if name == "cost" and values is None:
                continue
            table = np.zeros((len(self._counter.examples), ways))
            for first, inside in zip(self._first, self._inside, strict=True):
                place = first * ways + (way if inside is None else way[inside])
                its = values if values is None or inside is None else values[inside]
                table += np.bincount(place, its, minlength=table.size).reshape(table.shape)
            self._counter.add(name, point, weight * table)

    def _spent(self, way: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """The cost of each example, (examples,), where costs vary."""
        if self._stage_cost.ndim == 1:
            return None
        return at_exits(self._counter.ran @ self._stage_cost, way)


def _sums(partitions: Sequence[Partition], values: Quality) -> NDArray[np.float64]:
    """The sum of the values, (examples,), in each subset, (subsets,)."""
    inside = [each.part != OUTSIDE for each in partitions]
    sums = [np.bincount(each.part[here], values[here], minlength=each.parts) for each, here in zip(partitions, inside, strict=True)]
    return np.concatenate([np.empty(0), *sums]).astype(np.float64)
