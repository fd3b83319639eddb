"""The front of very many points: a quick filter removes most of them before the exact search sorts the rest."""

import numpy as np
from numpy.typing import NDArray

from engine.front import pareto_front

_BUCKETS = 2**16


def front_of_many(cost: NDArray[np.float64], accuracy: NDArray[np.float64]) -> NDArray[np.int64]:
    """The same indices as `pareto_front`, without sorting all points. cost, accuracy (points,) finite -> (front,)."""
    lowest, highest = float(cost.min()), float(cost.max())
    if len(cost) < _BUCKETS or lowest == highest:
        return pareto_front(cost, accuracy)
    bucket = ((cost - lowest) * ((_BUCKETS - 1) / (highest - lowest))).astype(np.int64)
    best = np.full(_BUCKETS, -np.inf)
    np.maximum.at(best, bucket, accuracy)
    # All points in earlier buckets cost less, so a point that is no more accurate than the best of them is dominated.
    to_beat = np.concatenate(([-np.inf], np.maximum.accumulate(best)[:-1]))
    candidates = np.flatnonzero(accuracy > to_beat[bucket])
    return candidates[pareto_front(cost[candidates], accuracy[candidates])]
