"""How far an accuracy, or the difference of two, may be a matter of which examples happened to be drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


@dataclass(frozen=True)
class Interval:
    """An estimate, and the ends of the interval around it."""

    estimate: float
    low: float
    high: float


def wilson_interval(correct: int, examples: int, confidence: float = 0.95) -> Interval:
    """Of one accuracy: `right` of `examples`. Wilson 1927, by scipy; unlike the usual +- it stays inside [0, 1]."""
    ends = binomtest(correct, examples).proportion_ci(confidence, method="wilson")
    return Interval(correct / examples, float(ends.low), float(ends.high))


def paired_interval(
    one: NDArray[np.bool_], other: NDArray[np.bool_], confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Of the accuracy of one route minus that of another over the same examples, each given by which of them it gets right, (examples,).

    Bootstrap percentiles over examples drawn with both their outcomes. Of a resample only three numbers matter (right here alone, right
    there alone, no difference), and those are multinomial: so three counts are drawn instead of all examples, with the same result.
    """
    if one.shape != other.shape or one.size == 0:
        raise ValueError(f"two routes over the same examples are compared, not {one.shape} and {other.shape}")
    here, there = np.count_nonzero(one & ~other), np.count_nonzero(other & ~one)
    counts = np.array([here, there, one.size - here - there])
    drawn = np.random.default_rng(seed).multinomial(one.size, counts / one.size, size=resamples)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / one.size, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval((here - there) / one.size, float(low), float(high))
