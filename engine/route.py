"""A route: the exit of every example and the stages that ran, with what that cost and what it is worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import Quality, at_exits
from engine.outputs import CascadeKind, Outputs

#: Stages whose sets are few enough for a table of all of them.
_FEW = 12


@dataclass(frozen=True, eq=False)
class Route:
    """Where every example left and which stages ran.

    exit:       (examples,) int64, the exit it left at
    visited:    (exits, examples) bool, the stages that ran
    prediction: (examples,) int32, the prediction it left with: the exit's own, unless the policy combines several exits. None where the
                exits predict no classes
    quality:    (examples,) what that is worth: bool, correct or not, or float32 in [0, 1]. None while it is not known, as in a run
    """

    exit: NDArray[np.int64]
    visited: NDArray[np.bool_]
    prediction: NDArray[np.int32] | None = None
    quality: Quality | None = None

    @classmethod
    def through(cls, outputs: Outputs, exit: NDArray[np.integer]) -> "Route":
        """Every stage up to the exit runs, and the exit predicts: the route through a chain, or through a family's networks in order."""
        exit = np.asarray(exit, np.int64)
        return cls.by_stages(outputs, exit, np.arange(outputs.exits)[:, None] <= exit)

    @classmethod
    def straight(cls, outputs: Outputs, exit: NDArray[np.integer]) -> "Route":
        """Only the stages that the exit needs run: in a chain all stages before it, in a family only its own."""
        if outputs.kind == CascadeKind.CHAIN:
            return cls.through(outputs, exit)
        exit = np.asarray(exit, np.int64)
        return cls.by_stages(outputs, exit, np.arange(outputs.exits)[:, None] == exit)

    @classmethod
    def by_stages(cls, outputs: Outputs, exit: NDArray[np.int64], visited: NDArray[np.bool_]) -> "Route":
        """Any route on which the exit predicts. visited: (exits, examples)"""
        prediction = None if outputs.prediction is None else at_exits(outputs.prediction, exit)
        return cls(exit, visited, prediction, at_exits(outputs.quality, exit))

    def cost(self, stage_cost: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cost of each example, (examples,): the sum over the stages it ran. stage_cost: (stages,), or its own costs (stages, examples)"""
        cost = np.zeros(len(self.exit))
        # Stage by stage: in a matrix product an example's last digit may depend on how many others there are.
        for ran, price in zip(self.visited, stage_cost, strict=True):
            cost += ran * price
        return cost

    def mean_cost(self, outputs: Outputs, unit: str) -> float:
        return float(self.cost(outputs.cost_in(unit)).mean())

    @property
    def known_quality(self) -> Quality:
        """`quality`. Raises ValueError if it is not known."""
        if self.quality is None:
            raise ValueError("what this route is worth is not known: it was run on examples without labels")
        return self.quality

    @property
    def accuracy(self) -> float:
        """The mean quality: the share of correct examples, where quality is correct or not."""
        return float(self.known_quality.mean(dtype=np.float64))

    def shares(self, exits: int) -> NDArray[np.float64]:
        """Share of all examples leaving at each exit, (exits,), summing to 1."""
        return np.bincount(self.exit, minlength=exits) / len(self.exit)

    def quality_shares(self, exits: int) -> NDArray[np.float64]:
        """Quality of the examples that leave at each exit, as a share of the number of all examples, (exits,), summing to the accuracy.

        Where quality is correct or not, it is the share of all examples that leave at each exit and are correct.
        """
        return np.bincount(self.exit, weights=self.known_quality, minlength=exits) / len(self.exit)


def distinct_paths(visited: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The distinct sets of stages that ran, and which of them each example took.

    visited (exits, examples) -> paths (paths, exits), index (examples,), with paths[index].T equal to visited
    """
    exits, examples = visited.shape
    if exits <= _FEW:  # a table instead of sorting
        bits = np.zeros(examples, np.uint16)
        for ran in visited:
            bits = 2 * bits + ran
        taken = np.flatnonzero(np.bincount(bits, minlength=1))
        number = np.zeros(1 << exits, np.int64)
        number[taken] = np.arange(len(taken))
        return (taken[:, None] >> np.arange(exits)[::-1] & 1).astype(bool), number[bits]
    bits = np.packbits(visited, axis=0)
    padded = np.zeros((visited.shape[1], -(-len(bits) // 8) * 8), np.uint8)
    padded[:, : len(bits)] = bits.T
    words = padded.view(np.uint64)
    words = words[:, 0] if words.shape[1] == 1 else words  # single numbers sort much faster than rows
    _, first, index = np.unique(words, axis=0, return_index=True, return_inverse=True)
    return visited[:, first].T.copy(), index.reshape(-1)
