"""Features: the few numbers that a rule needs from one exit's logits.

A feature is computed where the logits are, so only its numbers leave the device. Its formula follows the array API standard, so one formula
works for numpy arrays on the host and PyTorch tensors on any device. A policy with a feature of its own needs nothing else.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.policies.core.logit_summary import summarize
from engine.scores import one_score


class Feature(ABC):
    """A function of each example on its own. Hashable, so that its values can be cached."""

    @abstractmethod
    def of(self, logits: NDArray[np.floating]) -> NDArray[np.floating]:
        """(examples, classes) of any float type -> (examples, ...), using functions of `array_api_compat.array_namespace(logits)`."""


@dataclass(frozen=True)
class ScoreFeature(Feature):
    """The exit's confidence: one of engine.scores.SCORES, (examples,) float32."""

    name: str

    def of(self, logits: NDArray[np.floating]) -> NDArray[np.float32]:
        return one_score(self.name, logits)


@dataclass(frozen=True)
class RecordedFeature(Feature):
    """A feature that outputs record by name, (examples,) float32. Networks that give masks give those of `engine.masks.features`."""

    name: str

    def of(self, logits: NDArray[np.floating]) -> NDArray[np.float32]:
        raise UserError(
            f"This policy reads the feature {printable(self.name, 40)!r}, which logits of classes do not give; choose another policy."
        )


@dataclass(frozen=True)
class SummaryFeature(Feature):
    """The input of gates, see engine.policies.core.logit_summary, (examples, min(top, classes) + 3) float64."""

    top: int

    def of(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        return summarize(logits, self.top)
