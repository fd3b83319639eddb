from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from engine.policies import policy
from engine.policies.methods.bolukbasi import backward, excess
from engine.policies.methods.oracle_lagrangian import BudgetedOracle, PenalisedOracle, PricedOracleRule
from engine.splits import Split
from engine.sweep import run_sweep
from tests.synthetic import from_answers, outputs

TOPOLOGIES = ("chain", "family")
ORACLES = {"perfect gates": PenalisedOracle(), "with credit": PenalisedOracle(credit_improvements=True), "budgeted": BudgetedOracle()}


def loss_of(oracle, made, k, i):
    incorrect = [int(made.prediction[exit, i] != made.labels[i]) for exit in range(made.exits)]
    if isinstance(oracle, BudgetedOracle):
        return incorrect[k]
    beyond = incorrect[k] - incorrect[-1]
    return beyond if oracle.credit_improvements else max(0, beyond)


def stages_to(oracle, made, k):
    """The cheapest stages that lead to exit k."""
    if made.kind == "chain":
        return set(range(k + 1))
    return {0, k} if isinstance(oracle, PenalisedOracle) else {k}


@pytest.mark.parametrize("price", [0.0, 0.1, 0.3, 0.7, 5.0])
@pytest.mark.parametrize("kind", TOPOLOGIES)
@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
def test_every_example_leaves_at_its_least_total(oracle, kind, price):
    made = outputs(examples=90, exits=4, kind=kind)
    route = PricedOracleRule(oracle, "macs", price, 0.0).route(made)
    stage_cost = made.cost_in("macs") / made.full_cost("macs")
    for i in range(made.examples):
        ways = [stages_to(oracle, made, k) for k in range(4)]
        totals = [(stage_cost[list(way)].sum() + price * loss_of(oracle, made, k, i), k) for k, way in enumerate(ways)]
        best = min(totals)[1]
        assert route.exit[i] == best
        assert set(np.flatnonzero(route.visited[:, i])) == ways[best]


@pytest.mark.parametrize("credit", [False, True])
@pytest.mark.parametrize("kind", TOPOLOGIES)
def test_perfect_gates_are_the_recursion_without_errors(kind, credit):
    made = outputs(exits=4, kind=kind)
    oracle, stage_share, harm = PenalisedOracle(credit), made.cost_in("macs") / made.full_cost("macs"), excess(made, credit)
    for price in (0.0, 0.5, 1.0, 3.0, 10.0):
        route = PricedOracleRule(oracle, "macs", price, 0.0).route(made)
        total = route.cost(stage_share) + price * harm[route.exit, np.arange(made.examples)]
        paid = stage_share[0] + backward(price * harm, stage_share, kind, lambda k, prices: prices.argmin(axis=0))[0]
        np.testing.assert_allclose(total, paid, rtol=1e-12)


def relaxed_knapsack(made, budget, unit="macs"):
    """The best accuracy for a mean cost if examples could be divided: one linear programme over all (exit, example) pairs."""
    exits, examples = made.correct.shape
    correct = made.correct.ravel().astype(float)
    cost = np.repeat(made.static_cost(unit), examples) / budget
    one_each = csr_array((np.ones(exits * examples), (np.tile(np.arange(examples), exits), np.arange(exits * examples))))
    solution = linprog(-correct / examples, cost[None] / examples, [1 + 1e-12], one_each, np.ones(examples), method="highs")
    assert solution.status == 0
    return -solution.fun


def front_of(fitted, made, unit="macs"):
    """The expected costs and accuracies of mixing the operating points."""
    routes = [rule.route(made) for rule in fitted.rules]
    return [route.mean_cost(made, unit) for route in routes], [route.accuracy for route in routes]


@pytest.mark.parametrize("kind", TOPOLOGIES)
def test_the_budgeted_oracle_is_the_optimum_of_the_relaxed_knapsack(kind):
    made = outputs(examples=600, exits=4, kind=kind, seed=1)
    calibration = made.tuning(Split.CALIBRATION)
    cost, accuracy = front_of(BudgetedOracle().fit(calibration, calibration, "macs"), calibration)
    for budget in np.linspace(cost[0], 1.1 * cost[-1], 9):
        best = relaxed_knapsack(calibration, budget)
        assert np.interp(budget, cost, accuracy) == pytest.approx(best, abs=1e-9)
        whole = policy("oracle").fit(calibration, calibration, "macs").solve(budget).route(calibration).accuracy
        assert best - 1 / calibration.examples - 1e-9 < whole <= best + 1e-9


@pytest.mark.parametrize("kind", TOPOLOGIES)
def test_no_policy_lies_above_the_budgeted_oracle(kind):
    made = outputs(examples=1500, exits=3, kind=kind, seed=2)
    test, full = made.test(), made.full_cost("macs")
    cost, accuracy = front_of(BudgetedOracle().fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs"), test)
    for name in ("static", "random_mix", "maxprob", "bolukbasi", "myopic", "oracle", "oracle_penalised"):
        swept = run_sweep(policy(name), made, 9)
        assert (swept.accuracy <= np.interp(swept.cost * full, cost, accuracy) + 1e-9).all(), name


@pytest.mark.parametrize("kind", TOPOLOGIES)
@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
def test_a_larger_price_never_spends_less_and_budgets_are_met(oracle, kind):
    made = outputs(exits=5, kind=kind)
    calibration = made.tuning(Split.CALIBRATION)
    fitted = oracle.fit(calibration, calibration, "latency_ms")
    costs, prices = [rule.planned_cost for rule in fitted.rules], [rule.price for rule in fitted.rules]
    assert (np.diff(prices) > 0).all() and (np.diff(costs) >= 0).all() and len(set(costs)) == 5
    for budget in np.linspace(costs[0], costs[-1], 11):
        assert fitted.solve(budget).planned_cost == pytest.approx(budget, rel=1e-9)
    assert fitted.solve(100.0).planned_cost == costs[-1]


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
def test_prices_in_between_give_no_other_routes(oracle):
    made = outputs(exits=4)
    calibration = made.tuning(Split.CALIBRATION)
    known = {rule.route(calibration).exit.tobytes() for rule in oracle.fit(calibration, calibration, "macs").rules}
    for price in np.random.default_rng(0).uniform(0, 1.2, 200):
        assert PricedOracleRule(oracle, "macs", price, 0.0).route(calibration).exit.tobytes() in known


def test_without_credit_only_examples_that_the_full_network_predicts_correctly_go_on():
    made = outputs(exits=4)
    calibration = made.tuning(Split.CALIBRATION)
    costliest = {name: oracle.fit(calibration, calibration, "macs").rules[-1].route(calibration) for name, oracle in ORACLES.items()}
    lost = ~calibration.correct[-1]
    assert (costliest["perfect gates"].exit[lost] == 0).all() and (costliest["with credit"].exit[lost] > 0).any()
    assert costliest["with credit"].accuracy == calibration.correct.any(axis=0).mean()
    np.testing.assert_array_equal(costliest["with credit"].exit, costliest["budgeted"].exit)


def test_one_exit_leaves_no_choice():
    made = outputs(examples=30, exits=1)
    for oracle in ORACLES.values():
        assert (run_sweep(oracle, made, 3).exit == 0).all()


@pytest.mark.parametrize("name", ["oracle_budgeted", "oracle"])
def test_of_two_networks_that_cost_the_same_the_correct_one_is_taken(name):
    """However small the budget, an oracle is more accurate than any static exit."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=90)
    correct = rng.random((3, 90)) < np.array([0.5, 0.7, 0.9])[:, None]
    made = from_answers(np.where(correct, labels, (labels + 1) % 3), np.ones((3, 90)), labels, 3)
    made = replace(made, kind="family", stage_cost={"macs": np.array([2.0, 2.0, 5.0])})
    test = made.test()
    rule = policy(name).fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs").solve(2.0)
    route = rule.route(test)
    assert route.mean_cost(test, "macs") == pytest.approx(2.0)
    assert route.accuracy == test.correct[:2].any(axis=0).mean() > test.correct[:2].mean(axis=1).max()
