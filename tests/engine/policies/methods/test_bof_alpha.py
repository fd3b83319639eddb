"""The alpha rule against loops over one example at a time."""

import math

import numpy as np
import pytest

from engine.policies import POLICIES
from engine.policies.methods.bof_alpha import AlphaRule, mean_correct_confidence, strictest
from engine.splits import Split
from tests.synthetic import from_answers, outputs

CASES = {
    "chain": outputs(examples=240, exits=5, seed=4),
    "family": outputs(examples=240, exits=3, seed=5, kind="family"),
    "confidence": outputs(examples=240, exits=3, seed=6, recorded="confidence"),
}


def top_probability(made, k: int, i: int) -> float:
    return 1 / (1 + math.exp(-float(made.scores["maxprob"][k, i])))


def mean_confidence_slowly(made) -> list[float]:
    means = []
    for k in range(made.exits):
        correct_confidences = [top_probability(made, k, i) for i in range(made.examples) if made.prediction[k, i] == made.labels[i]]
        means.append(sum(correct_confidences) / len(correct_confidences) if correct_confidences else math.inf)
    return means


def fit(made, unit="macs"):
    return POLICIES["bof_alpha"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), unit)


@pytest.mark.parametrize("case", CASES)
def test_mu_is_the_mean_confidence_of_correct_predictions(case):
    made = CASES[case].tuning(Split.FIT)
    assert mean_correct_confidence(made).tolist() == pytest.approx(mean_confidence_slowly(made), rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_routes_equal_the_definition(case):
    made, fitted = CASES[case], fit(CASES[case])
    test, mean_confidence = made.test(), fitted.mean_confidence
    cost = made.cascade_cost("macs")
    for budget in np.linspace(cost[0], cost[-1], 9):
        rule = fitted.solve(budget)
        expected = []
        for i in range(test.examples):
            # Compared as a ratio, as it is stored: alpha * mu rounds differently from p / mu.
            leaves = (k for k in range(made.exits - 1) if top_probability(test, k, i) / mean_confidence[k] >= rule.alpha * (1 - 1e-12))
            expected.append(next(leaves, made.exits - 1))
        assert rule.route(test).exit.tolist() == expected


@pytest.mark.parametrize("case", CASES)
def test_the_plan_is_met_on_calibration_and_is_the_closest_to_the_budget(case):
    made, fitted = CASES[case], fit(CASES[case])
    calibration = made.tuning(Split.CALIBRATION)
    cost = made.cascade_cost("macs")
    assert fitted.cheapest == cost[0]
    for budget in np.linspace(cost[0], cost[-1], 12):
        rule = fitted.solve(budget)
        assert rule.route(calibration).mean_cost(calibration, "macs") == pytest.approx(rule.planned_cost, rel=1e-9)
        assert budget - rule.planned_cost <= (cost[-1] - cost[0]) / calibration.examples + 1e-9


@pytest.mark.parametrize("case", CASES)
def test_a_larger_alpha_never_costs_less(case):
    made = CASES[case]
    mean_confidence = mean_correct_confidence(made.tuning(Split.FIT))
    exits = [
        AlphaRule(alpha, mean_confidence, 0.0).route(made.test()).exit for alpha in np.linspace(0, 1.1 * strictest(mean_confidence), 60)
    ]
    assert (np.diff(exits, axis=0) >= 0).all()
    assert (exits[0] == 0).all() and (exits[-1] == made.exits - 1).all()


def test_alpha_1_requires_the_mean_confidence_of_correct_predictions():
    made = CASES["chain"]
    mean_confidence = mean_correct_confidence(made.tuning(Split.FIT))
    rule = AlphaRule(1.0, mean_confidence, 0.0)
    leaves_first = rule.route(made.test()).exit == 0
    assert leaves_first.tolist() == [top_probability(made.test(), 0, i) >= mean_confidence[0] for i in range(made.test().examples)]
    shown = 1 / (1 + np.exp(-rule.threshold_spec().thresholds))
    assert shown == pytest.approx(mean_confidence[:-1])


def test_an_exit_that_is_never_correct_is_closed_unless_alpha_is_0():
    labels = np.zeros(90, int)
    answers = np.array([labels, labels + 1, labels])
    made = from_answers(answers, np.random.default_rng(0).uniform(1, 3, (3, 90)), labels, 4)
    fitted = fit(made)
    cost = made.cascade_cost("macs")
    assert fitted.mean_confidence[1] == math.inf
    for budget in np.linspace(cost[0], cost[-1], 7)[1:]:
        rule = fitted.solve(budget)
        assert rule.route(made.test()).exit.tolist().count(1) == 0 and rule.threshold_spec().thresholds[1] == np.inf
    open_to_all = AlphaRule(0.0, fitted.mean_confidence, 0.0)
    assert (open_to_all.route(made.test()).exit == 0).all() and (open_to_all.threshold_spec().thresholds == -np.inf).all()


def test_high_confidences_are_separated_where_float32_probabilities_tie():
    sure = np.tile(np.linspace(18, 30, 30), (3, 3))
    labels = np.zeros(90, int)
    made = from_answers(np.zeros((3, 90), int), sure, labels, 2)
    fitted = fit(made)
    cost = made.cascade_cost("macs")
    halfway = fitted.solve((cost[0] + cost[-1]) / 2)
    assert 0.4 < np.mean(halfway.route(made.tuning(Split.CALIBRATION)).exit == 0) < 0.6


def test_the_knob_is_finite_at_both_ends():
    fitted = fit(CASES["chain"])
    assert fitted.solve(fitted.cheapest).knob == {"alpha": 0.0}
    strict = fitted.solve(CASES["chain"].cascade_cost("macs")[-1])
    assert (
        strict.knob == {"alpha": pytest.approx(1 / fitted.mean_confidence[:-1].min())} and (strict.threshold_spec().thresholds > 36).any()
    )
