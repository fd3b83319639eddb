"""Scores as ranks: a score's position among its exit's distinct values. Thresholds only compare, so nothing is lost, at half the size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds.counts import Counts


@dataclass(frozen=True, eq=False)
class Ranked:
    """The scores of every exit but the last, which takes all remaining examples.

    values:  per exit its distinct scores, rising
    ranks:   (exits - 1, examples) uint16, or uint32 if an exit has more than 65,535 distinct scores: position in `values`
    correct: (exits, examples) bool

    A cut is a threshold in ranks: an example leaves if its rank is at least the cut. At cut 0 all examples leave, at `len(values[k])` none.
    """

    values: tuple[NDArray[np.floating], ...]
    ranks: NDArray[np.unsignedinteger]
    correct: NDArray[np.bool_]

    @classmethod
    def of(cls, scores: NDArray[np.floating], correct: NDArray[np.bool_]) -> "Ranked":
        """scores, correct: (exits, examples)"""
        distinct = [np.unique(row, return_inverse=True) for row in scores[:-1]]
        values = tuple(value for value, _ in distinct)
        narrow = all(len(value) < 2**16 for value in values)
        ranks = np.array([rank for _, rank in distinct], np.uint16 if narrow else np.uint32).reshape(len(distinct), scores.shape[1])
        return cls(values, ranks, correct)

    def cuts(self, thresholds: NDArray[np.floating]) -> NDArray[np.int64]:
        """The cuts at which the same examples leave as at these thresholds. thresholds (..., exits - 1) -> the same shape."""
        cuts = np.empty(thresholds.shape, np.int64)
        for k, values in enumerate(self.values):
            cuts[..., k] = np.searchsorted(values, thresholds[..., k], side="left")
        return cuts

    def thresholds(self, cuts: NDArray[np.integer]) -> NDArray[np.float64]:
        """The thresholds of these cuts, (..., exits - 1): a score that occurs, or infinite where all examples or none leave."""
        thresholds = np.empty(cuts.shape, np.float64)
        for k, values in enumerate(self.values):
            # Minus infinity rather than the lowest score: a new example may score lower than all of these.
            thresholds[..., k] = np.concatenate(([-np.inf], values[1:], [np.inf]))[cuts[..., k]]
        return thresholds

    def counts(self, cuts: NDArray[np.integer]) -> Counts:
        """One setting by masks: cuts (exits - 1,) -> counts (exits,)."""
        exits, examples = self.correct.shape
        leaving, correct = np.zeros(exits, np.int64), np.zeros(exits, np.int64)
        there = np.ones(examples, bool)
        for k, cut in enumerate(cuts):
            leaves = self.ranks[k] >= cut
            leaves &= there
            there ^= leaves
            leaving[k] = np.count_nonzero(leaves)
            leaves &= self.correct[k]
            correct[k] = np.count_nonzero(leaves)
        leaving[-1] = np.count_nonzero(there)
        correct[-1] = np.count_nonzero(there & self.correct[-1])
        return Counts(leaving, correct, examples)
