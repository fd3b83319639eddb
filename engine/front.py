"""Fronts of (cost, accuracy) points: the non-dominated points, and what mixing can reach."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pareto_front(cost: ArrayLike, accuracy: ArrayLike) -> NDArray[np.int64]:
    """Indices of the non-dominated points, by increasing cost.

    cost, accuracy (points,) -> (front,). A point is kept if every other point that costs no more is less accurate; of equal points, the
    first is kept.
    """
    cost, accuracy = np.asarray(cost, np.float64), np.asarray(accuracy, np.float64)
    order = np.lexsort((-accuracy, cost))
    best_before = np.maximum.accumulate(np.concatenate(([-np.inf], accuracy[order])))[:-1]
    return order[accuracy[order] > best_before]


def concave_hull(cost: Sequence[float] | NDArray[np.floating], accuracy: Sequence[float] | NDArray[np.floating]) -> NDArray[np.int64]:
    """Indices of the points on the upper concave hull of the front, by increasing cost. Mixing neighbours reaches every point between them.

    cost, accuracy (points,) -> (hull,)
    """
    cost, accuracy = np.asarray(cost, np.float64), np.asarray(accuracy, np.float64)
    hull: list[int] = []
    for point in pareto_front(cost, accuracy):
        # Drop the middle of three points if it is on or below the line between its neighbours.
        while len(hull) >= 2:
            a, b = hull[-2], hull[-1]
            gained = (accuracy[b] - accuracy[a]) * (cost[point] - cost[a])
            if gained > (accuracy[point] - accuracy[a]) * (cost[b] - cost[a]):
                break
            hull.pop()
        hull.append(int(point))
    return np.array(hull, np.int64)
