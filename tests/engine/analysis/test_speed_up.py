"""The setting is the cheapest within the loss on calibration, and its speed-up and loss are those of its route on test."""

from dataclasses import replace

import numpy as np
import pytest

from engine.analysis.intervals import Interval, paired_interval, ratio_interval
from engine.analysis.speed_up import Candidate, candidates, cheapest_within, full_accuracy, judged_again, speed_ups
from engine.analysis.sweep_intervals import expected_quality
from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.methods.static import StaticRule
from engine.splits import Split
from tests import synthetic
from tests.sentences import assert_one_sentence

CHAIN = synthetic.outputs(examples=600, exits=4, classes=8, seed=3)
FAMILY = synthetic.outputs(examples=600, exits=3, classes=8, seed=4, kind="family")
GRADED = replace(CHAIN, judged=np.sort(np.random.default_rng(0).beta(3, 2, (4, 600)), axis=0).astype(np.float32))
VARYING = replace(CHAIN, stage_cost={"macs": CHAIN.stage_cost["macs"][:, None] * np.linspace(0.5, 1.5, 600)})
FEW = 13  # budgets, so that tests are quick
LOSSES = (0.005, 0.02, 0.1)


@pytest.mark.parametrize("policy", ["maxprob", "bolukbasi"])
@pytest.mark.parametrize("outputs", [CHAIN, CHAIN.top(3), FAMILY, GRADED, VARYING], ids=["chain", "top-3", "family", "graded", "varying"])
def test_the_setting_is_that_of_a_slow_loop_over_the_calibration_examples(outputs: Outputs, policy: str) -> None:
    tried = candidates(POLICIES[policy], outputs, budgets=FEW)
    calibration = outputs.tuning(Split.CALIBRATION)
    cost = np.broadcast_to(calibration.cost_in("macs").reshape(outputs.exits, -1), (outputs.exits, calibration.examples))
    results = []
    for one in tried:
        spent = lost = 0.0
        for weight, rule in one.rule.parts():  # a plan that does worse than the random mix gives way to it, and is an expectation
            route = rule.route(calibration)
            for i in range(calibration.examples):
                spent += weight * sum(cost[k, i] for k in range(outputs.exits) if route.visited[k, i])
                lost += weight * (float(calibration.quality[-1, i]) - float(calibration.quality[route.exit[i], i]))
        results.append((spent / calibration.examples / calibration.full_cost("macs"), lost / calibration.examples))
        assert (one.cost, one.loss) == pytest.approx(results[-1], abs=1e-9)
    for allowed in LOSSES:
        least = min(spent for spent, lost in results if lost <= allowed + 1e-9)
        assert cheapest_within(tried, allowed).cost == pytest.approx(least)


@pytest.mark.parametrize("outputs", [CHAIN, CHAIN.top(3), FAMILY, GRADED, VARYING], ids=["chain", "top-3", "family", "graded", "varying"])
def test_speed_up_and_loss_are_those_of_the_route_on_test(outputs: Outputs) -> None:
    test = outputs.test()
    for result in speed_ups(POLICIES["maxprob"], outputs, LOSSES, budgets=FEW):
        route = result.selected.rule.route(test)
        cost = route.cost(test.cost_in("macs"))
        full_cost = np.broadcast_to(test.static_cost("macs")[test.full], cost.shape)
        assert result.speed_up == ratio_interval(full_cost, cost)
        assert result.speed_up.estimate == pytest.approx(test.full_cost("macs") / cost.mean())
        if isinstance(result.selected.rule, StaticRule) and result.selected.rule.exit == test.full:
            assert result.loss == Interval(0.0, 0.0, 0.0)
        else:
            assert result.loss == paired_interval(test.quality[test.full], route.known_quality)
            assert result.loss.low < result.loss.estimate < result.loss.high
    assert full_accuracy(outputs).estimate == pytest.approx(test.quality[-1].mean())


def test_gates_learn_top_k_accuracy() -> None:
    """Where most labels are among the top five, gates that learned top-5 accuracy leave earlier than those that learned top-1."""
    slow, fast = (speed_ups(POLICIES["bolukbasi"], judged, [0.02], budgets=FEW)[0].speed_up for judged in (CHAIN, CHAIN.top(5)))
    assert fast.low > slow.high


def test_candidates_keep_their_routes_and_costs_where_they_are_judged_otherwise() -> None:
    tried = candidates(POLICIES["maxprob"], CHAIN, budgets=5)
    calibration = CHAIN.top(3).tuning(Split.CALIBRATION)
    for before, after in zip(tried, judged_again(tried, calibration), strict=True):
        assert (after.rule, after.budget, after.cost) == (before.rule, before.budget, before.cost)
        assert after.loss == pytest.approx((calibration.quality[3].astype(float) - expected_quality(after.rule, calibration)).mean())


def test_the_full_network_is_always_a_candidate_and_loses_nothing() -> None:
    worse = replace(CHAIN, judged=np.arange(4)[:, None] == np.full((4, 600), 3))  # only the last exit is correct
    (result,) = speed_ups(POLICIES["maxprob"], worse, [0.0], budgets=5)
    assert isinstance(result.selected.rule, StaticRule) and result.selected.budget == 1.0
    assert (result.speed_up, result.loss) == (Interval(1.0, 1.0, 1.0), Interval(0.0, 0.0, 0.0))


def test_of_equally_cheap_candidates_the_better_one_is_taken() -> None:
    rule = StaticRule(0, 1.0)
    tried = [Candidate(0.2, rule, 0.2, loss) for loss in (0.009, 0.004, 0.03)] + [Candidate(1.0, rule, 1.0, 0.0)]
    assert cheapest_within(tried, 0.01).loss == 0.004
    assert cheapest_within(tried, 0.003).cost == 1.0


def test_chance_is_reported_as_its_expectation() -> None:
    (result,) = speed_ups(POLICIES["random_mix"], CHAIN, [0.03], budgets=FEW)
    (cheap, _), (costly, _) = result.selected.rule.parts()
    exits = [rule.exit for _, rule in result.selected.rule.parts()]
    assert 0 < costly < 1
    cost = CHAIN.test().mean_static_cost("macs")[exits] @ [cheap, costly]
    accuracy = CHAIN.test().quality.mean(axis=1)[exits] @ [cheap, costly]
    assert result.speed_up.estimate == pytest.approx(CHAIN.full_cost("macs") / cost)
    assert result.loss.estimate == pytest.approx(CHAIN.test().quality[-1].mean() - accuracy)
    assert result.speed_up.half_width < 1e-9  # the expected cost is the same for every example


def test_an_exit_that_costs_nothing_is_infinitely_faster_and_null_in_json() -> None:
    free = replace(CHAIN, stage_cost={"macs": np.array([0.0, 1, 1, 1])}, judged=np.ones((4, 600), bool))
    (result,) = speed_ups(POLICIES["maxprob"], free, [0.01], budgets=5)
    assert result.speed_up.estimate == np.inf
    assert result.as_json()["speed_up"] is None and result.as_json()["speed_up_interval"] == [None, None]


@pytest.mark.parametrize("loss", [-0.01, 1.0, np.nan])
def test_a_loss_that_is_none_is_refused(loss: float) -> None:
    with pytest.raises(UserError) as refused:
        speed_ups(POLICIES["maxprob"], CHAIN, [0.01, loss])
    assert_one_sentence(str(refused.value), "points of accuracy", "for example 0.5")
