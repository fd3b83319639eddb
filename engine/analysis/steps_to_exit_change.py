"""How close an example is to changing its exit: the examples close to a change are the ones worth looking at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FAR = 255


@dataclass(frozen=True, eq=False)
class NextChange:
    """The nearest budget in one direction at which each example leaves at another exit, (examples,) each, NaN where there is none.

    exit: that exit, counted from 0
    """

    budget: NDArray[np.float64]
    exit: NDArray[np.float64]

    @classmethod
    def unknown(cls, examples: int) -> "NextChange":
        return cls(np.full(examples, np.nan), np.full(examples, np.nan))


def next_changes(budgets: NDArray[np.float64], exit: NDArray[np.uint8], point: int) -> tuple[NextChange, NextChange]:
    """Below and above one point.

    budgets: (points,) in any order; exit: (points, examples)
    """
    order = np.argsort(budgets, kind="stable")
    place = int(np.flatnonzero(order == point)[0])
    nearest = []
    for rows in (order[:place][::-1], order[place + 1 :]):
        change = NextChange.unknown(exit.shape[1])
        for row in rows:
            changes = np.isnan(change.budget) & (exit[row] != exit[point])
            change.budget[changes] = budgets[row]
            change.exit[changes] = exit[row][changes]
        nearest.append(change)
    return nearest[0], nearest[1]


def steps_to_change(exit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Number of budget steps, up or down, until an example leaves at another exit.

    exit: (points, examples), the exit at each budget, budgets rising -> (points, examples), at least 1, FAR for 255 steps or more
    """
    points = len(exit)
    away = np.full(exit.shape, FAR, np.uint8)
    for rows in (range(1, points), range(points - 2, -1, -1)):
        step = 1 if rows.step > 0 else -1
        for row in rows:
            before = row - step
            reached = np.minimum(away[before], FAR - 1) + 1
            away[row] = np.minimum(away[row], np.where(exit[row] != exit[before], 1, reached))
    return away
