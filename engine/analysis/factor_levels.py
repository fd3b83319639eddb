"""Levels of a factor: thirds of the examples, from those with the lowest values to those with the highest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NAMES = ("low", "middle", "high")
#: The level of an example whose value is unknown.
UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Levels:
    """names:         (levels,) from low to high
    least, greatest: (levels,) values of the factor in each level
    level:           (examples,) int8, the level of each example, UNKNOWN where its value is NaN
    """

    names: tuple[str, ...]
    least: NDArray[np.float64]
    greatest: NDArray[np.float64]
    level: NDArray[np.int8]

    def level_of(self, factor: NDArray[np.floating]) -> NDArray[np.int8]:
        """The levels of other examples, by the same bounds, (examples,): each level ends at its greatest value here."""
        value = np.asarray(factor, np.float64)
        return np.where(np.isnan(value), UNKNOWN, np.searchsorted(self.greatest[:-1], value, side="left")).astype(np.int8)


def factor_levels(factor: NDArray[np.floating]) -> Levels | None:
    """Thirds of the examples by a factor (examples,), NaN where unknown. None if fewer than two levels have examples.

    Examples with equal values are in the same level, so levels may differ in size: a factor that is 0 for most examples has only two.
    """
    value = np.asarray(factor, np.float64)
    known = value[~np.isnan(value)]
    if not len(known):
        return None
    bounds = np.quantile(known, (1 / 3, 2 / 3), method="inverted_cdf")
    third = np.where(np.isnan(value), UNKNOWN, np.searchsorted(bounds, value, side="left"))
    used = [k for k in range(len(NAMES)) if (third == k).any()]
    if len(used) < 2:
        return None
    members = [value[third == k] for k in used]
    level = np.full(len(value), UNKNOWN, np.int8)
    for number, k in enumerate(used):
        level[third == k] = number
    least, greatest = np.array([(each.min(), each.max()) for each in members]).T
    return Levels(tuple(NAMES[k] for k in used), least, greatest, level)
