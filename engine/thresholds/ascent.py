"""Free thresholds by coordinate ascent: one exit's cut after the other is set to the best of all its cuts, by prefix sums in rank order.

Finding the best thresholds of all exits together is NP-hard once the number of exits is part of the question, even for accuracy alone
(by reduction from vertex cover). With all cuts but one held still it is a prefix sum: whoever leaves at the exit instead of going on trades
what it would have met further down for what it gets here, and a lower cut adds these trades in order of rank.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds.front import front_of_many
from engine.thresholds.ranks import Ranked

#: Right answers. Sums of floats differ in their last digits with the order of adding; climbing such a difference could go in circles.
NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class Settings:
    """cuts (settings, exits - 1), how many examples they get right (settings,), and what all examples together cost (settings,)."""

    cuts: NDArray[np.int64]
    correct: NDArray[np.int64]
    cost: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: list["Settings"]) -> "Settings":
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("cuts", "correct", "cost")))

    def take(self, chosen: NDArray[np.integer]) -> "Settings":
        return Settings(self.cuts[chosen], self.correct[chosen], self.cost[chosen])

    def front(self) -> "Settings":
        """Those that no other one beats, by rising cost."""
        return self.take(front_of_many(self.cost, self.correct.astype(np.float64)))

    def best_at(self, price: float) -> int:
        """Which one has the most right answers after paying `price` right answers per unit of cost."""
        return int(np.argmax(self.correct - price * self.cost))


def scan(
    ranked: Ranked, cuts: NDArray[np.int64], exit: int, exit_cost: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Right answers and cost of all examples together for every cut of one exit, from 0 to "nobody leaves", the other cuts held still.

    cuts (exits - 1,), exit_cost (exits,) cumulative -> (cuts of this exit,) each; the cost rises with the cut
    """
    # First as if the exit were closed: what every example meets without it, from the last exit forwards.
    correct, cost = ranked.correct[-1], np.full(ranked.correct.shape[1], exit_cost[-1])
    there = np.ones(len(correct), bool)
    for k in range(len(cuts) - 1, -1, -1):
        if k != exit:
            leaves = ranked.ranks[k] >= cuts[k]
            correct, cost = np.where(leaves, ranked.correct[k], correct), np.where(leaves, exit_cost[k], cost)
            if k < exit:
                there &= ~leaves
    # Then what each of those that reach it gains by leaving here, added up from the surest down.
    reach, closed = np.flatnonzero(there), len(ranked.values[exit])
    rank = ranked.ranks[exit][reach]
    won = ranked.correct[exit][reach].astype(np.float64) - correct[reach]
    spent = exit_cost[exit] - cost[reach]
    return (
        (np.count_nonzero(correct) + _at_or_above(rank, won, closed)).astype(np.int64),
        cost.sum() + _at_or_above(rank, spent, closed),
    )


def ascend(ranked: Ranked, cuts: NDArray[np.int64], price: float, exit_cost: NDArray[np.float64]) -> Settings:
    """Climb from `cuts` until no single cut can be improved at this price, see `Settings.best_at`.

    Returns the settings met on the last round that are worth a thought: the summit, and on the way through it along each exit's cuts those
    that no other cut of the exit beats. They fill the gaps between the summits of different prices.
    """
    gates = len(cuts)
    met: list[tuple[NDArray[np.int64], int, NDArray[np.int64], NDArray[np.float64]]] = []
    exit, still = gates - 1, 0
    while still < gates:
        correct, cost = scan(ranked, cuts, exit, exit_cost)
        worth = correct - price * cost
        best = int(worth.argmax())
        if worth[best] > worth[cuts[exit]] + NEGLIGIBLE:
            cuts, still, met = cuts.copy(), 0, []
            cuts[exit] = best
        met.append((cuts, exit, correct, cost))
        exit, still = (exit - 1) % gates, still + 1
    return Settings.joined([_front_along(*scanned) for scanned in met])


def _at_or_above(rank: NDArray[np.unsignedinteger], amount: NDArray[np.float64], closed: int) -> NDArray[np.float64]:
    """Sum of the amounts of all ranks at or above each cut, (closed + 1,)."""
    below = np.concatenate(([0.0], np.bincount(rank, weights=amount, minlength=closed).cumsum()))
    return below[-1] - below


def _front_along(cuts: NDArray[np.int64], exit: int, correct: NDArray[np.int64], cost: NDArray[np.float64]) -> Settings:
    """The cuts of one exit that no other one beats. Their cost rises, so these are where the right answers reach a new high."""
    chosen = np.flatnonzero(np.diff(np.maximum.accumulate(correct), prepend=-1) > 0)
    along = np.tile(cuts, (len(chosen), 1))
    along[:, exit] = chosen
    return Settings(along, correct[chosen], cost[chosen])
