"""Steppers: rules that run along with a network and say, exit by exit, who goes on.

What was said travels with the examples: a stepper is shown all that the exits asked so far have said about them, and keeps nothing itself.
So ensembles, counters of agreements and gates that remember need no memory of their own, and whoever runs the network can put examples
together as it likes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.policies.description import describe
from engine.scores import one_score

Rows = NDArray[np.int64]


class Answers(ABC):
    """What one exit said about some examples, a row each, wherever it lies. About those that were not sent to it, it is NaN."""

    @abstractmethod
    def logits(self, rows: Rows) -> NDArray[np.floating]:
        """(rows, classes), raw."""

    def score(self, name: str, rows: Rows) -> NDArray[np.float32]:
        """One of engine.scores.SCORES, as bundles keep it, (rows,)."""
        return one_score(name, self.logits(rows))

    def described(self, top: int, rows: Rows) -> NDArray[np.float64]:
        """What gates read, see engine.policies.description, (rows, features)."""
        return describe(self.logits(rows), top)

    def top_class(self, rows: Rows) -> NDArray[np.int32]:
        """(rows,) Only of those that were sent to the exit."""
        return self.logits(rows).argmax(axis=1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class InMemory(Answers):
    """array: (rows, classes)"""

    array: NDArray[np.floating]

    def logits(self, rows: Rows) -> NDArray[np.floating]:
        return self.array[rows]


@dataclass(frozen=True, eq=False)
class Said:
    """What the exits asked so far have said about some examples: `said[exit]` is (examples, classes), raw logits.

    answers: {exit asked: about these examples and maybe more}
    rows:    (examples,) where they stand there. Looked up when asked for, so that what a rule does not read costs nothing.
    """

    answers: Mapping[int, Answers]
    rows: Rows

    def __getitem__(self, exit: int) -> NDArray[np.floating]:
        return self.answers[exit].logits(self.rows)

    def score(self, exit: int, name: str) -> NDArray[np.float32]:
        """How sure an exit is, by one of engine.scores.SCORES, (examples,). Where a device holds the logits, it works this out."""
        return self.answers[exit].score(name, self.rows)

    def described(self, exit: int, top: int) -> NDArray[np.float64]:
        """What gates read of an exit, see engine.policies.description, (examples, features). Worked out there too."""
        return self.answers[exit].described(top, self.rows)

    def top_class(self, exit: int) -> NDArray[np.int32]:
        """An exit's own answers, (examples,)."""
        return self.answers[exit].top_class(self.rows)

    def through(self, exit: int) -> NDArray[np.float64]:
        """What every exit up to this one said, (exit + 1, examples, classes). All of them were asked."""
        return np.stack([self[k] for k in range(exit + 1)]).astype(np.float64)

    def of(self, some: NDArray[np.bool_]) -> "Said":
        """The same about some of the examples only, (examples,)."""
        return Said(self.answers, self.rows[some])


class Stepper(ABC):
    """A rule that runs along: told what an exit says, it names the exit to ask next.

    It keeps nothing between calls, so examples may come in any company and order, and it agrees with its rule's `route` to the last bit.

    exit: the one just asked
    ids:  (examples,)
    said: about them, by `exit` and by those asked before it
    """

    @abstractmethod
    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The exit to ask first, (examples,)."""

    @abstractmethod
    def after(self, exit: int, ids: NDArray[np.int64], said: Said) -> NDArray[np.int64]:
        """The exit to ask next, (examples,), or `exit` itself for those that leave there.

        Never called for the last exit, where everyone leaves.
        """

    def answer(self, exit: int, ids: NDArray[np.int64], said: Said) -> NDArray[np.int32]:
        """What those that leave at `exit` leave with, (examples,)."""
        return said.top_class(exit)


def own_answers(exit: int, said: Said) -> NDArray[np.int32]:
    """What the exit itself says, (examples,)."""
    return said.top_class(exit)


@dataclass(frozen=True, eq=False)
class InOrder(Stepper):
    """Asks one exit after the other until one lets go.

    leaves:  (exit, said) -> whether each example leaves there, (examples,)
    answers: (exit, said) -> and with what, (examples,)
    """

    leaves: Callable[[int, Said], NDArray[np.bool_]]
    answers: Callable[[int, Said], NDArray[np.int32]] = own_answers

    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.zeros(len(ids), np.int64)

    def after(self, exit: int, ids: NDArray[np.int64], said: Said) -> NDArray[np.int64]:
        return np.where(self.leaves(exit, said), exit, exit + 1)

    def answer(self, exit: int, ids: NDArray[np.int64], said: Said) -> NDArray[np.int32]:
        return self.answers(exit, said)
