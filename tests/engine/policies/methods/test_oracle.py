"""The oracle against trying every routing of a few examples."""

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.methods.oracle import cheapest_best
from engine.splits import Split
from tests.engine.policies import reference
from tests.synthetic import corner_cases, from_answers, outputs, split_names


def parts(made):
    return made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), made.test()


def few(seed: int, exits: int, examples: int, kind="chain") -> Outputs:
    """The same number of examples in each split, correct or incorrect at random, with random costs."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=3 * examples)
    answers = np.where(rng.uniform(size=(exits, 3 * examples)) < 0.5, labels, (labels + 1) % 3)
    cost = rng.uniform(1, 5, exits) if kind == "chain" else np.sort(rng.uniform(1, 9, exits))
    logits = np.eye(3)[answers]
    ids = rng.permutation(1000)[: 3 * examples]
    return Outputs.from_logits(logits, labels, split_names(examples), {"macs": cost}, ids=ids, kind=kind)


@pytest.mark.parametrize("kind", ["chain", "family"])
@pytest.mark.parametrize(("exits", "examples"), [(1, 4), (2, 8), (3, 6), (4, 5)])
def test_no_routing_gives_more_correct_predictions(exits, examples, kind):
    for seed in range(6):
        fit, calibration, test = parts(few(seed, exits, examples, kind))
        fitted = POLICIES["oracle"].fit(fit, calibration, "macs")
        cost = test.static_cost("macs")
        for budget in np.linspace(cost.min(), cost.max(), 5):
            rule = fitted.solve(budget)
            for some in (calibration, test):
                route = rule.route(some)
                assert route.known_quality.sum() == reference.best_routing(some.correct.tolist(), cost.tolist(), budget)
                assert route.mean_cost(some, "macs") <= budget * (1 + 1e-9)
            assert rule.planned_cost == rule.route(calibration).mean_cost(calibration, "macs")


@pytest.mark.parametrize("name", [*corner_cases(), "chain"])
def test_cheapest_correct_exit(name):
    made = {**corner_cases(), "chain": outputs()}[name]
    for cost in (made.static_cost("macs"), made.static_cost("latency_ms"), made.static_cost("macs")[::-1]):
        exit = cheapest_best(made.quality, cost)
        assert exit.tolist() == reference.cheapest_correct_exit(made.correct.tolist(), cost.tolist())


def test_with_enough_budget_all_solvable_examples_are_correct_at_no_extra_cost():
    fit, calibration, test = parts(outputs())
    route = POLICIES["oracle"].fit(fit, calibration, "macs").solve(1e9).route(test)
    assert route.accuracy == test.correct.any(axis=0).mean()
    assert route.exit.tolist() == reference.cheapest_correct_exit(test.correct.tolist(), test.static_cost("macs").tolist())
    assert (route.exit[~test.correct.any(axis=0)] == 0).all(), "nothing is spent on examples that no exit predicts correctly"


def test_more_budget_never_lowers_the_accuracy():
    fit, calibration, test = parts(outputs(exits=5))
    fitted = POLICIES["oracle"].fit(fit, calibration, "macs")
    budgets = np.linspace(fitted.cheapest, test.full_cost("macs"), 60)
    correct = [fitted.solve(budget).route(test).accuracy for budget in budgets]
    assert (np.diff(correct) >= 0).all()


def test_no_deployable_policy_beats_it():
    for kind in ("chain", "family"):
        fit, calibration, test = parts(outputs(exits=4, seed=9, kind=kind))
        oracle = POLICIES["oracle"].fit(fit, calibration, "macs")
        for name in ("static", "maxprob", "entropy", "single_threshold", "random_mix"):
            fitted = POLICIES[name].fit(fit, calibration, "macs")
            for budget in np.linspace(fitted.cheapest, test.full_cost("macs"), 9):
                route = fitted.solve(budget).route(test)
                bound = oracle.solve(max(route.mean_cost(test, "macs"), oracle.cheapest)).route(test)
                assert route.accuracy <= bound.accuracy


def test_examples_of_the_same_extra_cost_are_served_in_the_order_of_their_ids():
    """Forty examples at the same extra cost, and a budget for half of them."""
    answers = np.array([[1] * 120, [0] * 120])
    made = from_answers(answers, np.ones((2, 120)), np.zeros(120, int), 2)
    fit, calibration, test = parts(made)
    cost = test.static_cost("macs")
    route = POLICIES["oracle"].fit(fit, calibration, "macs").solve(cost.mean()).route(test)
    assert set(test.ids[route.exit == 1]) == set(np.sort(test.ids)[:20])
