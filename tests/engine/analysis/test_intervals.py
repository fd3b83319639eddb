"""Intervals: they equal their definitions and a published example, and their coverage is as stated also with few examples."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm, ttest_1samp

from engine.analysis.intervals import (
    Interval,
    mean_interval,
    paired_interval,
    ratio_interval,
    tango_ends,
    tango_interval,
    wilson_interval,
)

Z = float(norm.ppf(0.975))


def routes(examples: int, seed: int, better: float = 0.0) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    shared = rng.random(examples)
    return shared + rng.normal(0, 0.1, examples) < 0.7 + better, shared + rng.normal(0, 0.1, examples) < 0.7


# The difference of two accuracies


def statistic(difference: float, only_one: int, only_other: int, examples: int) -> float:
    """The score statistic at a difference. The likeliest proportions with that difference are searched for numerically."""
    same = examples - only_one - only_other

    def negative_log_likelihood(of_other: float) -> float:
        cells = np.array([of_other + difference, of_other, 1 - difference - 2 * of_other])
        counts = np.array([only_one, only_other, same])
        return -float(np.sum(np.where(counts > 0, counts * np.log(np.maximum(cells, 1e-300)), 0.0)))

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    of_other = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    variance = 2 * of_other + difference - difference**2
    return (only_one - only_other - examples * difference) / np.sqrt(examples * variance)


@pytest.mark.parametrize(("only_one", "only_other", "examples"), [(9, 3, 32), (1, 0, 44), (40, 20, 160), (0, 12, 20), (3, 3, 7)])
def test_the_ends_are_the_differences_that_a_score_test_just_rejects(only_one: int, only_other: int, examples: int) -> None:
    interval = tango_interval(only_one, only_other, examples)
    assert interval.estimate == (only_one - only_other) / examples
    assert statistic(interval.low, only_one, only_other, examples) == pytest.approx(Z, rel=1e-4)
    assert statistic(interval.high, only_one, only_other, examples) == pytest.approx(-Z, rel=1e-4)


def test_the_worked_example_of_the_paper() -> None:
    """Sleeping difficulties of 32 pairs, of which 9 and 3 differ, as other implementations quote Tango 1998, section 6.2."""
    interval = tango_interval(9, 3, 32)
    assert (interval.low, interval.high) == pytest.approx((-0.027, 0.390), abs=0.0005)


def test_routes_that_never_differ_may_still_differ_elsewhere() -> None:
    reach = Z**2 / (20 + Z**2)  # the root of the statistic without discordant pairs, by hand
    one = np.arange(20) < 15
    interval = paired_interval(one, one)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((0.0, -reach, reach))
    assert tango_interval(20, 0, 20).ends == pytest.approx([(20 - Z**2) / (20 + Z**2), 1.0])
    assert tango_interval(0, 20, 20).ends == pytest.approx([-1.0, (Z**2 - 20) / (20 + Z**2)])
    assert tango_interval(1, 0, 1).high == 1.0 and tango_interval(0, 1, 1).low == -1.0


def test_an_exchange_of_the_routes_changes_the_sign() -> None:
    one, other = routes(200, seed=5)
    there, back = paired_interval(one, other), paired_interval(other, one)
    assert (back.estimate, back.low, back.high) == pytest.approx((-there.estimate, -there.high, -there.low))


def test_pairing_is_what_makes_it_narrow() -> None:
    one, other = routes(1000, seed=3)
    shuffled = paired_interval(one, np.random.default_rng(4).permutation(other))
    assert paired_interval(one, other).half_width < 0.8 * shuffled.half_width


def test_with_many_examples_it_is_that_of_a_bootstrap() -> None:
    one, other = routes(4000, seed=1, better=0.03)
    interval = paired_interval(one, other)
    rng = np.random.default_rng(2)
    difference = one.astype(int) - other.astype(int)
    resampled = np.array([difference[rng.integers(4000, size=4000)].mean() for _ in range(4000)])
    assert interval.estimate == difference.mean()
    assert interval.ends == pytest.approx(np.quantile(resampled, [0.025, 0.975]), abs=5e-4)


@pytest.mark.parametrize("examples", [20, 50, 200])
@pytest.mark.parametrize(("only_one", "only_other"), [(0.15, 0.15), (0.3, 0.1), (0.05, 0.02), (0.2, 0.0), (0.0, 0.0)])
def test_it_covers_the_truth_with_few_examples(examples: int, only_one: float, only_other: float) -> None:
    drawn = np.random.default_rng(examples).multinomial(examples, [only_one, only_other, 1 - only_one - only_other], size=4000)
    counts, times = np.unique(drawn[:, :2], axis=0, return_counts=True)
    low, high = tango_ends(counts[:, 0], counts[:, 1], examples)
    truth = only_one - only_other
    assert times @ ((low <= truth) & (truth <= high)) / times.sum() >= 0.93
    assert tango_interval(*counts[0].tolist(), examples).ends == [low[0], high[0]]


def holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


# Graded quality


def correlated(rng: np.random.Generator, examples: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The qualities of two routes that often coincide, as those of a policy and of the full network do."""
    one = rng.beta(4, 2, examples)
    other = np.where(rng.random(examples) < 0.5, one, rng.beta(3, 2, examples))
    return one.astype(np.float32), other.astype(np.float32)


MAKERS: dict[str, tuple[Callable[[tuple[NDArray[np.float32], NDArray[np.float32]]], Interval], float]] = {
    "mean": (lambda pair: mean_interval(pair[1]), 0.5 * 4 / 6 + 0.5 * 3 / 5),
    "difference": (lambda pair: paired_interval(*pair), 0.5 * (4 / 6 - 3 / 5)),
}


@pytest.mark.parametrize("examples", [20, 50, 200])
@pytest.mark.parametrize("name", MAKERS)
def test_graded_intervals_cover_the_truth_with_few_examples(examples: int, name: str) -> None:
    interval_of, truth = MAKERS[name]
    rng = np.random.default_rng(examples)
    covers = [holds(interval_of(correlated(rng, examples)), truth) for _ in range(1000)]
    assert np.mean(covers) >= 0.93


def test_graded_intervals_are_students() -> None:
    one, other = correlated(np.random.default_rng(0), 40)
    expected = ttest_1samp(one.astype(float) - other.astype(float), 0.0).confidence_interval(0.95)
    assert paired_interval(one, other).ends == pytest.approx([expected.low, expected.high])
    expected = ttest_1samp(one.astype(float), 0.0).confidence_interval(0.9)
    assert mean_interval(one, 0.9).ends == pytest.approx([expected.low, expected.high])


def test_equal_graded_qualities_are_no_proof_of_equality() -> None:
    quality = np.full(20, 0.5, np.float32)
    reach = Z**2 / (20 + Z**2)
    assert paired_interval(quality, quality).ends == pytest.approx([-reach, reach])
    assert mean_interval(quality).ends == pytest.approx([0.5 - reach, 0.5 + reach])
    assert mean_interval(np.ones(20, np.float32)).ends == pytest.approx([1 - reach, 1.0])
    assert mean_interval(np.full(1, 0.5, np.float32)).ends == [0.0, 1.0]


def test_routes_over_other_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="same examples"):
        paired_interval(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="same examples"):
        paired_interval(np.ones(0, bool), np.ones(0, bool))


# One accuracy


def test_wilson_by_its_definition() -> None:
    n, p = 50, 0.9
    centre, half = (p + Z**2 / (2 * n)) / (1 + Z**2 / n), Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    interval = wilson_interval(45, 50)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((p, centre - half, centre + half))
    assert mean_interval(np.arange(50) < 45) == interval


@pytest.mark.parametrize("examples", [1, 2, 17, 2545])
def test_wilson_is_scipys(examples: int) -> None:
    for correct in {0, examples // 3, examples // 2, examples}:
        ends = binomtest(correct, examples).proportion_ci(method="wilson")
        assert wilson_interval(correct, examples).ends == [ends.low, ends.high]


def test_wilson_stays_inside_and_is_never_a_point() -> None:
    assert wilson_interval(0, 20).low == 0 and 0 < wilson_interval(0, 20).high < 0.2
    assert wilson_interval(20, 20).high == 1 and 0.8 < wilson_interval(20, 20).low < 1


# The ratio of two means


@pytest.mark.parametrize("examples", [40, 400])
def test_the_interval_of_a_ratio_covers_it_as_often_as_it_states(examples: int) -> None:
    """A route that leaves at one of three exits, and a full network whose cost varies with the length of the example."""
    rng = np.random.default_rng(examples)
    covered, times = 0, 800
    for _ in range(times):
        length = rng.uniform(1, 3, examples)
        share = rng.choice([0.1, 0.4, 1.0], p=[0.5, 0.3, 0.2], size=examples)
        interval = ratio_interval(length, length * share)
        covered += interval.low <= 1 / (0.5 * 0.1 + 0.3 * 0.4 + 0.2) <= interval.high
    assert binomtest(covered, times, 0.95).pvalue > 1e-3


def test_what_two_costs_have_in_common_cancels_in_their_ratio() -> None:
    cost = np.random.default_rng(0).uniform(1, 3, 50)
    assert ratio_interval(cost, cost / 2).ends == pytest.approx([2.0, 2.0])
    apart = ratio_interval(cost, cost[::-1] / 2)
    assert apart.estimate == pytest.approx(2.0) and apart.low < 1.9 and apart.high > 2.1


def test_the_interval_of_a_ratio_agrees_with_a_bootstrap() -> None:
    rng = np.random.default_rng(1)
    full, cost = rng.uniform(1, 3, 500), rng.choice([0.2, 1.0, 2.5], size=500)
    rows = rng.integers(500, size=(4000, 500))
    low, high = np.quantile(full[rows].mean(axis=1) / cost[rows].mean(axis=1), [0.025, 0.975])
    interval = ratio_interval(full, cost)
    assert interval.low == pytest.approx(low, rel=0.01) and interval.high == pytest.approx(high, rel=0.01)


def test_a_ratio_of_constants_is_a_point_and_one_to_nothing_is_infinite() -> None:
    ones = np.ones(5)
    assert ratio_interval(3 * ones, ones) == Interval(3.0, 3.0, 3.0)
    assert ratio_interval(np.array([3.0]), np.array([2.0])) == Interval(1.5, 1.5, 1.5)
    assert ratio_interval(ones, 0 * ones).ends == [np.inf, np.inf]
    with pytest.raises(ValueError, match="the same examples"):
        ratio_interval(ones, ones[:2])
