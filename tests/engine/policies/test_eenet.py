"""EENet: plans, scores and thresholds against their definitions, one example at a time, and what learning must reach."""

import math
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.eenet import EENet, EENetFit, Scheduler, exit_features, keep_to_budget
from engine.splits import Split
from tests.engine.policies import reference
from tests.synthetic import from_answers, outputs

MADE = outputs(examples=3000, exits=4, classes=5, seed=1)
COST = MADE.cascade_cost("macs")
BUDGETS = COST[0] + np.array([0.01, 0.2, 0.4, 0.6, 0.8, 0.99]) * (COST[-1] - COST[0])


@cache
def fitted(seed: int = 0) -> EENetFit:
    return EENet(seed).fit(MADE.tuning(Split.FIT), MADE.tuning(Split.CALIBRATION), "macs")


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def features_slowly(row: list[float]) -> list[float]:
    weights = [math.exp(z - max(row)) for z in row]
    p = [weight / sum(weights) for weight in weights]
    return [*p, max(p), 1 + sum(q * math.log(q) for q in p if q > 0) / math.log(len(p))]


def random_scheduler(exits: int, classes: int, hidden: int) -> Scheduler:
    rng = np.random.default_rng(0)
    width, lower = classes + 2, np.tril(np.ones((exits, exits)), -1)
    return Scheduler(
        center=rng.normal(size=(exits, width)),
        scale=rng.uniform(0.5, 2, size=(exits, width)),
        score=rng.normal(size=(exits, width)),
        score_history=rng.normal(size=(exits, exits)) * lower,
        score_bias=rng.normal(size=exits),
        hidden=rng.normal(size=(exits, width, hidden)),
        hidden_history=rng.normal(size=(exits, exits, hidden)) * lower[..., None],
        hidden_bias=rng.normal(size=(exits, hidden)),
        assign=rng.normal(size=(exits, hidden)),
        assign_bias=rng.normal(size=exits),
    )


def test_scores_and_assignment_equal_the_definition():
    """q_k = sigmoid(u x_k + v q_earlier + b); s_k = W2 sigmoid(W1 [x_k, q_earlier] + b1) + b2."""
    logits = np.random.default_rng(1).normal(0, 2, (3, 20, 4))
    s = random_scheduler(3, 4, 5)
    features = s.features(logits)
    scores, assignment = s.scores(features), s.assignment(features, s.scores(features))
    for i in range(20):
        q: list[float] = []
        for k in range(3):
            read = features_slowly(logits[k, i].tolist())
            x = [(value - m) / d for value, m, d in zip(read, s.center[k], s.scale[k], strict=True)]
            odds = sum(a * b for a, b in zip(s.score[k], x, strict=True)) + sum(s.score_history[k, j] * q[j] for j in range(k))
            odds += s.score_bias[k]
            drive = 0.0
            for h in range(5):
                unit = sum(s.hidden[k, f, h] * x[f] for f in range(6)) + sum(s.hidden_history[k, j, h] * q[j] for j in range(k))
                drive += s.assign[k, h] * sigmoid(unit + s.hidden_bias[k, h])
            q.append(sigmoid(odds))
            assert scores[k, i] == pytest.approx(odds, abs=1e-9)
            assert assignment[k, i] == pytest.approx(drive + s.assign_bias[k], abs=1e-9)


def test_features_of_answers_sure_beyond_doubt_are_finite():
    assert exit_features(np.array([[3e4, 0.0, -3e4], [0.0, 0.0, 0.0]])).tolist() == [
        [1, 0, 0, 1, 1],
        pytest.approx([1 / 3, 1 / 3, 1 / 3, 1 / 3, 0], abs=1e-12),
    ]


@pytest.mark.parametrize("exits", [1, 2, 5])
def test_any_assignment_is_bent_to_any_budget(exits):
    rng = np.random.default_rng(exits)
    assignment = rng.normal(0, 3, (exits, 50))
    cost = np.cumsum(rng.uniform(0.2, 5, exits))
    bends = []
    for budget in np.linspace(cost[0], cost[-1], 23):
        r, mu = keep_to_budget(assignment, cost, budget)
        assert r.sum(axis=0) == pytest.approx(np.ones(50))
        assert r.mean(axis=1) @ cost == pytest.approx(budget, rel=1e-6)
        for i in range(50):
            pull = [assignment[k, i] - mu * cost[k] / cost[-1] for k in range(exits)]
            weight = [math.exp(s - max(pull)) for s in pull]
            assert r[:, i] == pytest.approx([w / sum(weight) for w in weight], abs=1e-6)
        bends.append(mu)
    assert exits == 1 or (np.diff(bends) < 0).all()


def test_costs_close_together_are_told_apart():
    r, _ = keep_to_budget(np.array([[0.0] * 3, [5.0] * 3, [0.0] * 3]), np.array([1.0, 1.0001, 9.0]), 1.00001)
    assert r.mean(axis=1) @ [1.0, 1.0001, 9.0] == pytest.approx(1.00001, rel=1e-6)


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_plan_costs_the_budget(budget):
    rule = fitted().solve(budget)
    shares, mu = fitted().plan(budget)
    assert rule.planned_cost == pytest.approx(budget, rel=1e-6)
    assert shares.sum() == pytest.approx(1) and shares @ COST == pytest.approx(rule.planned_cost) and rule.knob == {"mu": mu}


@pytest.mark.parametrize("budget", BUDGETS)
def test_thresholds_let_the_planned_shares_out(budget):
    calibration, test = MADE.tuning(Split.CALIBRATION), MADE.test()
    rule, (shares, _), scorer = fitted().solve(budget), fitted().plan(budget), fitted().scorer
    assert rule.thresholds.tolist() == reference.quota_thresholds(shares.tolist(), reference.floats(scorer.of(calibration).score))
    expected = reference.threshold_cascade(reference.floats(scorer.of(test).score), rule.thresholds.tolist())
    assert rule.route(test).exit.tolist() == expected
    left = rule.route(calibration).shares(4)
    assert left[:-1] == pytest.approx(shares[:-1], abs=2 / calibration.examples)


def test_extreme_budgets_send_nearly_all_to_one_exit():
    """The published function keeps every share between 0.11 and 0.48 with four exits."""
    test = MADE.test()
    assert fitted().plan(BUDGETS[0])[0][0] > 0.9 and fitted().solve(BUDGETS[0]).route(test).shares(4)[0] > 0.9
    assert fitted().plan(BUDGETS[-1])[0][-1] > 0.9 and fitted().solve(BUDGETS[-1]).route(test).shares(4)[-1] > 0.9
    assert fitted().solve(COST[0]).route(MADE.tuning(Split.CALIBRATION)).shares(4)[0] == 1
    assert fitted().solve(COST[-1]).route(test).shares(4)[-1] == 1


@pytest.mark.parametrize("budget", BUDGETS[1:-1])
def test_seeds_differ_less_than_examples_do(budget):
    """Zero lies in the paired bootstrap interval of the difference in accuracy."""
    test = MADE.test()
    one, other = (fitted(seed).solve(budget).route(test).right(test).astype(float) for seed in (0, 1))
    drawn = np.random.default_rng(0).integers(test.examples, size=(2000, test.examples))
    low, high = np.quantile((one - other)[drawn].mean(axis=1), [0.025, 0.975])
    assert low <= 0 <= high
    assert abs(one.mean() - other.mean()) < 0.02


def test_seeds_do_something():
    assert not np.array_equal(fitted(0).scorer.scheduler.hidden, fitted(1).scorer.scheduler.hidden)


def test_scores_know_which_classes_an_exit_gets_wrong():
    """Exit 1 is sure of everything and never right about class 0: its top probability says nothing about that, its score does."""
    rng = np.random.default_rng(3)
    labels = rng.integers(4, size=1500)
    first = np.where(labels == 3, 0, labels)  # what is class 3 it takes for class 0
    first[(labels == 0)] = 1
    answers = np.array([first, labels, labels])
    made = from_answers(answers, rng.uniform(2, 4, answers.shape), labels, 4)
    test = made.test()
    cost = made.cascade_cost("macs")
    right = {}
    for name in ("eenet", "maxprob"):
        ready = POLICIES[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
        right[name] = ready.solve(cost[0] + 0.45 * (cost[-1] - cost[0])).route(test).accuracy(test)
    assert right["eenet"] > right["maxprob"] + 0.05


def test_constant_scores_and_certain_answers_give_numbers():
    rng = np.random.default_rng(4)
    for sureness in (0.0, 1.0, 3e4):
        made = from_answers(rng.integers(3, size=(3, 60)), np.full((3, 60), sureness), rng.integers(3, size=60), 3)
        ready = POLICIES["eenet"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
        for name, array in vars(ready.scorer.scheduler).items():
            assert np.isfinite(array).all(), name
        assert np.isfinite(ready.scorer.of(made.test()).score).all()
        for budget in np.linspace(ready.cheapest, made.full_cost("macs"), 4):
            rule = ready.solve(budget)
            assert not np.isnan(rule.thresholds).any() and rule.planned_cost == pytest.approx(budget, rel=1e-6)


@pytest.mark.parametrize(("examples", "exits", "classes"), [(3, 1, 2), (3, 2, 2), (30, 1, 3), (6, 4, 2)])
def test_the_smallest_there_is(examples, exits, classes):
    made = outputs(examples=examples, exits=exits, classes=classes, seed=2)
    ready = POLICIES["eenet"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    for budget in np.linspace(ready.cheapest, made.full_cost("macs"), 3):
        route = ready.solve(budget).route(made.test())
        assert route.shares(exits).sum() == pytest.approx(1)


def test_half_precision_logits_of_many_classes():
    rng = np.random.default_rng(5)
    labels = rng.integers(300, size=240)
    logits = rng.normal(size=(2, 240, 300))
    logits[:, np.arange(240), labels] += 5
    whole = outputs(examples=240, exits=2)
    made = Outputs.from_logits(logits.astype(np.float16), labels, whole.split, whole.stage_cost)
    ready = POLICIES["eenet"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    scores = ready.scorer.of(made.test()).score
    assert len(np.unique(scores)) > 150 and np.isfinite(scores).all()


def test_listing_policies_does_not_import_torch():
    listing = "import sys, engine.policies; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True)
    assert found.stdout == "False\n", found.stderr
