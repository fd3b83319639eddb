"""Scorers: how sure every exit is of every example, and what it answers.

The score may be recorded with the outputs, or worked out from them by something learned: a temperature, an ensemble, a score head.
Thresholds on scores are set by policies that do not ask where the scores come from (`planned`, `single`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs
from engine.policies.core.online_rules import ExitOutputs
from engine.scores import SURENESS

#: Examples read at a time: 5 exits x 1,000 classes in float64 then take 20 MB.
CHUNK = 512


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Reader(ABC, Generic[T]):
    """A function of outputs that reads the same outputs once, however many budgets ask, and forgets what it read when they go."""

    _read: WeakKeyDictionary[Outputs, T] = field(default_factory=WeakKeyDictionary, init=False, repr=False)

    def of(self, outputs: Outputs) -> T:
        if outputs not in self._read:
            self._read[outputs] = self._of(outputs)
        return self._read[outputs]

    @abstractmethod
    def _of(self, outputs: Outputs) -> T: ...


@dataclass(frozen=True, eq=False)
class Scored:
    """score (exits, examples), larger = surer; answer (exits, examples) int32, what an example leaving there leaves with."""

    score: NDArray[np.floating]
    answer: NDArray[np.int32]


class Scorer(Reader[Scored]):
    """Says how sure every exit is of every example and what it answers.

    `score_at` and `answer_at` say the same, to the last bit, while the network runs: at one exit, knowing no later one.
    """

    #: The score's name in `engine.scores`, which says how a person reads it.
    score_name: str = SURENESS.name

    @abstractmethod
    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        """How sure the exit is, (examples,)."""

    def answer_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        """What an example leaving there leaves with, (examples,)."""
        return exit_outputs.top_class(exit)


@dataclass(frozen=True, eq=False)
class RecordedScore(Scorer):
    """One of `engine.scores.SCORES`, as recorded, and the exit's own answer."""

    score_name: str

    def of(self, outputs: Outputs) -> Scored:
        return self._of(outputs)  # nothing is worked out, so nothing need be kept

    def _of(self, outputs: Outputs) -> Scored:
        return Scored(outputs.scores[self.score_name], outputs.prediction)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        return exit_outputs.score(exit, self.score_name)


def chunks(outputs: Outputs, exits: slice | int = slice(None)) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Some hundred examples at a time: where they stand, and their logits, (exits, some, classes) or (some, classes), in float64."""
    assert outputs.logits is not None, "a policy that reads logits needs Need.PROBABILITIES"
    for start in range(0, outputs.examples, CHUNK):
        some = slice(start, min(start + CHUNK, outputs.examples))
        yield some, np.asarray(outputs.logits[exits, some], np.float64)
