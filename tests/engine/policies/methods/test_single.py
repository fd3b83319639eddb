"""One threshold for all exits against trying every level."""

import numpy as np
import pytest
from scipy.special import expit

from engine.policies import POLICIES
from engine.policies.methods.single import exact_curve
from engine.splits import Split
from tests.engine.policies import reference
from tests.synthetic import corner_cases, outputs

CASES = {
    "chain": outputs(examples=180, seed=1),
    "family": outputs(examples=180, exits=3, seed=2, kind="family"),
    **corner_cases(),
}


def parts(made):
    return made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), made.test()


def test_the_curve_is_exact_at_every_level():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        exits, examples = rng.integers(1, 6), rng.integers(1, 25)
        scores = rng.normal(size=(exits, examples)).astype(np.float32)
        if seed % 2:
            scores = np.round(scores)
        exit_cost = np.cumsum(rng.uniform(0.5, 2, size=exits))
        levels, cost = exact_curve(scores, exit_cost)
        assert (np.diff(levels) > 0).all() and (np.diff(cost) > 0).all() or exits == 1
        for level, at_level in zip(levels, cost, strict=True):
            left_at = reference.threshold_cascade(reference.floats(scores), [level] * (exits - 1))
            assert at_level == pytest.approx(np.mean([exit_cost[k] for k in left_at]), rel=1e-12)


def test_the_curve_misses_no_level():
    """Between two neighbouring levels nothing changes."""
    scores = np.round(np.random.default_rng(0).normal(size=(3, 20)), 1)
    levels, _ = exact_curve(scores, np.array([1.0, 2.0, 4.0]))
    for low, high in zip(levels[:-2], levels[1:-1], strict=True):
        for level in (low + 0.3 * (high - low), low + 0.9 * (high - low)):
            between = reference.threshold_cascade(scores.tolist(), [level] * 2)
            assert between == reference.threshold_cascade(scores.tolist(), [high] * 2)


@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
@pytest.mark.parametrize("name", CASES)
def test_rules_equal_trying_every_level(name, unit):
    fit, calibration, test = parts(CASES[name])
    fitted = POLICIES["single_threshold"].fit(fit, calibration, unit)
    exit_cost = calibration.cascade_cost(unit)
    assert fitted.cheapest == pytest.approx(exit_cost[0])
    for budget in np.linspace(exit_cost[0], 1.2 * exit_cost[-1], 9):
        rule = fitted.solve(budget)
        level, spent = reference.single_threshold(reference.floats(calibration.scores["maxprob"]), exit_cost.tolist(), budget)
        expected = reference.threshold_cascade(reference.floats(calibration.scores["maxprob"]), [level] * (test.exits - 1))
        assert rule.route(calibration).exit.tolist() == expected
        assert rule.planned_cost == pytest.approx(spent, rel=1e-9)
        on_test = reference.threshold_cascade(reference.floats(test.scores["maxprob"]), rule.thresholds.tolist())
        assert rule.route(test).exit.tolist() == on_test
        assert len(set(rule.thresholds)) <= 1


def test_the_knob_is_the_threshold_as_a_probability():
    fit, calibration, _ = parts(outputs(seed=1))
    fitted = POLICIES["single_threshold"].fit(fit, calibration, "macs")
    exit_cost = calibration.cascade_cost("macs")
    shown = []
    for budget in np.linspace(exit_cost[0], exit_cost[-1], 20):
        rule = fitted.solve(budget)
        assert rule.knob == {"threshold": pytest.approx(float(expit(rule.thresholds[0])))}
        shown.append(rule.knob["threshold"])
    assert (np.diff(shown) >= 0).all() and shown[0] < shown[-1]


def test_at_the_full_budget_all_examples_go_to_the_last_exit():
    fit, calibration, test = parts(outputs(seed=1))
    fitted = POLICIES["single_threshold"].fit(fit, calibration, "macs")
    route = fitted.solve(float(calibration.cascade_cost("macs")[-1])).route(test)
    assert (route.exit == test.exits - 1).all()
    assert (fitted.solve(fitted.cheapest).route(calibration).exit == 0).all()
