"""The exact curve of a family of rules with one knob, all settings at once, by a running maximum and one sort.

It works whenever all thresholds rise together with the knob. The input is, for every exit and example, the largest knob at which the
example would leave there: the score itself for one shared threshold, score / mu_k if exit k requires knob * mu_k. An example remains after
exit k exactly if the maximum of these values up to exit k is below the knob. So its contribution changes only at those running maxima.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import by_example
from engine.thresholds.counts import Counts


@dataclass(frozen=True, eq=False)
class ExactCurve:
    """Every knob value that makes a difference, and where each example leaves at it.

    levels: (steps,) float64 rising: the knobs at which an example's exit changes, then infinity, where no example leaves early
    """

    levels: NDArray[np.float64]
    _in_turn: NDArray[np.int64]  # (exits - 1) * examples flat positions, in the order in which a rising knob passes them on
    _sent_on: NDArray[np.int64]  # (steps,) how many of them each level has passed on
    _examples: int

    @classmethod
    def of(cls, knobs: NDArray[np.floating]) -> "ExactCurve":
        """knobs (exits, examples): the largest knob at which each example leaves at each exit; the last exit's is ignored.

        Finite, or minus infinity where it never leaves.
        """
        examples = knobs.shape[1]
        so_far = np.maximum.accumulate(knobs[:-1], axis=0).ravel()
        in_turn = np.argsort(so_far)
        rising = so_far[in_turn].astype(np.float64)
        first = np.ones(len(rising), bool)
        np.not_equal(rising[1:], rising[:-1], out=first[1:])
        # At a level, everything strictly below it has been passed on; above the top level, everything has. So has, at every level, what
        # is at minus infinity, where an exit failed.
        sent_on = np.flatnonzero(first & (rising > -np.inf))
        return cls(np.append(rising[sent_on], np.inf), in_turn, np.append(sent_on, len(rising)), examples)

    def total(self, value: NDArray) -> NDArray:
        """Sum over all examples of a value that depends on where they leave. value (exits, examples) or (exits, 1) -> (steps,)."""
        value = np.broadcast_to(value, (len(value), self._examples))
        value = value.astype(np.int64 if value.dtype.kind in "bu" else np.float64 if value.dtype.kind == "f" else value.dtype)
        # An example passed on from exit k to k + 1 trades the value at k for that at k + 1.
        change = np.concatenate((value[:1].sum(axis=1), np.diff(value, axis=0).ravel()[self._in_turn]))
        return np.cumsum(change)[self._sent_on]

    def mean_cost(self, exit_cost: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean cost per example at every level, (steps,) rising; exit_cost (exits,) or (exits, examples) cumulative."""
        return self.total(by_example(exit_cost)) / self._examples

    def accuracy(self, quality: NDArray) -> NDArray[np.float64]:
        """Mean quality at every level, (steps,); quality (exits, examples), bool where it is correct or not."""
        return self.total(quality) / self._examples

    def counts(self, correct: NDArray[np.bool_]) -> Counts:
        """The whole count table, (steps, exits); correct (exits, examples)."""
        at_exit = np.eye(len(correct), dtype=np.int64)[:, :, None]
        leaving = [self.total(here) for here in at_exit]
        leaving_correct = [self.total(here * correct) for here in at_exit]
        return Counts(np.stack(leaving, axis=-1), np.stack(leaving_correct, axis=-1), self._examples)
