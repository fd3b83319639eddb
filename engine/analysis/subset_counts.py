"""Subsets of the examples, such as a class: how many leave at each exit at every budget, how many correctly, and at what cost."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    """outputs: the examples that the sweep reports on, in its order"""
    sizes = [partition.parts for partition in partitions]
    starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    subsets = int(starts[-1])
    known: dict[tuple[int, bytes], int] = {}
    counted: list[tuple[int, float, NDArray[np.int64], Quality]] = []  # step, weight, the way of each example, its quality
    table = {name: sweep.routes.table(name) for name in ("exit", "path", "quality")}
    for step, rule in enumerate(sweep.rules):
        for weight, part in rule.parts():
            if part is rule:
                way = _ways(table["exit"][step], table["path"][step], sweep.paths, known)
                counted.append((step, weight, way, table["quality"][step]))
            elif weight > 0:
                route = part.route(outputs)
                counted.append((step, weight, _ways_of(route, known), route.known_quality))
    ways = len(known)
    ran = np.array([np.frombuffer(path, bool) for _, path in known])
    cost = ran @ outputs.cost_in(sweep.unit) / sweep.full.cost  # (ways,) or (ways, examples)
    left, correct, own_cost = np.zeros((3, subsets, len(sweep.rules), ways))
    inside = [partition.part != OUTSIDE for partition in partitions]
    first = [(start + each.part[members]) * ways for start, each, members in zip(starts[:-1], partitions, inside, strict=True)]
    for step, weight, way, quality in counted:
        spent = None if cost.ndim == 1 else at_exits(cost, way)
        for cell, members in zip(first, inside, strict=True):
            place = cell + way[members]
            for table_of, weights in ((left, None), (correct, quality), (own_cost, spent)):
                if table_of is not own_cost or weights is not None:
                    its = None if weights is None else weights[members]
                    table_of[:, step] += weight * np.bincount(place, its, minlength=subsets * ways).reshape(subsets, ways)
    return SubsetCounts(
        examples=_sums(partitions, np.ones(outputs.examples, bool)).astype(np.int64),
        full_correct=_sums(partitions, outputs.quality[outputs.full]),
        way_exit=np.array([exit for exit, _ in known], np.int64),
        way_ran=ran,
        way_cost=mean_over_examples(cost),
        left=left,
        correct=correct,
        own_cost=None if cost.ndim == 1 else own_cost,
    )


def _sums(partitions: Sequence[Partition], values: Quality) -> NDArray[np.float64]:
    """The sum of the values, (examples,), in each subset, (subsets,)."""
    inside = [each.part != OUTSIDE for each in partitions]
    sums = [np.bincount(each.part[here], values[here], minlength=each.parts) for each, here in zip(partitions, inside, strict=True)]
    return np.concatenate([np.empty(0), *sums]).astype(np.float64)


def _ways(
    exit: NDArray[np.integer], path: NDArray[np.integer], paths: NDArray[np.bool_], known: dict[tuple[int, bytes], int]
) -> NDArray[np.int64]:
    """The number of each example's way, (examples,). New ways are added to those known."""
    both = exit.astype(np.int64) * len(paths) + path
    distinct, taken = np.unique(both, return_inverse=True)
    ends = [(int(pair) // len(paths), paths[int(pair) % len(paths)].tobytes()) for pair in distinct]
    return np.array([known.setdefault(end, len(known)) for end in ends], np.int64)[taken]


def _ways_of(route: Route, known: dict[tuple[int, bytes], int]) -> NDArray[np.int64]:
    paths, path = distinct_paths(route.visited)
    return _ways(route.exit, path, paths, known)
