"""A list of threshold settings by packed bits: 64 examples a machine word, many settings a pass.

Examples are laid out by which exits are right about them, each of these patterns starting a word of its own. So a word's examples are
right at the same exits, counting its bits once counts the right answers of every exit, and a matrix product sums them up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.fast.counts import Counts
from engine.fast.levels import bins

#: Settings a pass: their bits then stay in the processor's second-level cache.
TOGETHER = 32


@dataclass(frozen=True, eq=False)
class PackedBits:
    """Whom each level of each exit sends on.

    stays:    (exits - 1, levels, words) uint64, a bit set if the example's score is below the level
    patterns: (words, 1 + exits) float: 1, then whether each exit is right about the word's examples
    totals:   (1 + exits,) how many examples there are, and how many each exit is right about
    Up to 63 bits a pattern are empty: thrifty while the patterns, at most 2^exits, are few beside the examples.
    """

    stays: NDArray[np.uint64]
    patterns: NDArray[np.floating]
    totals: NDArray[np.float64]

    @classmethod
    def pack(cls, scores: NDArray[np.floating], right: NDArray[np.bool_], levels: NDArray[np.float64]) -> "PackedBits":
        """scores, right (exits, examples); levels (exits - 1, levels) rising from minus infinity: a quantile grid, or any thresholds."""
        place, patterns = _by_pattern(right)
        words, count = len(patterns), levels.shape[1]
        stays = np.zeros((len(levels), count, words), np.uint64)
        # An empty bit has reached every level: it never stays.
        reached = np.full((len(levels), words * 64), count - 1, np.min_scalar_type(count - 1))
        reached[:, place] = bins(scores, levels)
        for k, row in enumerate(reached):
            for level in range(count):
                stays[k, level] = np.packbits(row < level).view(np.uint64)
        return cls(stays, patterns, np.concatenate(([right.shape[1]], right.sum(axis=1))).astype(np.float64))

    def counts(self, cuts: NDArray[np.integer]) -> Counts:
        """cuts (settings, exits - 1), positions in the levels -> counts (settings, exits)."""
        gates, words = len(self.stays), len(self.patterns)
        # What is still there after each exit: all, then one row a gate, then nothing.
        there = np.zeros((gates + 2, len(cuts), len(self.totals)))
        there[0] = self.totals
        for start in range(0, len(cuts), TOGETHER):
            some = cuts[start : start + TOGETHER]
            ones = np.empty((gates, len(some), words), self.patterns.dtype)
            alive = np.full((len(some), words), ~np.uint64(0))
            for k in range(gates):
                alive &= self.stays[k, some[:, k]]
                ones[k] = np.bitwise_count(alive)
            there[1:-1, start : start + TOGETHER] = ones @ self.patterns
        gone = (there[:-1] - there[1:]).astype(np.int64)
        exits = np.arange(gates + 1)
        return Counts(gone[:, :, 0].T, gone[exits, :, 1 + exits].T, int(self.totals[0]))


def _by_pattern(right: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Where each example's bit goes, (examples,), and the pattern of each word, (words, 1 + exits)."""
    exit = np.arange(len(right))[:, None]
    pattern, which, count = np.unique((right << exit).sum(axis=0), return_inverse=True, return_counts=True)
    words = -(-count // 64)
    first_bit, first_example = 64 * (np.cumsum(words) - words), np.cumsum(count) - count
    place = np.empty(len(which), np.int64)
    place[np.argsort(which, kind="stable")] = np.arange(len(which)) + np.repeat(first_bit - first_example, count)
    # float32 holds every count up to 2^24 exactly and multiplies twice as fast.
    exact = np.float32 if len(which) < 2**24 else np.float64
    table = np.concatenate((np.ones_like(pattern)[None], (pattern >> exit) & 1)).T
    return place, np.repeat(table.astype(exact), words, axis=0)
