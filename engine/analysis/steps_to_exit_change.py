"""How close an example is to changing its exit: the examples close to a change are the ones worth looking at."""

import numpy as np
from numpy.typing import NDArray

FAR = 255


def budgets_of_next_change(
    budgets: NDArray[np.float64], exit: NDArray[np.uint8], point: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The nearest budgets below and above one point at which each example leaves at another exit, (examples,) each, NaN if there are none.

    budgets: (points,) in any order; exit: (points, examples)
    """
    order = np.argsort(budgets, kind="stable")
    place = int(np.flatnonzero(order == point)[0])
    nearest = []
    for rows in (order[:place][::-1], order[place + 1 :]):
        change = np.full(exit.shape[1], np.nan)
        for row in rows:
            change[np.isnan(change) & (exit[row] != exit[point])] = budgets[row]
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
