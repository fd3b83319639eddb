"""Static exits and their random mix against their definitions."""

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.splits import Split
from engine.sweep import run_sweep
from tests.engine.policies import reference
from tests.synthetic import outputs, split_names, stage_costs

CASES = {
    "chain": outputs(seed=1),
    "family": outputs(seed=2, kind="family"),
    "five exits": outputs(exits=5, seed=3),
    "one exit": outputs(exits=1, seed=4),
}


def parts(made):
    return made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), made.test()


@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
@pytest.mark.parametrize("name", CASES)
def test_static_takes_the_best_exit_it_can_pay_for(name, unit):
    fit, calibration, test = parts(CASES[name])
    fitted = POLICIES["static"].fit(fit, calibration, unit)
    cost, accuracy = calibration.static_cost(unit), calibration.correct.mean(axis=1)
    for budget in np.concatenate([cost, np.linspace(cost.min(), 2 * cost.max(), 40)]):
        rule = fitted.solve(budget)
        exit = reference.best_static(accuracy, cost, budget)
        route = rule.route(test)
        assert route.exit.tolist() == [exit] * test.examples
        assert rule.planned_cost == cost[exit] and route.mean_cost(test, unit) == pytest.approx(cost[exit])
        assert route.accuracy == (test.prediction[exit] == test.labels).mean()
        assert rule.knob == {"exit": exit + 1}


def test_a_deeper_exit_that_is_no_better_is_not_paid_for():
    logits = np.tile(np.random.default_rng(0).normal(size=(1, 30, 3)), (3, 1, 1))
    same = Outputs.from_logits(logits, np.zeros(30, int), split_names(10), stage_costs(3))
    rule = POLICIES["static"].fit(*parts(same)[:2], "macs").solve(1e9)
    assert rule.exit == 0


def test_a_budget_that_misses_an_exit_by_a_rounding_error_still_pays_for_it():
    """The page gives budgets as shares of the full cost. A share times that cost may differ from the exit's cost in the last bit."""
    logits = outputs(exits=3, examples=90).logits
    missed = 0
    for seed in range(200):
        cost = np.random.default_rng(seed).uniform(1, 10, 3)
        made = Outputs.from_logits(logits, np.full(90, 2), split_names(30), {"macs": cost})
        full = made.full_cost("macs")
        budgets = made.static_cost("macs") / full * full
        missed += int((budgets < made.static_cost("macs")).any())
        fitted = POLICIES["static"].fit(*parts(made)[:2], "macs")
        accuracy = made.tuning(Split.CALIBRATION).correct.mean(axis=1)
        for exit, budget in enumerate(budgets):
            assert fitted.solve(max(budget, fitted.cheapest)).exit == accuracy[: exit + 1].argmax()
    assert missed > 0, "no product was rounded down, so this tested nothing"


@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
@pytest.mark.parametrize("name", CASES)
def test_random_mix_is_the_hull_of_the_static_exits(name, unit):
    fit, calibration, _ = parts(CASES[name])
    fitted = POLICIES["random_mix"].fit(fit, calibration, unit)
    cost, accuracy = calibration.static_cost(unit), calibration.correct.mean(axis=1)
    for budget in np.linspace(cost.min(), 1.2 * cost.max(), 30):
        rule = fitted.solve(budget)
        parts_of_it = [(1 - rule.share, rule.cheap), (rule.share, rule.costly)] if hasattr(rule, "share") else [(1.0, rule)]
        expected = sum(share * accuracy[part.exit] for share, part in parts_of_it)
        assert expected == pytest.approx(reference.best_mix_of_exits(accuracy, cost, budget), abs=1e-12)
        assert rule.planned_cost == pytest.approx(sum(share * cost[part.exit] for share, part in parts_of_it))
        assert rule.planned_cost <= budget * (1 + 1e-9)


def test_random_mix_spends_its_whole_budget():
    fit, calibration, _ = parts(outputs(seed=1))
    fitted = POLICIES["random_mix"].fit(fit, calibration, "macs")
    cost = calibration.static_cost("macs")
    for budget in np.linspace(cost[0], cost[-1], 13):
        assert fitted.solve(budget).planned_cost == pytest.approx(budget)


def test_random_mix_follows_its_plan_whatever_the_images():
    """Realised shares are within four standard deviations of the plan, and easy examples go on as often as hard ones."""
    made = outputs(examples=60_000, exits=2, classes=2, seed=5)
    fit, calibration, test = parts(made)
    rule = POLICIES["random_mix"].fit(fit, calibration, "macs").solve(6e6)
    deeper = rule.route(test).exit == 1
    assert rule.share == pytest.approx(1 / 3)
    assert abs(deeper.mean() - 1 / 3) < 4 * np.sqrt(2 / 9 / test.examples)
    hard = test.factors["difficulty"] > 0.5
    assert abs(deeper[hard].mean() - deeper[~hard].mean()) < 4 * np.sqrt(2 / 9 / test.examples * 4)


@pytest.mark.parametrize("name", CASES)
def test_the_expectation_of_the_random_mix_is_reported(name):
    """Not the outcome of one draw: cost and accuracy on test are exactly on the straight lines between static exits."""
    made = CASES[name]
    test = made.test()
    swept = run_sweep(POLICIES["random_mix"], made, 15)
    cost, accuracy = test.static_cost("macs") / test.full_cost("macs"), test.correct.mean(axis=1)
    for step, rule in enumerate(swept.rules):
        parts_of_it = [(1 - rule.share, rule.cheap.exit), (rule.share, rule.costly.exit)] if hasattr(rule, "share") else [(1.0, rule.exit)]
        assert swept.cost[step] == pytest.approx(sum(share * cost[exit] for share, exit in parts_of_it), rel=1e-12)
        assert swept.accuracy[step] == pytest.approx(sum(share * accuracy[exit] for share, exit in parts_of_it), rel=1e-12)
        for share, exit in parts_of_it:
            assert swept.shares[step, exit] == pytest.approx(share) and swept.correct[step, exit] == pytest.approx(share * accuracy[exit])
