"""Patience against counting, one example at a time."""

import numpy as np
import pytest

from engine.policies import POLICIES
from engine.policies.methods.patience import patient_exit
from engine.splits import Split
from tests.synthetic import from_answers, outputs


def leaves_at(predictions: list[int], patience: int) -> int:
    """One example: the predictions of the exits in order -> the exit it leaves at."""
    agreements = 0
    for k, answer in enumerate(predictions):
        if k > 0:
            agreements = agreements + 1 if answer == predictions[k - 1] else 0
        if agreements == patience:
            return k
    return len(predictions) - 1


@pytest.mark.parametrize("exits", range(1, 8))
def test_counting_is_exact(exits):
    prediction = np.random.default_rng(exits).integers(2, size=(exits, 200))
    for patience in range(exits + 2):
        assert patient_exit(prediction, patience).tolist() == [leaves_at(predictions, patience) for predictions in prediction.T.tolist()]


@pytest.mark.parametrize(
    ("predictions", "exits"),
    [
        ([1, 1, 1, 1, 1], [0, 1, 2, 3, 4]),
        ([1, 2, 2, 2, 3], [0, 2, 3, 4, 4]),
        ([1, 1, 2, 2, 2], [0, 1, 4, 4, 4]),
        ([1, 2, 1, 2, 1], [0, 4, 4, 4, 4]),
    ],
)
def test_by_hand(predictions, exits):
    """With patience p no example leaves before exit p + 1, and a disagreement resets the count."""
    assert [int(patient_exit(np.array(predictions)[:, None], patience)[0]) for patience in range(5)] == exits


def test_more_patience_never_costs_less():
    prediction = np.random.default_rng(0).integers(3, size=(6, 300))
    exits = np.array([patient_exit(prediction, patience) for patience in range(7)])
    assert (np.diff(exits, axis=0) >= 0).all()


def test_budgets_between_two_patience_values_are_met_by_mixing():
    made = outputs(examples=3000, exits=5, seed=1)
    calibration = made.tuning(Split.CALIBRATION)
    fitted = POLICIES["patience"].fit(made.tuning(Split.FIT), calibration, "macs")
    planned = [rule.planned_cost for rule in fitted.rules]
    assert planned == sorted(planned) and planned[0] == made.cascade_cost("macs")[0] and planned[-1] == made.cascade_cost("macs")[-1]
    for low, high in zip(fitted.rules, fitted.rules[1:], strict=False):
        assert fitted.solve(low.planned_cost) is low
        rule = fitted.solve((low.planned_cost + high.planned_cost) / 2)
        assert rule.planned_cost == pytest.approx((low.planned_cost + high.planned_cost) / 2)
        assert rule.knob == {"patience": low.patience, "patience of the rest": high.patience, "share of the rest": pytest.approx(0.5)}
        assert rule.route(calibration).mean_cost(calibration, "macs") == pytest.approx(rule.planned_cost, rel=0.05)
        halves = rule.route(calibration).exit
        each = [patient_exit(calibration.prediction, one.patience) for one in (low, high)]
        assert ((halves == each[0]) | (halves == each[1])).all() and 0.4 < np.mean((halves == each[1])[each[0] != each[1]]) < 0.6


def test_patience_values_of_equal_cost_are_mixed():
    """If no two exits agree, all examples go to the last exit at every patience above 0."""
    answers = np.tile(np.array([[0], [1], [2]]), 30)
    made = from_answers(answers, np.ones(answers.shape), np.zeros(30, int), 3)
    fitted = POLICIES["patience"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    cost = made.cascade_cost("macs")
    for budget in np.linspace(cost[0], cost[-1], 5):
        assert fitted.solve(budget).planned_cost == pytest.approx(budget)
