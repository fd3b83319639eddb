"""A list of threshold settings by packed bits: 64 examples per machine word, many settings per pass.

Examples are grouped by the pattern of exits that are correct on them, and each pattern starts a new word. So all examples of a word are
correct at the same exits, one bit count of the word gives the correct predictions of every exit, and a matrix product sums them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds.counts import Counts
from engine.thresholds.levels import bins

#: Settings per pass: few enough for their bits to stay in the processor's caches.
TOGETHER = 64


@dataclass(frozen=True, eq=False)
class PackedBits:
    """Which examples stay in the cascade at each level of each exit.

    stays:    (exits - 1, levels, words) uint64, a bit is set if the example's score is below the level
    patterns: (words, 1 + exits) float: 1, then whether each exit is correct on the word's examples
    totals:   (1 + exits,) number of examples, then number of correct predictions of each exit
    Up to 63 bits per pattern are unused, which is little if the patterns, at most 2^exits, are few compared with the examples.
    """

    stays: NDArray[np.uint64]
    patterns: NDArray[np.floating]
    totals: NDArray[np.float64]

    @classmethod
    def pack(cls, scores: NDArray[np.floating], correct: NDArray[np.bool_], levels: NDArray[np.float64]) -> "PackedBits":
        """scores, correct (exits, examples); levels (exits - 1, levels) rising from minus infinity: a quantile grid or any thresholds."""
        place, patterns = _by_pattern(correct)
        words, count = len(patterns), levels.shape[1]
        word, bit = place >> 6, np.uint64(1) << (place & 63).astype(np.uint64)
        stays = np.empty((len(levels), count, words), np.uint64)
        for k, reached in enumerate(bins(scores, levels)):
            # An example that stays at a level stayed at the level below, or its score is between the two.
            fell = np.zeros((count + 1, words), np.uint64)
            np.bitwise_or.at(fell.reshape(-1), (reached.astype(np.int64) + 1) * words + word, bit)
            stays[k] = np.bitwise_or.accumulate(fell, axis=0)[:-1]
        return cls(stays, patterns, np.concatenate(([correct.shape[1]], correct.sum(axis=1))).astype(np.float64))

    def counts(self, cuts: NDArray[np.integer]) -> Counts:
        """cuts (settings, exits - 1), positions in the levels -> counts (settings, exits)."""
        gates, levels, words = self.stays.shape
        if cuts.size and not 0 <= cuts.min() <= cuts.max() < levels:
            raise IndexError(f"cuts run from {cuts.min()} to {cuts.max()}, but there are only levels 0 to {levels - 1}")
        # What remains after each exit: all examples, then one row per gate, then none.
        there = np.zeros((gates + 2, len(cuts), len(self.totals)))
        there[0] = self.totals
        # Buffers reused by every pass: allocating new memory would cost more than all the counting.
        alive, row = np.empty((2, TOGETHER, words), np.uint64)
        ones, addends = (np.empty((gates, TOGETHER, words), dtype) for dtype in (np.uint8, self.patterns.dtype))
        for start in range(0, len(cuts), TOGETHER):
            some = cuts[start : start + TOGETHER]
            here = slice(len(some))
            for k in range(gates):
                # The range was checked above, and "clip" avoids the buffering of "raise".
                np.take(self.stays[k], some[:, k], axis=0, out=(row if k else alive)[here], mode="clip")
                if k:
                    alive[here] &= row[here]
                np.bitwise_count(alive[here], out=ones[k, here])
            addends[:, here] = ones[:, here]
            there[1:-1, start : start + TOGETHER] = addends[:, here] @ self.patterns
        gone = (there[:-1] - there[1:]).astype(np.int64)
        exits = np.arange(gates + 1)
        return Counts(gone[:, :, 0].T, gone[exits, :, 1 + exits].T, int(self.totals[0]))


def _by_pattern(correct: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The position of each example's bit, (examples,), and the pattern of each word, (words, 1 + exits)."""
    exit = np.arange(len(correct))[:, None]
    pattern, which, count = np.unique((correct << exit).sum(axis=0), return_inverse=True, return_counts=True)
    words = -(-count // 64)
    first_bit, first_example = 64 * (np.cumsum(words) - words), np.cumsum(count) - count
    place = np.empty(len(which), np.int64)
    place[np.argsort(which, kind="stable")] = np.arange(len(which)) + np.repeat(first_bit - first_example, count)
    # float32 holds every count up to 2^24 exactly and multiplies twice as fast.
    exact = np.float32 if len(which) < 2**24 else np.float64
    table = np.concatenate((np.ones_like(pattern)[None], (pattern >> exit) & 1)).T
    return place, np.repeat(table.astype(exact), words, axis=0)
