"""Steppers: rules that run along with a network and say, exit by exit, who goes on.

What was said travels with the examples: a stepper is shown all that the exits asked so far have said about them, and keeps nothing itself.
So ensembles, counters of agreements and gates that remember need no memory of their own, and whoever runs the network can put examples
together as it likes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.policies.core.features import Feature, ScoreFeature, SummaryFeature

Rows = NDArray[np.int64]
Numbers = TypeVar("Numbers")  # an array or a tensor


class Answers(ABC):
    """What one exit said about some examples, a row each, wherever it lies. Of those that were not sent to it, readings are NaN."""

    @abstractmethod
    def read(self, feature: Feature, rows: Rows) -> NDArray[np.floating]:
        """(rows, ...), see engine.policies.core.features."""

    @abstractmethod
    def top_class(self, rows: Rows) -> NDArray[np.int32]:
        """(rows,) Only of those that were sent to the exit."""

    @abstractmethod
    def with_others(self, others: Sequence[Self], weight: NDArray[np.float64], bias: NDArray[np.float64], rows: Rows) -> Self:
        """See `Said.combined`: weight (1 + others,), this one's first."""


@dataclass(frozen=True, eq=False)
class InMemory(Answers):
    """array: (rows, classes), raw logits"""

    array: NDArray[np.floating]

    def read(self, feature: Feature, rows: Rows) -> NDArray[np.floating]:
        return feature.of(self.array[rows])

    def top_class(self, rows: Rows) -> NDArray[np.int32]:
        return self.array[rows].argmax(axis=1).astype(np.int32)

    def with_others(self, others: Sequence[Self], weight: NDArray[np.float64], bias: NDArray[np.float64], rows: Rows) -> Self:
        return type(self)(combine(weight, [exit_outputs.array[rows].astype(np.float64) for exit_outputs in (self, *others)]) + bias)


def combine(weight: Sequence[float] | NDArray[np.floating], exit_outputs: Sequence[Numbers] | Numbers) -> Numbers:
    """Weighted sum over exits: weight (exits,), logits (exits, examples, classes) -> (examples, classes).

    Summed exit by exit, so that an example's result does not depend on which others stand beside it, as it may in a matrix product.
    """
    combined = weight[0] * exit_outputs[0]
    for share, member in zip(weight[1:], exit_outputs[1:], strict=True):
        combined += share * member
    return combined


@dataclass(frozen=True, eq=False)
class ExitOutputs:
    """What the exits asked so far have said about some examples.

    answers: {exit asked: about these examples and maybe more}
    rows:    (examples,) where they stand there. Looked up when asked for, so that what a rule does not read costs nothing.
    """

    answers: Mapping[int, Answers]
    rows: Rows

    def read(self, exit: int, feature: Feature) -> NDArray[np.floating]:
        """Some numbers about each example, (examples, ...). Where a device holds the logits, it works them out."""
        return self.answers[exit].read(feature, self.rows)

    def score(self, exit: int, name: str) -> NDArray[np.float32]:
        """How sure an exit is, by one of engine.scores.SCORES, (examples,)."""
        return self.read(exit, ScoreFeature(name))

    def described(self, exit: int, top: int) -> NDArray[np.float64]:
        """What gates read of an exit, see engine.policies.core.description, (examples, features)."""
        return self.read(exit, SummaryFeature(top))

    def top_class(self, exit: int) -> NDArray[np.int32]:
        """An exit's own answers, (examples,)."""
        return self.answers[exit].top_class(self.rows)

    def combined(self, exit: int, weight: NDArray[np.float64], bias: NDArray[np.float64] | None = None) -> "ExitOutputs":
        """As if `exit` had said sum_j weight[j] z_j + bias of the exits before it and its own, all of which were asked.

        weight: (exit + 1,), or (1,) for its own logits alone; bias: (classes,), none by default
        """
        first, *others = [self.answers[k] for k in range(exit + 1 - len(weight), exit + 1)]
        together = first.with_others(others, weight, np.zeros(1) if bias is None else bias, self.rows)
        return ExitOutputs({exit: together}, np.arange(len(self.rows)))

    def of(self, some: NDArray[np.bool_]) -> "ExitOutputs":
        """The same about some of the examples only, (examples,)."""
        return ExitOutputs(self.answers, self.rows[some])


class OnlineRule(ABC):
    """A rule that runs along: told what an exit says, it names the exit to ask next.

    It keeps nothing between calls, so examples may come in any company and order, and it agrees with its rule's `route` to the last bit.

    exit: the one just asked
    ids:  (examples,)
    exit_outputs: about them, by `exit` and by those asked before it
    """

    @abstractmethod
    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The exit to ask first, (examples,)."""

    @abstractmethod
    def after(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int64]:
        """The exit to ask next, (examples,), or `exit` itself for those that leave there.

        Never called for the last exit, where everyone leaves.
        """

    def answer(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        """What those that leave at `exit` leave with, (examples,)."""
        return exit_outputs.top_class(exit)


def own_answers(exit: int, exit_outputs: ExitOutputs) -> NDArray[np.int32]:
    """What the exit itself says, (examples,)."""
    return exit_outputs.top_class(exit)


@dataclass(frozen=True, eq=False)
class SequentialOnlineRule(OnlineRule):
    """Asks one exit after the other until one lets go.

    leaves:  (exit, ids, said) -> whether each example leaves there, (examples,)
    answers: (exit, said) -> and with what, (examples,)
    """

    leaves: Callable[[int, NDArray[np.int64], ExitOutputs], NDArray[np.bool_]]
    answers: Callable[[int, ExitOutputs], NDArray[np.int32]] = own_answers

    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.zeros(len(ids), np.int64)

    def after(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int64]:
        return np.where(self.leaves(exit, ids, exit_outputs), exit, exit + 1)

    def answer(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        return self.answers(exit, exit_outputs)
