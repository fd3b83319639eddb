"""A route: where a policy sent every example, and what that came to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs


@dataclass(frozen=True, eq=False)
class Route:
    """Where every example left and what ran on the way.

    exit:       (examples,) int64, the exit it left at
    visited:    (examples,) uint32, bit k set if stage k ran
    prediction: (examples,) int32, the answer it left with: the exit's own, unless the policy combines several
    """

    exit: NDArray[np.int64]
    visited: NDArray[np.uint32]
    prediction: NDArray[np.int32]

    @classmethod
    def through(cls, outputs: Outputs, exit: NDArray[np.integer]) -> "Route":
        """Every stage up to the exit runs, and the exit answers: how a chain is walked, and a cascade of networks in order."""
        exit = np.asarray(exit, np.int64)
        visited = ((np.uint64(2) << exit.astype(np.uint64)) - np.uint64(1)).astype(np.uint32)
        return cls(exit, visited, _said_at(outputs, exit))

    @classmethod
    def straight(cls, outputs: Outputs, exit: NDArray[np.integer]) -> "Route":
        """Only what the exit needs runs: all stages before it in a chain, none but itself in a family."""
        if outputs.topology == "chain":
            return cls.through(outputs, exit)
        exit = np.asarray(exit, np.int64)
        return cls(exit, np.uint32(1) << exit.astype(np.uint32), _said_at(outputs, exit))

    def cost(self, stage_cost: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each example cost, (examples,), in the unit of `stage_cost` (stages,)."""
        # Few different paths exist, so each is priced once.
        paths, which = np.unique(self.visited, return_inverse=True)
        return path_costs(paths, stage_cost)[which]

    def mean_cost(self, outputs: Outputs, unit: str) -> float:
        return float(self.cost(outputs.cost_in(unit)).mean())

    def right(self, outputs: Outputs) -> NDArray[np.bool_]:
        """Whether each example left with the right answer, (examples,)."""
        return self.prediction == outputs.labels

    def accuracy(self, outputs: Outputs) -> float:
        return float(self.right(outputs).mean())

    def shares(self, exits: int) -> NDArray[np.float64]:
        """Share of all examples leaving at each exit, (exits,), summing to 1."""
        return np.bincount(self.exit, minlength=exits) / len(self.exit)

    def right_shares(self, outputs: Outputs) -> NDArray[np.float64]:
        """Share of all examples that leave at each exit with the right answer, (exits,), summing to the accuracy."""
        return np.bincount(self.exit, weights=self.right(outputs), minlength=outputs.exits) / len(self.exit)


def path_costs(paths: NDArray[np.uint32], stage_cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each path costs: paths (paths,), bit k set if stage k runs, stage_cost (stages,) -> (paths,)."""
    ran = (paths[:, None] >> np.arange(len(stage_cost), dtype=np.uint32)) & 1
    return ran @ stage_cost


def _said_at(outputs: Outputs, exit: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.take_along_axis(outputs.prediction, exit[None], axis=0)[0]
