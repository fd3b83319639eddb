"""Online rules: a policy's decisions, taken exit by exit while the network runs.

The outputs travel with the examples: an online rule is given the outputs of every exit that has run for them and stores nothing itself. So
ensembles, agreement counters and gates with history need no memory of their own, and the executor may batch examples freely.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.policies.core.features import Feature, RecordedFeature, ScoreFeature, SummaryFeature
from engine.policies.core.logit_store import LogitStore, Rows


@dataclass(frozen=True, eq=False)
class ExitOutputs:
    """The outputs of the exits that have run so far, for some examples.

    stores: {exit: the logits of that exit, for these examples and perhaps more}
    rows:   (examples,) the examples' rows in the stores, looked up only when a rule reads something
    before: {name: (examples,)}, what was known of the examples before any stage ran
    """

    stores: Mapping[int, LogitStore]
    rows: Rows
    before: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def read(self, exit: int, feature: Feature) -> NDArray[Any]:
        """A feature of each example at one exit, (examples, ...), computed where the logits are."""
        return self.stores[exit].read(feature, self.rows)

    def score(self, exit: int, name: str) -> NDArray[np.float32]:
        """The confidence of an exit, by one of engine.scores.SCORES, (examples,)."""
        return self.read(exit, ScoreFeature(name))

    def summary(self, exit: int, top: int) -> NDArray[np.float64]:
        """The input of gates from one exit, see engine.policies.core.logit_summary, (examples, features)."""
        return self.read(exit, SummaryFeature(top))

    def recorded(self, exit: int, name: str) -> NDArray[np.float32]:
        """A feature of an exit that outputs record by name, (examples,)."""
        return self.read(exit, RecordedFeature(name))

    def known_before(self, name: str) -> NDArray[np.float32]:
        """A value that was known before any stage ran, (examples,)."""
        return known_before(name, self.before)

    def top_class(self, exit: int) -> NDArray[np.int32]:
        """The prediction of an exit, (examples,)."""
        return self.stores[exit].top_class(self.rows)

    def combined(self, exit: int, weight: NDArray[np.float64], bias: NDArray[np.float64] | None = None) -> "ExitOutputs":
        """The outputs with the logits of `exit` replaced by sum_j weight[j] z_j + bias, over all exits up to it, which must have run.

        weight: (exit + 1,), or (1,) for its own logits alone; bias: (classes,), 0 by default
        """
        first, *others = [self.stores[k] for k in range(exit + 1 - len(weight), exit + 1)]
        together = first.with_others(others, weight, np.zeros(1) if bias is None else bias, self.rows)
        return ExitOutputs({exit: together}, np.arange(len(self.rows)), self.before)

    def of(self, some: NDArray[np.bool_]) -> "ExitOutputs":
        """The outputs of some of the examples only, some (examples,)."""
        return ExitOutputs(self.stores, self.rows[some], {name: values[some] for name, values in self.before.items()})


def known_before(name: str, before: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """One of the values that are known before any stage runs. Raises UserError if the run was not given it."""
    if name not in before:
        raise UserError(f"This policy reads {name!r}, which is known before any stage runs; give the run a value of it for every example.")
    return before[name]


class OnlineRule(ABC):
    """Decides while the network runs: given the outputs of an exit, it names the exit to run next.

    It stores nothing between calls, so examples may come in any batches and order, and it agrees with its rule's `route` to the last bit.

    exit:         the one that has just run
    ids:          (examples,)
    before:       {name: (examples,)}, what is known of them before any stage runs
    exit_outputs: for these examples, of `exit` and of those that ran before it
    """

    @abstractmethod
    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first exit to run, (examples,)."""

    def start(self, ids: NDArray[np.int64], before: Mapping[str, NDArray[np.float32]]) -> NDArray[np.int64]:
        """As `first`, for rules that choose by what is known before any stage runs."""
        return self.first(ids)

    @abstractmethod
    def after(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int64]:
        """The exit to run next, (examples,), or `exit` itself for the examples that leave there.

        Never called for the last exit, where all examples leave.
        """

    def answer(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        """The prediction of the examples that leave at `exit`, (examples,)."""
        return exit_outputs.top_class(exit)


def own_prediction(exit: int, exit_outputs: ExitOutputs) -> NDArray[np.int32]:
    """The exit's own prediction, (examples,)."""
    return exit_outputs.top_class(exit)


@dataclass(frozen=True, eq=False)
class SequentialOnlineRule(OnlineRule):
    """Runs one exit after the other until the example may leave.

    leaves:  (exit, ids, exit_outputs) -> whether each example leaves there, (examples,)
    answers: (exit, exit_outputs) -> its prediction if it does, (examples,)
    """

    leaves: Callable[[int, NDArray[np.int64], ExitOutputs], NDArray[np.bool_]]
    answers: Callable[[int, ExitOutputs], NDArray[np.int32]] = own_prediction

    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.zeros(len(ids), np.int64)

    def after(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int64]:
        return np.where(self.leaves(exit, ids, exit_outputs), exit, exit + 1)

    def answer(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        return self.answers(exit, exit_outputs)
