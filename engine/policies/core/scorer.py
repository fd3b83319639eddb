"""Scorers: the confidence and the prediction of every exit for every example.

The score may be recorded with the outputs, or computed from them by something learned: a temperature, an ensemble, a score head. The
policies that set thresholds (`planned`, `single`) do not depend on where the scores come from.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import Quality
from engine.outputs import Outputs
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.read_cache import ReadCache
from engine.policies.core.saved_types import Cascade, register_saved
from engine.scores import SCORES, SURENESS

#: Examples per chunk: with 5 exits and 1,000 classes a chunk in float64 takes 20 MB.
CHUNK = 512


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Reader(ABC, Generic[T]):
    """A function of outputs that is computed once per outputs, however many budgets need it, and cached while the outputs exist."""

    _read: ReadCache[T] = field(default_factory=ReadCache, init=False, repr=False)

    def of(self, outputs: Outputs) -> T:
        if outputs not in self._read:
            self._read[outputs] = self._of(outputs)
        return self._read[outputs]

    @abstractmethod
    def _of(self, outputs: Outputs) -> T: ...


@dataclass(frozen=True, eq=False)
class Scored:
    """What leaving at each exit would look like and be worth, for each example, (exits, examples) each.

    score:   larger = more confident
    answer:  int32, the prediction of an example that leaves there, or None if the exits predict no classes
    quality: what it is worth, as in `Outputs.quality`
    """

    score: NDArray[np.floating]
    answer: NDArray[np.int32] | None
    quality: Quality

    @classmethod
    def by_exit(cls, score: NDArray[np.floating], outputs: Outputs) -> "Scored":
        """The exits' own predictions, with this score."""
        return cls(score, outputs.prediction, outputs.quality)


class Scorer(Reader[Scored]):
    """Gives the confidence and the prediction of every exit for every example.

    `score_at` and `answer_at` give the same, to the last bit, while the network runs: at one exit, without the later ones.
    """

    #: The score's name in `engine.scores`, where its display form is defined.
    score_name: str = SURENESS.name

    @property
    def known_while_running(self) -> bool:
        """Whether a running network gives what the scores are computed from."""
        return True

    @abstractmethod
    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        """The confidence of the exit, (examples,)."""

    def answer_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        """The prediction of an example that leaves there, (examples,)."""
        return exit_outputs.top_class(exit)


@register_saved("recorded_score")
@dataclass(frozen=True, eq=False)
class RecordedScore(Scorer):
    """One of `engine.scores.SCORES`, as recorded, and the exit's own prediction."""

    score_name: str

    def of(self, outputs: Outputs) -> Scored:
        return self._of(outputs)  # nothing is computed, so there is nothing to cache

    def _of(self, outputs: Outputs) -> Scored:
        return Scored.by_exit(outputs.scores[self.score_name], outputs)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        return exit_outputs.score(exit, self.score_name)

    def fits(self, cascade: Cascade) -> bool:
        return self.score_name in SCORES


def chunks(outputs: Outputs, exits: slice | int = slice(None)) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Chunks of at most CHUNK examples: their positions and their logits, (exits, some, classes) or (some, classes), in float64."""
    known = outputs.known_logits
    for start in range(0, outputs.examples, CHUNK):
        some = slice(start, min(start + CHUNK, outputs.examples))
        yield some, np.asarray(known[exits, some], np.float64)
