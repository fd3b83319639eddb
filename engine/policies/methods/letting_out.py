"""Letting a planned number of examples leave at each exit, the most confident of those that remain."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.policies.core.thresholds import first_sure_exit, tie_uniform


@dataclass(frozen=True, eq=False)
class LetOut:
    """thresholds, ties (exits - 1,) as in `ThresholdRule`; exit (examples,), where each example then leaves."""

    thresholds: NDArray[np.float64]
    ties: NDArray[np.float64]
    exit: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ByConfidence:
    """Examples sorted once for each exit, so that many plans are carried out quickly.

    scores: (exits, examples), minus infinity where an exit failed: there no example leaves
    ids:    (examples,), which split tied blocks
    order:  (exits - 1, examples) positions of the examples from the most to the least confident
    doubt:  (exits - 1, examples) their scores in this order, negated so that they rise
    """

    scores: NDArray[np.floating]
    ids: NDArray[np.int64]
    order: NDArray[np.int64]
    doubt: NDArray[np.floating]

    @classmethod
    def of(cls, scores: NDArray[np.floating], ids: NDArray[np.int64]) -> Self:
        order = np.argsort(-scores[:-1], axis=1)
        return cls(scores, ids, order, -np.take_along_axis(scores[:-1], order, axis=1))

    def let_out(self, counts: NDArray[np.integer]) -> LetOut:
        """Thresholds at which the given number of examples leaves at each exit. counts: (exits,)"""
        exits, examples = self.scores.shape
        thresholds, ties = np.full(exits - 1, np.inf), np.ones(exits - 1)
        exit = np.full(examples, exits - 1)
        there, remaining = np.ones(examples, bool), examples
        for k in range(exits - 1):
            leaving = int(counts[k])
            if leaving >= remaining:
                # The plan sends no example further, so neither does the rule: a finite threshold would send unusual ones to the last exit.
                thresholds[k:] = -np.inf
                rest = np.flatnonzero(there)
                exit[rest] = k + first_sure_exit(self.scores[k:, rest], thresholds[k:])
                break
            if leaving == 0:
                continue
            order, doubt = self.order[k], self.doubt[k]
            queue = np.flatnonzero(there[order])  # the places in the order of those that remain
            leaving = min(leaving, int(np.searchsorted(queue, np.searchsorted(doubt, np.inf))))  # failed ones are last
            if leaving == 0:
                continue
            leaves = order[queue[:leaving]]
            last = doubt[queue[leaving - 1]]
            thresholds[k] = self.scores[k, leaves[-1]]
            if doubt[queue[leaving]] == last:
                above, end = (int(np.searchsorted(queue, np.searchsorted(doubt, last, side))) for side in ("left", "right"))
                tied = order[queue[above:end]]
                draws = tie_uniform(self.ids[tied], k)
                ties[k] = tie_share(draws, leaving - above)
                leaves = np.concatenate((leaves[:above], tied[draws < ties[k]]))
            exit[leaves] = k
            there[leaves] = False
            remaining -= len(leaves)
        return LetOut(thresholds, ties, exit)


def tie_share(draws: NDArray[np.float64], leaving: int) -> float:
    """The share with exactly `leaving` draws below it, 0 < leaving < len(draws), as close to leaving / len(draws) as possible."""
    rising = np.partition(draws, (leaving - 1, leaving))
    return float(np.clip(leaving / len(draws), np.nextafter(rising[leaving - 1], 1), rising[leaving]))
