"""Intervals: the fast bootstrap equals the slow one, and its coverage is as stated."""

import numpy as np
import pytest
from scipy.stats import binom

from engine.analysis.intervals import paired_interval, wilson_interval


def routes(examples, seed, better=0.0):
    rng = np.random.default_rng(seed)
    shared = rng.random(examples)
    return shared + rng.normal(0, 0.1, examples) < 0.7 + better, shared + rng.normal(0, 0.1, examples) < 0.7


def test_counts_resample_like_examples():
    one, other = routes(400, seed=1, better=0.03)
    quick = paired_interval(one, other, resamples=40_000)
    rng = np.random.default_rng(2)
    difference = one.astype(int) - other.astype(int)
    slow = np.array([difference[rng.integers(400, size=400)].mean() for _ in range(40_000)])
    assert quick.estimate == difference.mean()
    # Percentiles of 40,000 draws scatter by about one part in a hundred of the standard deviation; one example is 1 / 400.
    assert (quick.low, quick.high) == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=1 / 400)


def test_it_covers_the_truth_at_about_the_stated_rate():
    truth = np.subtract(*(route.mean() for route in routes(2_000_000, seed=0, better=0.02)))
    hits = 0
    for seed in range(400):
        interval = paired_interval(*routes(300, seed=1 + seed, better=0.02), confidence=0.9, resamples=1000)
        hits += interval.low <= truth <= interval.high
    assert binom.ppf(0.0005, 400, 0.9) <= hits <= binom.ppf(0.9995, 400, 0.9)


def test_pairing_is_what_makes_it_narrow():
    one, other = routes(1000, seed=3)
    paired = paired_interval(one, other)
    shuffled = paired_interval(one, np.random.default_rng(4).permutation(other))
    assert paired.high - paired.low < 0.8 * (shuffled.high - shuffled.low)


def test_equal_routes_do_not_differ_and_the_seed_decides():
    one, other = routes(200, seed=5)
    assert paired_interval(one, one) == type(paired_interval(one, one))(0.0, 0.0, 0.0)
    assert paired_interval(one, other, seed=1) == paired_interval(one, other, seed=1)
    reversed_pair = paired_interval(other, one, resamples=50_000)
    straight = paired_interval(one, other, resamples=50_000)
    assert (reversed_pair.low, reversed_pair.high) == pytest.approx((-straight.high, -straight.low), abs=0.005)


def test_routes_over_other_examples_are_refused():
    with pytest.raises(ValueError, match="same examples"):
        paired_interval(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="same examples"):
        paired_interval(np.ones(0, bool), np.ones(0, bool))


def test_wilson_by_its_definition():
    n, p, z = 50, 0.9, 1.959963984540054
    centre, half = (p + z**2 / (2 * n)) / (1 + z**2 / n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    interval = wilson_interval(45, 50)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((p, centre - half, centre + half))


def test_wilson_stays_inside_and_is_never_a_point():
    assert wilson_interval(0, 20).low == 0 and 0 < wilson_interval(0, 20).high < 0.2
    assert wilson_interval(20, 20).high == 1 and 0.8 < wilson_interval(20, 20).low < 1
