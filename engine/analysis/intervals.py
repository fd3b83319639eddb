"""Confidence intervals of an accuracy and of the difference of two: how much depends on which examples were drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of the interval around it."""

    estimate: float
    low: float
    high: float


def wilson_interval(correct: int, examples: int, confidence: float = 0.95) -> Interval:
    """The interval of one accuracy, `correct` of `examples`. Wilson 1927, by scipy; unlike the usual +- it stays inside [0, 1]."""
    ends = binomtest(correct, examples).proportion_ci(confidence, method="wilson")
    return Interval(correct / examples, float(ends.low), float(ends.high))


def paired_interval(
    one: NDArray[np.bool_], other: NDArray[np.bool_], confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """The interval of the accuracy of one route minus that of another over the same examples.

    one, other: (examples,) whether each route is correct on each example
    Bootstrap percentiles over examples, drawn with both their outcomes. Only three numbers of a resample matter (only one correct, only
    the other correct, no difference), and these are multinomial. So three counts are drawn instead of all examples, with the same result.
    """
    if one.shape != other.shape or one.size == 0:
        raise ValueError(f"two routes must cover the same examples, at least one, and these have shapes {one.shape} and {other.shape}")
    only_one, only_other = np.count_nonzero(one & ~other), np.count_nonzero(other & ~one)
    counts = np.array([only_one, only_other, one.size - only_one - only_other])
    drawn = np.random.default_rng(seed).multinomial(one.size, counts / one.size, size=resamples)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / one.size, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval((only_one - only_other) / one.size, float(low), float(high))
