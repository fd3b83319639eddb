"""Scores that are worked out from the outputs by something learned, rather than recorded with them.

A temperature, an ensemble, a score head: each reads the whole outputs and says, for every exit and example, how sure it is and what it
answers. Thresholds on such scores are set by the policies that already know how (`quotas`, `single`); this file joins the two.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs, Topology
from engine.policies.base import Bar, Fitted, Rule
from engine.policies.stepper import InOrder, Said
from engine.policies.threshold import ThresholdRule, first_sure_exit
from engine.route import Route
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
    """Says how sure every exit is of every example, as log-odds, and what it answers.

    `score_at` and `answer_at` say the same, to the last bit, while the network runs: at one exit, knowing no later one.
    """

    @abstractmethod
    def score_at(self, exit: int, said: Said) -> NDArray[np.float32]:
        """How sure the exit is, (examples,)."""

    def answer_at(self, exit: int, said: Said) -> NDArray[np.int32]:
        """What an example leaving there leaves with, (examples,)."""
        return said.top_class(exit)


def chunks(outputs: Outputs, exits: slice | int = slice(None)) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Some hundred examples at a time: where they stand, and their logits, (exits, some, classes) or (some, classes), in float64."""
    assert outputs.logits is not None, "a policy that reads logits needs Need.PROBABILITIES"
    for start in range(0, outputs.examples, CHUNK):
        some = slice(start, min(start + CHUNK, outputs.examples))
        yield some, np.asarray(outputs.logits[exits, some], np.float64)


@dataclass(frozen=True, eq=False)
class ScorerRule(Rule):
    """An example leaves at the first exit whose score is at least that exit's threshold, (exits - 1,), with the scorer's answer."""

    scorer: Scorer
    thresholds: NDArray[np.float64]
    knob: Mapping[str, float]
    planned_cost: float

    def bar(self) -> Bar:
        return Bar(SURENESS.name, self.thresholds)

    def compared(self, outputs: Outputs) -> NDArray[np.floating]:
        return self.scorer.of(outputs).score

    def route(self, outputs: Outputs) -> Route:
        scored = self.scorer.of(outputs)
        route = Route.through(outputs, first_sure_exit(scored.score, self.thresholds))
        return Route(route.exit, route.visited, np.take_along_axis(scored.answer, route.exit[None], axis=0)[0])

    def stepper(self, topology: Topology) -> InOrder:
        return InOrder(self._leaves, self.scorer.answer_at)

    def _leaves(self, exit: int, said: Said) -> NDArray[np.bool_]:
        return self.scorer.score_at(exit, said) >= self.thresholds[exit]


@dataclass(frozen=True, eq=False)
class ScorerFit(Fitted):
    """Thresholds as `by_score` sets them, on the scores of `scorer`.

    by_score: fitted to the calibration examples' scores, as `QuotaFit` or `SingleThresholdFit` are; its rules are `ThresholdRule`s
    """

    scorer: Scorer
    by_score: Fitted

    @property
    def cheapest(self) -> float:
        return self.by_score.cheapest

    def _solve(self, budget: float) -> ScorerRule:
        rule = self.by_score.solve(budget)
        assert isinstance(rule, ThresholdRule)
        return ScorerRule(self.scorer, rule.thresholds, rule.knob, rule.planned_cost)
