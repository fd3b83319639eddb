"""Confidence intervals of an accuracy and of the difference of two: how much depends on which examples were drawn.

Where quality is correct or not, they are score intervals: Wilson's for one accuracy and Tango's for the difference of two on the same
examples. With few examples, or none on which two routes differ, they neither collapse to a point nor cover too little. Where quality is
graded, they are Student's t intervals, of the mean and of the mean difference. The interval of a ratio of costs is Student's too, of its
logarithm.
"""

from dataclasses import dataclass
from math import exp, inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit  # scipy.stats has them too and takes a second to import

from engine.exit_values import is_binary

CONFIDENCE = 0.95
#: Of the range in which the end of an interval lies; each halves the error, which begins at 2.
_HALVINGS = 42


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of the interval around it."""

    estimate: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    @property
    def ends(self) -> list[float]:
        return [self.low, self.high]


def wilson_interval(correct: int, examples: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of one accuracy, `correct` of `examples`. Wilson 1927; unlike the usual +- it stays inside [0, 1]."""
    z, accuracy = _normal_quantile(confidence), correct / examples
    both = 2 * (examples + z**2)
    middle = (2 * examples * accuracy + z**2) / both
    reach = z / both * sqrt(4 * examples * accuracy * (1 - accuracy) + z**2)
    return Interval(accuracy, middle - reach if correct > 0 else 0.0, middle + reach if correct < examples else 1.0)


def tango_interval(only_one: int, only_other: int, examples: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of the difference of two proportions on the same examples: the differences that a score test does not reject.

    only_one, only_other: examples on which only the one, and only the other, is correct
    """
    low, high = tango_ends(np.array([only_one]), np.array([only_other]), examples, confidence)
    return Interval((only_one - only_other) / examples, float(low[0]), float(high[0]))


def tango_ends(
    only_one: NDArray[np.integer], only_other: NDArray[np.integer], examples: int, confidence: float = CONFIDENCE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends of many such intervals at once, low and high, each of the shape of `only_one` and `only_other`.

    Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design", Statistics in
    Medicine 17, 891-908. The paper was not read: the formula is that of other implementations, such as R's package PropCIs, and the tests
    compare it with a numerical maximum of the likelihood and with the paper's worked example.
    """
    z = _normal_quantile(confidence)
    estimate = (only_one - only_other) / examples

    def deviation(difference: NDArray[np.float64]) -> NDArray[np.float64]:
        """The standard deviation of the number of `only_one` minus `only_other`, at the likeliest proportions with these differences."""
        a = 2 * examples
        b = (2 * examples - only_one + only_other) * difference - only_one - only_other
        c = -only_other * difference * (1 - difference)
        of_other = (np.sqrt(np.maximum(b * b - 4 * a * c, 0)) - b) / (2 * a)
        return np.sqrt(np.maximum(examples * (2 * of_other + difference * (1 - difference)), 0))

    def ends(side: float) -> NDArray[np.float64]:
        # At the estimate itself the deviation may be 0, which would pass for the end.
        inner, outer = estimate + side * 1e-12, np.full(estimate.shape, side)
        for _ in range(_HALVINGS):
            middle = (inner + outer) / 2
            rejected = side * examples * (middle - estimate) > z * deviation(middle)
            inner, outer = np.where(rejected, inner, middle), np.where(rejected, middle, outer)
        return np.where(estimate == side, side, (inner + outer) / 2)

    return ends(-1.0), ends(1.0)


def mean_interval(quality: NDArray, confidence: float = CONFIDENCE) -> Interval:
    """The interval of the accuracy, or of the mean quality where it is graded. quality: (examples,), bool or in [0, 1]"""
    if is_binary(quality):
        return wilson_interval(int(np.count_nonzero(quality)), quality.size, confidence)
    return _t_interval(quality.astype(np.float64), 0.0, confidence)


def paired_interval(one: NDArray, other: NDArray, confidence: float = CONFIDENCE) -> Interval:
    """The interval of the accuracy of one route minus that of another over the same examples.

    one, other: (examples,) what each route is worth on each example, bool or in [0, 1]
    """
    if one.shape != other.shape or one.size == 0:
        raise ValueError(f"two routes must cover the same examples, at least one, and these have shapes {one.shape} and {other.shape}")
    if is_binary(one) and is_binary(other):
        return tango_interval(int(np.count_nonzero(one & ~other)), int(np.count_nonzero(other & ~one)), one.size, confidence)
    return _t_interval(one.astype(np.float64) - other.astype(np.float64), -1.0, confidence)


def ratio_interval(one: NDArray[np.floating], other: NDArray[np.floating], confidence: float = CONFIDENCE) -> Interval:
    """The interval of the mean of `one` divided by that of `other`, over the same examples, such as how many times less a route costs.

    one, other: (examples,) not negative. If `other` is 0 everywhere, the ratio is infinite.

    By the delta method, on the logarithm of the ratio: its variance is that of one / mean(one) - other / mean(other), divided by the number
    of examples, so what both have in common cancels. Where both are the same for all examples, the interval is a point.
    """
    if one.shape != other.shape or one.size == 0:
        raise ValueError(f"a ratio needs the same examples twice, at least one, and these have shapes {one.shape} and {other.shape}")
    numerator, denominator = float(one.mean(dtype=np.float64)), float(other.mean(dtype=np.float64))
    if denominator == 0 or numerator == 0:
        ratio = inf if denominator == 0 else 0.0
        return Interval(ratio, ratio, ratio)
    ratio, deviations = numerator / denominator, one / numerator - other / denominator
    spread = float(deviations.std(ddof=1)) if one.size > 1 else 0.0
    reach = exp(float(stdtrit(one.size - 1, (1 + confidence) / 2)) * spread / sqrt(one.size)) if spread > 0 else 1.0
    return Interval(ratio, ratio / reach, ratio * reach)


def _normal_quantile(confidence: float) -> float:
    return float(ndtri(0.5 + confidence / 2))


def _t_interval(values: NDArray[np.float64], least: float, confidence: float) -> Interval:
    """Student's t interval of a mean. values: (examples,) in [least, 1]

    Equal values have no spread. The interval then reaches as far as the score interval of something that never happened.
    """
    return t_interval(values.size, float(values.mean()), float(values.std(ddof=1)) if values.size > 1 else 0.0, least, confidence)


def t_interval(examples: int, estimate: float, spread: float, least: float, confidence: float = CONFIDENCE) -> Interval:
    """The same from the number of values, their mean and their standard deviation."""
    if spread > 0:
        reach = float(stdtrit(examples - 1, (1 + confidence) / 2)) * spread / sqrt(examples)
    else:
        z = _normal_quantile(confidence)
        reach = z**2 / (examples + z**2)
    return Interval(estimate, max(estimate - reach, least), min(estimate + reach, 1.0))
