"""Three ways to ask, one answer: what was asked is met on calibration, and what is reported is what the rule does."""

import numpy as np
import pytest

from engine.errors import UserError
from engine.policies import POLICIES, Need
from engine.policies.methods.risk_control import Promise
from engine.splits import Split
from engine.sweep import sweep
from engine.targets import by_accuracy_floor, by_budget, by_guarantee
from tests.synthetic import outputs

DATA = outputs(examples=1800, exits=4, seed=31)
ASKED = {
    "budget": lambda: by_budget(POLICIES["maxprob"], DATA, 0.5),
    "floor": lambda: by_accuracy_floor(POLICIES["maxprob"], DATA, 0.7),
    "guarantee": lambda: by_guarantee(DATA, Promise(0.03)),
}


@pytest.mark.parametrize("way", ASKED)
def test_every_answer_reports_what_its_rule_does(way):
    answer = ASKED[way]()
    full_cost = DATA.full_cost("macs")
    for said, part in ((answer.calibration, DATA.tuning(Split.CALIBRATION)), (answer.test, DATA.test())):
        route = answer.rule.route(part)
        assert said.cost == pytest.approx(route.mean_cost(part, "macs") / full_cost)
        assert said.accuracy == route.accuracy(part)
        assert (said.shares == route.shares(4)).all()
    assert answer.planned_cost == pytest.approx(answer.rule.planned_cost / full_cost)
    assert answer.full.cost == full_cost and answer.full.accuracy == DATA.test().correct[-1].mean()
    assert answer.target.endswith(".") and answer.unit == "macs"


@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
def test_a_budget_is_answered_like_a_sweep(unit):
    answer, swept = by_budget(POLICIES["entropy"], DATA, 0.6, unit), sweep(POLICIES["entropy"], DATA, [0.6], unit)
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
        assert Need.FAMILY in policy.needs and kind == "chain"
        return
    floor = float(data.tuning(Split.CALIBRATION).correct.mean(axis=1)[1])
    answer = by_accuracy_floor(policy, data, floor)
    assert answer.policy == name and answer.calibration.accuracy >= floor


@pytest.mark.parametrize("name", ["single_threshold", "free_thresholds", "static"])
def test_no_cheaper_setting_meets_the_floor(name):
    floor = 0.72
    answer = by_accuracy_floor(POLICIES[name], DATA, floor)
    every = sweep(POLICIES[name], DATA, 300)
    cheapest = every.calibration_cost[every.calibration_accuracy >= floor].min()
    assert answer.calibration.cost <= cheapest + 1e-9


def test_a_floor_that_no_budget_reaches_is_refused_with_the_best_that_is():
    with pytest.raises(UserError, match=r"reaches an accuracy of 0\.\d+ at most, not 0.999"):
        by_accuracy_floor(POLICIES["maxprob"], DATA, 0.999)


def test_a_floor_of_nothing_is_the_cheapest_way_out():
    answer = by_accuracy_floor(POLICIES["maxprob"], DATA, 0.0)
    assert answer.calibration.cost == pytest.approx(DATA.cascade_cost("macs")[0] / DATA.full_cost("macs"))


def test_a_guarantee_says_how_sure_it_is_and_when_nothing_can_be_promised():
    assert by_guarantee(DATA, Promise(0.05, 0.95)).target == "Make at most 5.0% more errors than the full network, with 95% confidence."
    assert "on average" in by_guarantee(DATA, Promise(0.05, method="crc")).target
    nothing = by_guarantee(outputs(examples=30, exits=3, seed=33), Promise(0.001))
    assert "nobody leaves early" in nothing.target and nothing.test.shares.tolist() == [0, 0, 1]
    assert nothing.test.accuracy == nothing.full.accuracy


def test_what_a_policy_needs_is_asked_for_first():
    with pytest.raises(UserError):
        by_accuracy_floor(POLICIES["entropy"], outputs(examples=90, recorded="confidence"), 0.5)
    bare = outputs(examples=90, recorded="confidence")
    assert np.isfinite(by_guarantee(bare, Promise(0.4)).test.cost)


def test_the_random_mix_is_answered_as_its_expectation():
    made = outputs(examples=300, exits=2, seed=3)
    swept = sweep(POLICIES["random_mix"], made, [0.7])
    answer = by_budget(POLICIES["random_mix"], made, 0.7)
    assert (answer.test.cost, answer.test.accuracy) == (swept.cost[0], swept.accuracy[0])
