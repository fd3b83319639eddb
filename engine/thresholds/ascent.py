"""Free thresholds by coordinate ascent: the exits' cuts are set one after another, each to its best value, by prefix sums in rank order.

Finding the best thresholds of all exits together is NP-hard if the number of exits is part of the input, even for accuracy alone (by
reduction from vertex cover). With all cuts but one fixed it is a prefix sum: an example that leaves at the exit instead of going on trades
its later prediction and cost for those of this exit, and lowering the cut adds these trades in order of rank.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import by_example, is_binary
from engine.thresholds.front import front_of_many
from engine.thresholds.ranks import Ranked

#: In correct predictions or quality. The last digits of a float sum depend on the order of addition; climbing such differences could go on
#: in circles.
NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class Settings:
    """cuts (settings, exits - 1), number of correct predictions (settings,), and total cost of all examples (settings,).

    Where quality is graded, its sum takes the place of the number of correct predictions.
    """

    cuts: NDArray[np.int64]
    correct: NDArray[np.int64 | np.float64]
    cost: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: list["Settings"]) -> "Settings":
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("cuts", "correct", "cost")))

    def take(self, indices: NDArray[np.integer]) -> "Settings":
        return Settings(self.cuts[indices], self.correct[indices], self.cost[indices])

    def front(self) -> "Settings":
        """The non-dominated settings, by rising cost."""
        return self.take(front_of_many(self.cost, self.correct.astype(np.float64)))

    def best_at(self, price: float) -> int:
        """Index of the setting with the most correct predictions minus `price` times its cost."""
        return int(np.argmax(self.correct - price * self.cost))


def scan(
    ranked: Ranked, cuts: NDArray[np.int64], exit: int, exit_cost: NDArray[np.float64]
) -> tuple[NDArray[np.int64 | np.float64], NDArray[np.float64]]:
    """Total correct predictions and cost for every cut of one exit, from 0 to "no example leaves", with the other cuts fixed.

    cuts (exits - 1,), exit_cost (exits,) or (exits, examples) cumulative -> (cuts of this exit,) each; the cost never falls with the cut
    """
    exit_cost = np.broadcast_to(by_example(exit_cost), ranked.quality.shape)
    # First as if the exit were closed: the outcome of every example without it, from the last exit to the first.
    correct, cost = ranked.quality[-1], exit_cost[-1]
    there = np.ones(len(correct), bool)
    for k in range(len(cuts) - 1, -1, -1):
        if k != exit:
            leaves = ranked.ranks[k] >= cuts[k]
            correct, cost = np.where(leaves, ranked.quality[k], correct), np.where(leaves, exit_cost[k], cost)
            if k < exit:
                there &= ~leaves
    # Then the gain of each example that reaches the exit if it leaves here, summed from the most confident down.
    reach, closed = np.flatnonzero(there), len(ranked.values[exit])
    rank = ranked.ranks[exit][reach]
    won = ranked.quality[exit][reach].astype(np.float64) - correct[reach]
    spent = exit_cost[exit][reach] - cost[reach]
    total, total_cost = correct.sum(dtype=np.float64) + _at_or_above(rank, won, closed), cost.sum() + _at_or_above(rank, spent, closed)
    least = int(ranked.least_cuts[exit])
    total[:least], total_cost[:least] = -1, total_cost[least]  # no cut is that low: they are never the best
    return total.astype(np.int64) if is_binary(ranked.quality) else total, total_cost


def ascend(ranked: Ranked, cuts: NDArray[np.int64], price: float, exit_cost: NDArray[np.float64]) -> Settings:
    """Climb from `cuts` until no single cut can be improved at this price, see `Settings.best_at`.

    Returns settings from the last round: the optimum, and along each exit's cuts through it the non-dominated ones. These fill the gaps
    between the optima of different prices.
    """
    gates = len(cuts)
    scans: list[tuple[NDArray[np.int64], int, NDArray[np.int64 | np.float64], NDArray[np.float64]]] = []
    exit, unchanged = gates - 1, 0
    while unchanged < gates:
        correct, cost = scan(ranked, cuts, exit, exit_cost)
        worth = correct - price * cost
        best = int(worth.argmax())
        if worth[best] > worth[cuts[exit]] + NEGLIGIBLE:
            cuts, unchanged, scans = cuts.copy(), 0, []
            cuts[exit] = best
        scans.append((cuts, exit, correct, cost))
        exit, unchanged = (exit - 1) % gates, unchanged + 1
    return Settings.joined([_front_along(cuts, exit, correct, cost) for cuts, exit, correct, cost in scans])


def _at_or_above(rank: NDArray[np.unsignedinteger], amount: NDArray[np.float64], closed: int) -> NDArray[np.float64]:
    """Sum of the amounts at all ranks at or above each cut, (closed + 1,)."""
    below = np.concatenate(([0.0], np.bincount(rank, weights=amount, minlength=closed).cumsum()))
    return below[-1] - below


def _front_along(cuts: NDArray[np.int64], exit: int, correct: NDArray[np.int64 | np.float64], cost: NDArray[np.float64]) -> Settings:
    """The non-dominated cuts of one exit. The cost rises with the cut, so these are where the correct predictions reach a new maximum."""
    front = np.flatnonzero(np.diff(np.maximum.accumulate(correct), prepend=-1) > NEGLIGIBLE)
    along = np.tile(cuts, (len(front), 1))
    along[:, exit] = front
    return Settings(along, correct[front], cost[front])
