"""The front of very many points: most are thrown out by a glance before the exact search sorts the few that remain."""

import numpy as np
from numpy.typing import NDArray

from engine.front import pareto_front

_BUCKETS = 2**16


def front_of_many(cost: NDArray[np.float64], accuracy: NDArray[np.float64]) -> NDArray[np.int64]:
    """What `pareto_front` returns, index for index, without sorting all points. cost, accuracy (points,) finite -> (front,)."""
    lowest, highest = float(cost.min()), float(cost.max())
    if len(cost) < _BUCKETS or lowest == highest:
        return pareto_front(cost, accuracy)
    bucket = ((cost - lowest) * ((_BUCKETS - 1) / (highest - lowest))).astype(np.int64)
    best = np.full(_BUCKETS, -np.inf)
    np.maximum.at(best, bucket, accuracy)
    # Everything in an earlier bucket costs less, so what is no better than the best of those is dominated.
    to_beat = np.concatenate(([-np.inf], np.maximum.accumulate(best)[:-1]))
    hopeful = np.flatnonzero(accuracy > to_beat[bucket])
    return hopeful[pareto_front(cost[hopeful], accuracy[hopeful])]
