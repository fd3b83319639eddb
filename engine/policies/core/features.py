"""Readings: the few numbers that a rule reads of what one exit said, instead of all its logits.

So whoever holds the logits works the numbers out and hands over no more. Here they are worked out in numpy, as simulated routes have
them; `engine.runtime.on_device` has the same formulas for logits that lie on a device.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.policies.core.description import describe
from engine.scores import one_score


class Feature(ABC):
    """Works on every example by itself. Hashable, so that what was read once need not be read again."""

    @abstractmethod
    def of(self, logits: NDArray[np.floating]) -> NDArray[np.floating]:
        """(examples, classes), of any float type -> (examples, ...)"""


@dataclass(frozen=True)
class ScoreFeature(Feature):
    """How sure the exit is: one of engine.scores.SCORES, (examples,) float32, to the last bit as bundles keep it."""

    name: str

    def of(self, logits: NDArray[np.floating]) -> NDArray[np.float32]:
        return one_score(self.name, logits)


@dataclass(frozen=True)
class SummaryFeature(Feature):
    """What gates read, see engine.policies.core.description, (examples, min(top, classes) + 3) float64."""

    top: int

    def of(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        return describe(logits, self.top)
