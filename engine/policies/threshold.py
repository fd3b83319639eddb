"""Leave at the first exit that is sure enough: the rule most methods end in, however they choose their thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs, Topology
from engine.policies.base import Bar, Rule
from engine.policies.stepper import InOrder, Said
from engine.route import Route


@dataclass(frozen=True, eq=False)
class ThresholdRule(Rule):
    """An example leaves at the first exit whose score is at least that exit's threshold; the last exit takes the rest.

    score:      name of the score compared, see `engine.scores`
    thresholds: (exits - 1,); minus infinity lets everyone out, plus infinity nobody
    """

    score: str
    thresholds: NDArray[np.float64]
    knob: Mapping[str, float]
    planned_cost: float

    def bar(self) -> Bar:
        return Bar(self.score, self.thresholds)

    def route(self, outputs: Outputs) -> Route:
        return Route.through(outputs, first_sure_exit(outputs.scores[self.score], self.thresholds))

    def stepper(self, topology: Topology) -> InOrder:
        return InOrder(self._leaves)

    def _leaves(self, exit: int, said: Said) -> NDArray[np.bool_]:
        return said.score(exit, self.score) >= self.thresholds[exit]


def first_sure_exit(scores: NDArray[np.floating], thresholds: NDArray[np.floating]) -> NDArray[np.int64]:
    """scores (exits, examples), thresholds (exits - 1,) -> the exit each example leaves at, (examples,)."""
    exits, examples = scores.shape
    exit = np.full(examples, exits - 1)
    # Backwards, so that an earlier exit overrules a later one: K passes over memory and no table of all comparisons.
    for k in range(exits - 2, -1, -1):
        exit[scores[k] >= thresholds[k]] = k
    return exit
