"""Which examples leave where: the distribution of a factor, such as known difficulty, over the examples that leave at each exit."""

import numpy as np
from numpy.typing import NDArray

QUARTILES = (0.25, 0.5, 0.75)


def factor_by_exit(
    sweep_exit: NDArray[np.integer], factor: NDArray[np.floating], exits: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and quartiles of a factor over the examples that leave at each exit, for a whole sweep at once.

    sweep_exit: (points, examples), the exit each example leaves at; factor: (examples,), NaN where unknown
    -> means (points, exits), quartiles (points, exits, 3), NaN where no example leaves

    Quartiles interpolate linearly between neighbours, as numpy does by default.
    """
    order = np.argsort(factor, kind="stable")
    order = order[: int((~np.isnan(factor)).sum())]  # NaN sorts last: examples without a value are left out
    value = np.asarray(factor, np.float64)[order]
    exit = sweep_exit[:, order]
    points, known = exit.shape

    # The columns are already sorted by value, so a stable sort of each row by exit leaves every group in rising order.
    grouped = value[np.argsort(exit, axis=1, kind="stable")].ravel()
    group = exit + exits * np.arange(points)[:, None]
    count = np.bincount(group.ravel(), minlength=points * exits).reshape(points, exits)
    start = (np.cumsum(count) - count.ravel()).reshape(points, exits)

    total = np.bincount(group.ravel(), np.broadcast_to(value, exit.shape).ravel(), minlength=points * exits).reshape(points, exits)
    means = np.divide(total, count, out=np.full((points, exits), np.nan), where=count > 0)

    quartiles = np.full((points, exits, len(QUARTILES)), np.nan)
    occupied = count > 0
    place = np.multiply.outer(count[occupied] - 1, QUARTILES)
    below = place.astype(np.int64)
    first = start[occupied][:, None] + below
    second = np.minimum(first + 1, start[occupied][:, None] + count[occupied][:, None] - 1)
    quartiles[occupied] = grouped[first] + (grouped[second] - grouped[first]) * (place - below)
    return means, quartiles
