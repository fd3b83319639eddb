"""A route: the exit of every example and the stages that ran, with its cost and accuracy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.outputs import CascadeKind, Outputs


@dataclass(frozen=True, eq=False)
class Route:
    """Where every example left and which stages ran.

    exit:       (examples,) int64, the exit it left at
    visited:    (exits, examples) bool, the stages that ran
    prediction: (examples,) int32, the prediction it left with: the exit's own, unless the policy combines several exits
    """

    exit: NDArray[np.int64]
    visited: NDArray[np.bool_]
    prediction: NDArray[np.int32]

    @classmethod
    def through(cls, outputs: Outputs, exit: NDArray[np.integer]) -> "Route":
        """Every stage up to the exit runs, and the exit predicts: the route through a chain, or through a family's networks in order."""
        exit = np.asarray(exit, np.int64)
        return cls(exit, np.arange(outputs.exits)[:, None] <= exit, _prediction_at(outputs, exit))

    @classmethod
    def straight(cls, outputs: Outputs, exit: NDArray[np.integer]) -> "Route":
        """Only the stages that the exit needs run: in a chain all stages before it, in a family only its own."""
        if outputs.kind == CascadeKind.CHAIN:
            return cls.through(outputs, exit)
        exit = np.asarray(exit, np.int64)
        return cls(exit, np.arange(outputs.exits)[:, None] == exit, _prediction_at(outputs, exit))

    def cost(self, stage_cost: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cost of each example, (examples,), in the unit of `stage_cost` (stages,)."""
        cost = np.zeros(len(self.exit))
        # Stage by stage: in a matrix product an example's last digit may depend on how many others there are.
        for ran, price in zip(self.visited, stage_cost, strict=True):
            cost += ran * price
        return cost

    def mean_cost(self, outputs: Outputs, unit: str) -> float:
        return float(self.cost(outputs.cost_in(unit)).mean())

    def correct(self, outputs: Outputs) -> NDArray[np.bool_]:
        """Whether each example left with a correct prediction, (examples,)."""
        return self.prediction == outputs.labels

    def accuracy(self, outputs: Outputs) -> float:
        return float(self.correct(outputs).mean())

    def shares(self, exits: int) -> NDArray[np.float64]:
        """Share of all examples leaving at each exit, (exits,), summing to 1."""
        return np.bincount(self.exit, minlength=exits) / len(self.exit)

    def correct_shares(self, outputs: Outputs) -> NDArray[np.float64]:
        """Share of all examples that leave at each exit with a correct prediction, (exits,), summing to the accuracy."""
        return np.bincount(self.exit, weights=self.correct(outputs), minlength=outputs.exits) / len(self.exit)


def distinct_paths(visited: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The distinct sets of stages that ran, and which of them each example took.

    visited (exits, examples) -> paths (paths, exits), index (examples,), with paths[index].T equal to visited
    """
    bits = np.packbits(visited, axis=0)
    padded = np.zeros((visited.shape[1], -(-len(bits) // 8) * 8), np.uint8)
    padded[:, : len(bits)] = bits.T
    words = padded.view(np.uint64)
    words = words[:, 0] if words.shape[1] == 1 else words  # single numbers sort much faster than rows
    _, first, index = np.unique(words, axis=0, return_index=True, return_inverse=True)
    return visited[:, first].T.copy(), index.reshape(-1)


def _prediction_at(outputs: Outputs, exit: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.take_along_axis(outputs.prediction, exit[None], axis=0)[0]
