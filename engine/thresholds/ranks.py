"""Scores as ranks: a score's position among its exit's distinct values. Thresholds only compare, so nothing is lost, at half the size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import Quality
from engine.thresholds.counts import Counts


@dataclass(frozen=True, eq=False)
class Ranked:
    """The scores of every exit but the last, which takes all remaining examples.

    values:  per exit its distinct scores, rising
    ranks:   (exits - 1, examples) uint16, or uint32 if an exit has more than 65,535 distinct scores: position in `values`
    quality: (exits, examples) bool, correct or not, or graded in [0, 1]

    A cut is a threshold in ranks: an example leaves if its rank is at least the cut. At cut 0 all examples leave, at `len(values[k])` none.
    At an exit that failed on some examples, whose scores are minus infinity and have rank 0, the least cut is 1.
    """

    values: tuple[NDArray[np.floating], ...]
    ranks: NDArray[np.unsignedinteger]
    quality: Quality

    @classmethod
    def of(cls, scores: NDArray[np.floating], quality: Quality) -> "Ranked":
        """scores, quality: (exits, examples)"""
        distinct = [np.unique(row, return_inverse=True) for row in scores[:-1]]
        values = tuple(value for value, _ in distinct)
        narrow = all(len(value) < 2**16 for value in values)
        ranks = np.array([rank for _, rank in distinct], np.uint16 if narrow else np.uint32).reshape(len(distinct), scores.shape[1])
        return cls(values, ranks, quality)

    @property
    def least_cuts(self) -> NDArray[np.int64]:
        """(exits - 1,)"""
        return np.array([int(len(values) > 0 and np.isneginf(values[0])) for values in self.values], np.int64)

    def cuts(self, thresholds: NDArray[np.floating]) -> NDArray[np.int64]:
        """The cuts at which the same examples leave as at these thresholds. thresholds (..., exits - 1) -> the same shape."""
        cuts = np.empty(thresholds.shape, np.int64)
        for k, values in enumerate(self.values):
            cuts[..., k] = np.searchsorted(values, thresholds[..., k], side="left")
        return np.maximum(cuts, self.least_cuts)

    def thresholds(self, cuts: NDArray[np.integer]) -> NDArray[np.float64]:
        """The thresholds of these cuts, (..., exits - 1): a score that occurs, or infinite where all examples or none leave."""
        thresholds = np.empty(cuts.shape, np.float64)
        for k, values in enumerate(self.values):
            # Minus infinity rather than the lowest score: a new example may score lower than all of these.
            thresholds[..., k] = np.concatenate(([-np.inf], values[1:], [np.inf]))[cuts[..., k]]
        return thresholds

    def counts(self, cuts: NDArray[np.integer]) -> Counts:
        """One setting by masks, where quality is correct or not: cuts (exits - 1,) -> counts (exits,)."""
        exits, examples = self.quality.shape
        leaving, correct = np.zeros(exits, np.int64), np.zeros(exits, np.int64)
        there = np.ones(examples, bool)
        for k, cut in enumerate(cuts):
            leaves = self.ranks[k] >= cut
            leaves &= there
            there ^= leaves
            leaving[k] = np.count_nonzero(leaves)
            leaves &= self.quality[k].astype(bool)
            correct[k] = np.count_nonzero(leaves)
        leaving[-1] = np.count_nonzero(there)
        correct[-1] = np.count_nonzero(there & self.quality[-1].astype(bool))
        return Counts(leaving, correct, examples)
