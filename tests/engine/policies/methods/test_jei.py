"""JEI-style gates against their definition, one example at a time."""

import math

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.methods.jei import GateInputs, GateRule, best_exit, cross_entropies, gate_features, learn_gates, telling_prices
from engine.splits import Split
from tests.synthetic import outputs

MADE = outputs(examples=360, exits=4, classes=5, seed=2)
FIT = MADE.tuning(Split.FIT)
COST = MADE.cascade_cost("macs") / MADE.cascade_cost("macs")[-1]


def probabilities(made: Outputs, k: int, i: int) -> list[float]:
    weights = [math.exp(z) for z in made.logits[k, i].astype(float).tolist()]
    return [weight / sum(weights) for weight in weights]


def entropy(p: list[float]) -> float:
    return -sum(q * math.log(q) for q in p)


def test_gates_read_four_measures_of_confidence():
    read = gate_features(FIT)
    for k in range(FIT.exits):
        for i in range(0, FIT.examples, 5):
            p = probabilities(FIT, k, i)
            first, second = sorted(p)[:-3:-1]
            squares = [q * q / sum(r * r for r in p) for q in p]
            assert read[:, k, i].tolist() == pytest.approx([first, entropy(p), first - second, entropy(squares)], abs=1e-5)


@pytest.mark.parametrize("price", [0.0, 0.3, 2.0, 50.0])
def test_the_best_exit_is_the_cheapest_argmin(price):
    loss = cross_entropies(FIT)
    best = best_exit(loss, COST, price)
    for i in range(FIT.examples):
        total = [-math.log(probabilities(FIT, k, i)[FIT.labels[i]]) + price * COST[k] for k in range(FIT.exits)]
        assert best[i] == total.index(min(total))
    assert best_exit(np.ones((3, 2)), np.array([0.1, 0.5, 1.0]), 0.0).tolist() == [0, 0], "ties go to the cheaper exit"


def test_lambdas_reach_from_any_cost_to_leaving_at_once():
    loss = cross_entropies(FIT)
    prices = telling_prices(loss, COST)
    assert prices[0] == 0 and (np.diff(prices) > 0).all() and np.isfinite(prices).all()
    assert (best_exit(loss, COST, prices[-1]) == 0).all()
    gone = [np.mean(best_exit(loss, COST, price) == 0) for price in prices]
    assert (np.diff(gone) >= 0).all() and np.diff(gone).max() < 0.1


def test_targets_are_cumulative_and_classes_are_balanced():
    """At each gate, the gradient of the balanced, penalised cross-entropy of "leave at or after the best exit" is 0."""
    read = GateInputs.learned_on(FIT).of(FIT)
    best = best_exit(cross_entropies(FIT), COST, 0.5)
    weight, bias = learn_gates(read, best)
    for k in range(FIT.exits - 1):
        target = [float(k >= best[i]) for i in range(FIT.examples)]
        share = sum(target) / len(target)
        assert 0 < share < 1
        slope = [*weight[:, k], 0.0]  # the penalty is on the weights, not on the bias
        for i in range(FIT.examples):
            x = read[:, k, i].tolist()
            g = 1 / (1 + math.exp(-sum(w * v for w, v in zip(weight[:, k], x, strict=True)) - bias[k]))
            balance = 0.5 / share if target[i] else 0.5 / (1 - share)
            slope = [s + balance * (g - target[i]) * v for s, v in zip(slope, [*x, 1.0], strict=True)]
        assert slope == pytest.approx([0] * 5, abs=0.1)
    assert weight[:, -1].tolist() == [0] * 4 and bias[-1] > 0, "all examples leave at the last exit"


def test_gates_without_a_choice_are_constants():
    read = GateInputs.learned_on(FIT).of(FIT)
    weight, bias = learn_gates(read, np.full(FIT.examples, 2))
    assert not weight.any() and (bias > 0).tolist() == [False, False, True, True]


def test_examples_leave_at_the_first_open_gate():
    test = MADE.test()
    inputs = GateInputs.learned_on(FIT)
    weight, bias = learn_gates(inputs.of(FIT), best_exit(cross_entropies(FIT), COST, 1.0))
    left_at = []
    for i in range(test.examples):
        opens = [sum(weight[f, k] * inputs.of(test)[f, k, i] for f in range(4)) + bias[k] >= 0 for k in range(test.exits)]
        left_at.append(opens.index(True))
    route = GateRule(inputs, weight, bias, 1.0, 0.0).route(test)
    assert route.exit.tolist() == left_at and len(set(left_at)) > 2


@pytest.mark.parametrize("kind", ["chain", "family"])
def test_every_budget_is_met_and_no_lambda_is_dominated(kind):
    made = outputs(examples=600, exits=3, seed=3, kind=kind)
    calibration = made.tuning(Split.CALIBRATION)
    fitted = POLICIES["jei"].fit(made.tuning(Split.FIT), calibration, "macs")
    planned = [rule.planned_cost for rule in fitted.rules]
    assert planned == sorted(set(planned)) and fitted.cheapest == made.cascade_cost("macs")[0] and planned[-1] >= made.full_cost("macs")
    for rule in fitted.rules:
        assert rule.route(calibration).mean_cost(calibration, "macs") == pytest.approx(rule.planned_cost)
    assert sum(isinstance(rule, GateRule) for rule in fitted.rules) > 5
    accuracy = [rule.route(calibration).accuracy for rule in fitted.rules]
    assert accuracy == sorted(set(accuracy)), "a rule costs more and is no more accurate"
    for budget in np.linspace(fitted.cheapest, made.full_cost("macs"), 7):
        assert fitted.solve(budget).planned_cost == pytest.approx(budget)


def test_gates_beat_the_random_mix_of_the_same_cost():
    made = outputs(examples=3000, exits=4, seed=4)
    test = made.test()
    gained = []
    for name in ("jei", "random_mix"):
        fitted = POLICIES[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
        gained.append(fitted.solve(0.5 * made.full_cost("macs")).route(test).accuracy)
    assert gained[0] > gained[1] + 0.02
