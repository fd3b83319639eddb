"""Every setting of a threshold grid at once, by prefix sums: the examples are read once, however many settings there are.

An example remains after exit k if its scores so far are below every cut. So the number of these examples, for all combinations of cuts, is
a k-dimensional prefix sum over a histogram. After that, nothing depends on the number of examples any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.thresholds.counts import Counts
from engine.thresholds.levels import bins


@dataclass(frozen=True, eq=False)
class Grid:
    """Counts at every combination of levels.

    levels:  (exits - 1, levels)
    leaving: per exit, how many examples leave there: exit k depends on the cuts up to its own, so its table has the axes
             (levels,) * (k + 1); the last exit's has one less
    correct: per exit, how many of them are correct, same shapes
    """

    levels: NDArray[np.float64]
    leaving: Sequence[NDArray[np.integer]]
    correct: Sequence[NDArray[np.integer]]
    examples: int

    @classmethod
    def of(cls, scores: NDArray[np.floating], correct: NDArray[np.bool_], levels: NDArray[np.float64]) -> "Grid":
        """scores, correct (exits, examples); levels (exits - 1, levels) rising from minus infinity. Memory: levels ** (exits - 1) cells."""
        reached, count = bins(scores, levels), levels.shape[1]
        remaining = [_remaining(reached[:k], count) for k in range(len(correct))]
        leaving = [before[..., None] - after for before, after in pairwise(remaining)]
        leaving_correct = [
            _remaining(reached[:k, here], count)[..., None] - _remaining(reached[: k + 1, here], count)
            for k, here in enumerate(correct[:-1])
        ]
        last_correct = _remaining(reached[:, correct[-1]], count)
        return cls(levels, [*leaving, remaining[-1]], [*leaving_correct, last_correct], correct.shape[1])

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.levels.shape[1],) * len(self.levels)

    def accuracy(self) -> NDArray[np.float64]:
        """Accuracy of every setting, `shape`: one axis per exit but the last."""
        return self._total(self.correct, np.ones(len(self.correct))) / self.examples

    def mean_cost(self, exit_cost: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean cost of every setting, `shape`; exit_cost (exits,)."""
        return self._total(self.leaving, exit_cost) / self.examples

    def counts(self, cuts: NDArray[np.integer]) -> Counts:
        """cuts (settings, exits - 1), positions in the levels -> counts (settings, exits)."""
        axes = tuple(np.moveaxis(cuts, -1, 0))

        def look_up(tables: Sequence[NDArray[np.integer]]) -> NDArray[np.integer]:
            return np.stack([np.broadcast_to(table[axes[: table.ndim]], cuts.shape[:-1]) for table in tables], axis=-1)

        return Counts(look_up(self.leaving), look_up(self.correct), self.examples)

    def _total(self, tables: Sequence[NDArray[np.integer]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        # Adding from the first exit keeps the arrays small for as long as possible: only the last two tables have every axis.
        total = np.zeros(())
        for table, weight in zip(tables, weights, strict=True):
            total = total.reshape(total.shape + (1,) * (table.ndim - total.ndim)) + weight * table
        return total


def total(scores: NDArray[np.floating], value: NDArray, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over all examples of a value that depends on where they leave, at every setting, (levels,) * (exits - 1).

    scores, value: (exits, examples);  levels: as for `Grid.of`
    """
    reached, count = bins(scores, levels), levels.shape[1]
    gates = len(levels)
    summed = np.zeros((1,) * gates)
    for k, values in enumerate(value):
        here = _remaining(reached[:k], count, values)
        if k < gates:
            here = here[..., None] - _remaining(reached[: k + 1], count, values)
        summed = summed + here.reshape(here.shape + (1,) * (gates - here.ndim))
    return summed


def _remaining(reached: NDArray[np.unsignedinteger], levels: int, weights: NDArray | None = None) -> NDArray[Any]:
    """How many examples are below the cut at all of these exits, for all cuts: (exits, examples) -> (levels,) * exits.

    weights: (examples,) what each of them counts, 1 if left out
    """
    shape = (levels,) * len(reached)
    cell = np.zeros(reached.shape[1], np.int64)
    for row in reached:
        cell *= levels
        cell += row
    dtype = np.int32 if weights is None else np.float64
    below = np.bincount(cell, weights, minlength=levels ** len(reached)).astype(dtype).reshape(shape)
    for axis in range(below.ndim):
        np.cumsum(below, axis=axis, dtype=dtype, out=below)
    # Strictly below: cut q includes the bins up to q - 1, and cut 0 includes none.
    remaining = np.zeros_like(below)
    remaining[(slice(1, None),) * below.ndim] = below[(slice(None, -1),) * below.ndim]
    return remaining
