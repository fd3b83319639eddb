"""Risk control: promises are kept at the stated rate, tests are valid where the risk is worst, and budgets are met."""

import numpy as np
import pytest
from scipy.stats import binom

from engine.errors import UserError
from engine.outputs import Outputs, Tuning
from engine.policies import POLICIES
from engine.policies.core.thresholds import first_sure_exit
from engine.policies.methods.risk_control import LEVELS, Promise, RiskControlFit, betting_p_value, levels_to_try
from engine.splits import Split
from engine.sweep import run_sweep
from tests.synthetic import corner_cases, from_answers, outputs
from tests.thorough import THOROUGH

POLICY = POLICIES["risk_control"]
METHODS = ("ucb", "ltt", "crc")


def fitted(calibration: Tuning) -> RiskControlFit:
    return POLICY.fit(calibration, calibration, "macs")


def gap_at(data: Outputs, level: float) -> np.ndarray:
    exit = first_sure_exit(data.scores["maxprob"], np.full(data.exits - 1, level))
    return data.correct[data.full].astype(int) - data.correct[exit, np.arange(data.examples)]


def allowed_violations(trials: int, delta: float) -> int:
    """More violations would occur once in a thousand times if each trial violated with probability delta."""
    return int(binom.ppf(0.999, trials, delta))


@pytest.mark.parametrize("method", METHODS)
def test_over_random_splits_the_promise_is_broken_no_more_often_than_stated(method):
    data, promise = outputs(examples=6000, exits=3, seed=21), Promise(0.03, 0.9, method)
    rng, gaps, costs = np.random.default_rng(22), [], []
    trials = 500 if THOROUGH else 250
    for _ in range(trials):
        mixed = rng.permutation(data.examples)
        rule = fitted(data.take(mixed[:500], Tuning)).keep(promise)
        rest = data.take(mixed[500:])
        route = rule.route(rest)
        gaps.append(rest.correct[rest.full].mean() - route.accuracy)
        costs.append(route.mean_cost(rest, "macs") / rest.full_cost("macs"))
    gaps = np.array(gaps)
    if method == "crc":  # promises the mean over calibration sets
        assert gaps.mean() <= 0.03 + 3 * gaps.std() / np.sqrt(len(gaps))
    else:
        assert (gaps > 0.03).sum() <= allowed_violations(trials, promise.delta)
    # Not because no example leaves early: the promise is useful.
    assert np.mean(costs) < 0.9 and gaps.mean() > 0


def wavering(rng: np.random.Generator, examples: int, gap: float) -> Outputs:
    """Two exits. From the strictest level on the true gap is `gap`; examples that leave at looser levels are harmed as often as helped."""
    sureness = np.where(rng.random(examples) < 0.2, 40.0, rng.uniform(0, 16, examples))
    at_once = sureness == 40
    outcome = np.where(at_once, rng.random(examples) < gap / 0.2, np.where(rng.random(examples) < 0.5, 1, -1))
    answers = np.stack([(outcome > 0).astype(int), (outcome < 0).astype(int)])  # 0 is the label
    return from_answers(answers, np.broadcast_to(sureness, answers.shape), np.zeros(examples, int), 2)


@pytest.mark.parametrize("method", ["ucb", "ltt"])
def test_a_risk_just_above_the_promise_passes_only_by_chance(method):
    promise, rng = Promise(0.05, 0.9, method), np.random.default_rng(23)
    broken = broken_by_loosest = 0
    for _ in range(300):
        calibration = wavering(rng, 600, gap=0.0505).take(slice(None), Tuning)
        broken += np.isfinite(fitted(calibration).keep(promise).thresholds[0])
        if method == "ucb":  # the invalid alternative: the loosest level that passes, whatever the results of stricter ones
            broken_by_loosest += any(promise.passes(gap_at(calibration, level)) for level in levels_to_try(2)[::-4])
    assert 0 < broken <= allowed_violations(300, promise.delta)
    if method == "ucb":  # for ltt harm only grows as these levels fall, so any order of them is valid
        assert broken_by_loosest > allowed_violations(300, promise.delta)


def test_betting_is_valid_where_the_gap_is_exactly_epsilon():
    rng, trials = np.random.default_rng(24), 2000
    for harmed, helped in ((0.05, 0.0), (0.15, 0.1)):
        values = [betting_p_value(rng.choice([1, 0, -1], 400, p=[harmed, 1 - harmed - helped, helped]), 0.05, 0.1) for _ in range(trials)]
        for level in (0.05, 0.1, 0.3):
            assert (np.array(values) <= level).sum() <= allowed_violations(trials, level)


def test_betting_example_by_example():
    gap, epsilon, delta = np.array([0, 1, 0, 0, -1, 0, 1, 0]), 0.4, 0.2
    capital, richest, losses, deviations = 1.0, 1.0, 0.0, 0.0
    variance = 0.25
    for i, one in enumerate(gap, start=1):
        loss, bound = (1 + one) / 2, (1 + epsilon) / 2
        stake = min(np.sqrt(2 * np.log(1 / delta) / (len(gap) * variance)), 0.75 / (1 - bound))
        capital *= 1 + stake * (bound - loss)
        richest = max(richest, capital)
        losses += loss
        deviations += (loss - (0.5 + losses) / (1 + i)) ** 2
        variance = (0.25 + deviations) / (1 + i)
    assert betting_p_value(gap, epsilon, delta) == pytest.approx(1 / richest)


@pytest.mark.parametrize("method", METHODS)
def test_the_walk_stops_before_the_first_failure(method):
    calibration = outputs(examples=3000, exits=4, seed=25).tuning(Split.CALIBRATION)
    promise = Promise(0.02, 0.9, method)
    levels = levels_to_try(calibration.classes)
    threshold = fitted(calibration).keep(promise).thresholds[0]
    if method == "ltt":
        harmed = [np.count_nonzero(gap_at(calibration, level) > 0) for level in levels]
        passes = [binom.cdf(count, calibration.examples, 0.02) <= promise.delta for count in harmed]
    elif method == "crc":
        ever = np.maximum.accumulate([gap_at(calibration, level) > 0 for level in levels])
        passes = [(some.sum() + 1) / (calibration.examples + 1) <= 0.02 for some in ever]
    else:
        order = fitted(calibration)._gaps()
        passes = [betting_p_value(gap, 0.02, promise.delta) <= promise.delta for gap in order]
    assert passes[0] and not all(passes)
    assert threshold == levels[passes.index(False) - 1]


def test_levels_fall_from_strict_to_all_examples_leaving():
    levels = levels_to_try(10)
    assert len(levels) == LEVELS and (np.diff(levels) < 0).all()
    assert 1 / (1 + np.exp(-levels[-1])) == pytest.approx(1 / 10)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_examples_changes_nothing(method):
    calibration = outputs(examples=1500, exits=3, seed=26).tuning(Split.CALIBRATION)
    by_class = calibration.take(np.argsort(calibration.labels, kind="stable"), Tuning)
    promise = Promise(0.03, 0.9, method)
    assert (fitted(calibration).keep(promise).thresholds == fitted(by_class).keep(promise).thresholds).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_laxer_promise_costs_no_more(method):
    keeper = fitted(outputs(examples=3000, exits=4, seed=27).tuning(Split.CALIBRATION))
    laxer = [keeper.keep(Promise(epsilon, 0.9, method)).planned_cost for epsilon in (0.005, 0.01, 0.03, 0.1, 0.3)]
    surer = [keeper.keep(Promise(0.03, confidence, method)).planned_cost for confidence in (0.5, 0.9, 0.99)]
    assert (np.diff(laxer) <= 0).all() and laxer[-1] < laxer[0]
    assert (np.diff(surer) >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_with_too_few_examples_no_example_leaves_early(method):
    calibration = outputs(examples=60, exits=3, seed=28).tuning(Split.CALIBRATION)
    rule = fitted(calibration).keep(Promise(0.01, 0.9, method))
    assert np.isposinf(rule.thresholds).all()
    assert (rule.route(calibration).exit == 2).all()


def test_for_a_budget_it_equals_the_shared_threshold():
    data = outputs(examples=900, exits=4, seed=29)
    ours, single = run_sweep(POLICY, data, 9), run_sweep(POLICIES["single_threshold"], data, 9)
    assert (ours.exit == single.exit).all() and (ours.planned_cost == single.planned_cost).all()


@pytest.mark.parametrize("method", METHODS)
def test_corner_cases_can_be_promised(method):
    for data in corner_cases().values():
        rule = fitted(data.tuning(Split.CALIBRATION)).keep(Promise(0.2, 0.8, method))
        assert len(rule.route(data).exit) == data.examples


@pytest.mark.parametrize(
    "promise", [{"epsilon": 0}, {"epsilon": 1.5}, {"epsilon": 0.1, "confidence": 1}, {"epsilon": 0.1, "method": "hope"}]
)
def test_invalid_promises_are_refused(promise):
    with pytest.raises(UserError):
        Promise(**promise)
