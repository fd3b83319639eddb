"""Count tables: how many examples leave at each exit, and how many of them are correct. Costs and accuracies need nothing else.

So a sweep counts once, and each further cost axis (MACs, milliseconds, joules) is a matrix product over the same table.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Counts:
    """leaving, correct: (..., exits) integers, one row per setting; every row of `leaving` sums to `examples`."""

    leaving: NDArray[np.integer]
    correct: NDArray[np.integer]
    examples: int

    def shares(self) -> NDArray[np.float64]:
        """Share of the examples leaving at each exit, (..., exits)."""
        return self.leaving / self.examples

    def accuracy(self) -> NDArray[np.float64]:
        """(...)"""
        return self.correct.sum(axis=-1) / self.examples

    def mean_cost(self, exit_cost: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean cost per example. exit_cost (exits,), or (exits, units) for several cost axes -> (...) or (..., units)."""
        return self.leaving @ exit_cost / self.examples
