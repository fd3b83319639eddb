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
    means, quartiles = np.full((len(sweep_exit), exits), np.nan), np.full((len(sweep_exit), exits, len(QUARTILES)), np.nan)
    # Point by point: a table of the values of all points would take a hundred times the memory of the exits.
    for point, exit in enumerate(sweep_exit):
        exit = exit[order]
        count = np.bincount(exit, minlength=exits)
        occupied = np.flatnonzero(count)
        means[point, occupied] = np.bincount(exit, value, minlength=exits)[occupied] / count[occupied]
        for k in occupied:
            quartiles[point, k] = _quantiles(value[exit == k])
    return means, quartiles


def _quantiles(rising: NDArray[np.float64]) -> NDArray[np.float64]:
    place = (len(rising) - 1) * np.array(QUARTILES)
    below = place.astype(np.int64)
    first, second = rising[below], rising[np.minimum(below + 1, len(rising) - 1)]
    return first + (second - first) * (place - below)
