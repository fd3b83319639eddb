"""The three kinds of target: each is met on calibration, and the reported results are those of the rule."""

import numpy as np
import pytest

from engine.errors import UserError
from engine.policies import POLICIES, Need
from engine.policies.methods.risk_control import Promise
from engine.splits import Split
from engine.sweep import run_sweep
from engine.targets import by_accuracy_floor, by_budget, by_guarantee
from tests.synthetic import outputs

DATA = outputs(examples=1800, exits=4, seed=31)
TARGETS = {
    "budget": lambda: by_budget(POLICIES["maxprob"], DATA, 0.5),
    "floor": lambda: by_accuracy_floor(POLICIES["maxprob"], DATA, 0.7),
    "guarantee": lambda: by_guarantee(DATA, Promise(0.03)),
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_reports_the_results_of_its_rule(name):
    answer = TARGETS[name]()
    full_cost = DATA.full_cost("macs")
    for result, part in ((answer.calibration, DATA.tuning(Split.CALIBRATION)), (answer.test, DATA.test())):
        route = answer.rule.route(part)
        assert result.cost == pytest.approx(route.mean_cost(part, "macs") / full_cost)
        assert result.accuracy == route.accuracy
        assert (result.shares == route.shares(4)).all()
    assert answer.planned_cost == pytest.approx(answer.rule.planned_cost / full_cost)
    assert answer.full.cost == full_cost and answer.full.accuracy == DATA.test().correct[-1].mean()
    assert answer.target.endswith(".") and answer.unit == "macs"


@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
def test_a_budget_gives_the_same_as_a_sweep(unit):
    answer, swept = by_budget(POLICIES["entropy"], DATA, 0.6, unit), run_sweep(POLICIES["entropy"], DATA, [0.6], unit)
    assert answer.test.accuracy == swept.accuracy[0] and answer.test.cost == pytest.approx(swept.cost[0])
    assert answer.planned_cost <= 0.6 + 1e-9


def test_a_budget_out_of_reach_is_refused():
    with pytest.raises(UserError, match="out of reach"):
        by_budget(POLICIES["maxprob"], DATA, 0.01)


@pytest.mark.parametrize("kind", ["chain", "family"])
@pytest.mark.parametrize("name", list(POLICIES))
def test_a_floor_is_met_on_calibration_by_every_policy(name, kind):
    data, policy = outputs(examples=600, exits=3, seed=32, kind=kind), POLICIES[name]
    if policy.unavailable_reason(data):
        assert Need.BEFORE in policy.needs or (Need.FAMILY in policy.needs and kind == "chain")
        return
    floor = float(data.tuning(Split.CALIBRATION).correct.mean(axis=1)[1])
    answer = by_accuracy_floor(policy, data, floor)
    assert answer.policy == name and answer.calibration.accuracy >= floor


@pytest.mark.parametrize("name", ["single_threshold", "free_thresholds", "static"])
def test_no_cheaper_setting_meets_the_floor(name):
    floor = 0.72
    answer = by_accuracy_floor(POLICIES[name], DATA, floor)
    every = run_sweep(POLICIES[name], DATA, 300)
    cheapest = every.calibration_cost[every.calibration_accuracy >= floor].min()
    assert answer.calibration.cost <= cheapest + 1e-9


def test_the_error_for_a_floor_that_no_budget_reaches_names_the_best_accuracy():
    with pytest.raises(UserError, match=r"reaches an accuracy of at most 0\.\d+, not 0.999"):
        by_accuracy_floor(POLICIES["maxprob"], DATA, 0.999)


def test_a_floor_of_0_is_met_by_the_cheapest_exit():
    answer = by_accuracy_floor(POLICIES["maxprob"], DATA, 0.0)
    assert answer.calibration.cost == pytest.approx(DATA.cascade_cost("macs")[0] / DATA.full_cost("macs"))


def test_a_guarantee_states_its_confidence_and_when_nothing_can_be_promised():
    assert (
        by_guarantee(DATA, Promise(0.05, 0.95)).target
        == "Lose at most 5.0 points of accuracy against the full network, with 95% confidence."
    )
    assert "on average" in by_guarantee(DATA, Promise(0.05, method="crc")).target
    unproven = by_guarantee(outputs(examples=30, exits=3, seed=33), Promise(0.001))
    assert "no example leaves early" in unproven.target and unproven.test.shares.tolist() == [0, 0, 1]
    assert unproven.test.accuracy == unproven.full.accuracy


def test_missing_needs_of_a_policy_are_a_user_error():
    with pytest.raises(UserError):
        by_accuracy_floor(POLICIES["entropy"], outputs(examples=90, recorded="confidence"), 0.5)
    bare = outputs(examples=90, recorded="confidence")
    assert np.isfinite(by_guarantee(bare, Promise(0.4)).test.cost)


def test_the_random_mix_is_reported_as_its_expectation():
    made = outputs(examples=300, exits=2, seed=3)
    swept = run_sweep(POLICIES["random_mix"], made, [0.7])
    answer = by_budget(POLICIES["random_mix"], made, 0.7)
    assert (answer.test.cost, answer.test.accuracy) == (swept.cost[0], swept.accuracy[0])
