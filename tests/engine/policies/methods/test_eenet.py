"""EENet: scores, plans and the choice of beta against their definitions, one example at a time, and minimum results of learning."""

import math
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.methods.eenet import BETAS, CLIP, FREQUENT, MAX_CLASSES, Pull, learn_scores, summaries
from engine.policies.methods.planned import PlannedFit, planned_counts
from engine.splits import Split
from tests.engine.policies import reference
from tests.synthetic import from_answers, outputs

MADE = outputs(examples=3000, exits=4, classes=5, seed=1)
FIT, CALIBRATION, TEST = MADE.tuning(Split.FIT), MADE.tuning(Split.CALIBRATION), MADE.test()
COST = MADE.cascade_cost("macs")
BUDGETS = COST[0] + np.array([0.01, 0.2, 0.4, 0.6, 0.8, 0.99]) * (COST[-1] - COST[0])


@cache
def fitted() -> PlannedFit:
    return POLICIES["eenet"].fit(FIT, CALIBRATION, "macs")


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def test_summaries_equal_their_definitions():
    logits = np.random.default_rng(1).normal(0, 2, (20, 4))
    for row, read in zip(logits.tolist(), summaries(logits), strict=True):
        weights = [math.exp(z - max(row)) for z in row]
        p = sorted((weight / sum(weights) for weight in weights), reverse=True)
        entropy = -sum(q * math.log(q) for q in p)
        assert read == pytest.approx([*map(math.log, p), entropy, p[0] - p[1], p[0], math.log(p[0] / (1 - p[0]))], rel=1e-6)


def test_scores_are_the_weighted_sum_of_their_inputs():
    """log-odds_k = u summaries_k + w[predicted class] + b + sum over earlier j of v_j log-odds_j."""
    scorer = fitted().scorer
    score = scorer.of(TEST).score
    for i in range(0, TEST.examples, 50):
        log_odds: list[float] = []
        for k, weights in enumerate(scorer.exits):
            read = summaries(TEST.logits[k, i : i + 1])[0]
            own = sum(w * x for w, x in zip(weights.features, read, strict=True)) + weights.bias
            own += weights.by_class[TEST.prediction[k, i]]
            log_odds.append(own + sum(scorer.history[k, j] * max(-CLIP, min(CLIP, log_odds[j])) for j in range(k)))
        assert score[:, i].tolist() == pytest.approx(log_odds, rel=1e-5, abs=1e-5)


def test_the_fit_has_converged():
    """At the optimum of a penalised likelihood the bias makes the mean probability the share of correct examples."""
    score = fitted().scorer.of(FIT).score.astype(float)
    assert (1 / (1 + np.exp(-score))).mean(axis=1) == pytest.approx(FIT.correct.mean(axis=1), abs=1e-4)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("exits", [1, 2, 5])
def test_the_shares_of_any_pull_meet_any_budget(exits, beta):
    rng = np.random.default_rng(exits)
    log_q = -rng.exponential(1, (exits, 50))
    cost = np.cumsum(rng.uniform(0.2, 5, exits))
    pull = Pull.of(log_q, beta, cost)
    bends = []
    for share in np.linspace(cost[0] / cost[-1], 1, 23):
        shares, mu = pull.at_budget(share)
        assert shares.sum() == pytest.approx(1) and shares @ cost / cost[-1] == pytest.approx(share, rel=1e-6)
        mean = np.zeros(exits)
        for i in range(50):
            drawn = [beta * log_q[k, i] - mu * cost[k] / cost[-1] for k in range(exits)]
            weight = [math.exp(s - max(drawn)) for s in drawn]
            mean += np.array(weight) / sum(weight) / 50
        assert shares == pytest.approx(mean, abs=1e-6)
        bends.append(mu)
    assert exits == 1 or (np.diff(bends) < 0).all()


def test_shares_distinguish_costs_that_hardly_differ():
    cost = np.array([1.0, 1.0001, 9.0])
    shares, _ = Pull.of(np.array([[0.0] * 3, [-5.0] * 3, [0.0] * 3]), 32.0, cost).at_budget(1.00001 / 9)
    assert shares @ cost == pytest.approx(1.00001, rel=1e-6)


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_plan_costs_the_budget_and_thresholds_follow_it(budget):
    rule, plan = fitted().solve(budget), fitted().plan
    assert rule.planned_cost == pytest.approx(budget, rel=1e-6) and not rule.note
    shares = plan.shares(budget, range(4))
    assert shares.knob == rule.knob and shares.leaving @ COST == pytest.approx(budget, rel=1e-6)
    counts = planned_counts(shares.leaving, CALIBRATION.examples, COST)
    score, ids = fitted().scorer.of(CALIBRATION).score, CALIBRATION.ids.tolist()
    assert rule.route(CALIBRATION).exit.tolist() == reference.planned_exits(counts, reference.floats(score), ids)
    expected = reference.threshold_cascade(reference.floats(fitted().scorer.of(TEST).score), rule.thresholds.tolist())
    assert rule.ties is not None or rule.route(TEST).exit.tolist() == expected


@pytest.mark.parametrize("budget", BUDGETS)
def test_beta_is_the_first_of_those_with_the_best_fit_accuracy(budget):
    score = fitted().scorer.of(FIT).score
    log_q = np.array([[math.log(sigmoid(max(z, -700))) for z in row] for row in score.astype(float)])
    correct = []
    for beta in BETAS:
        shares, _ = Pull.of(log_q, beta, COST).at_budget(budget / COST[-1])
        counts = planned_counts(shares, FIT.examples, COST)
        left_at = reference.planned_exits(counts, reference.floats(score), FIT.ids.tolist())
        correct.append(reference.walk(FIT, left_at, "macs")[0])
    assert fitted().solve(budget).knob["beta"] == BETAS[int(np.argmax(correct))]


def test_extreme_budgets_send_nearly_all_to_one_exit():
    """The published function keeps every share between 0.11 and 0.48 with four exits."""
    assert fitted().solve(BUDGETS[0]).route(TEST).shares(4)[0] > 0.9
    assert fitted().solve(BUDGETS[-1]).route(TEST).shares(4)[-1] > 0.9
    assert fitted().solve(COST[0]).route(CALIBRATION).shares(4)[0] == 1
    assert fitted().solve(COST[-1]).route(TEST).shares(4)[-1] == 1


def test_scores_learn_on_which_classes_an_exit_is_incorrect():
    """Exit 1 is always confident and never correct on class 0: its top probability does not show this, its score does."""
    rng = np.random.default_rng(3)
    labels = rng.integers(4, size=1500)
    first = np.where(labels == 3, 0, labels)  # class 3 is predicted as class 0
    first[(labels == 0)] = 1
    answers = np.array([first, labels, labels])
    made = from_answers(answers, rng.uniform(2, 4, answers.shape), labels, 4)
    test = made.test()
    cost = made.cascade_cost("macs")
    correct = {}
    for name in ("eenet", "maxprob"):
        ready = POLICIES[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
        correct[name] = ready.solve((cost[0] + cost[1]) / 2).route(test).accuracy  # half of them must leave at exit 1
    assert correct["eenet"] > correct["maxprob"] + 0.05


def test_constant_and_saturated_scores_give_finite_numbers():
    rng = np.random.default_rng(4)
    for sureness in (0.0, 1.0, 3e4):
        made = from_answers(rng.integers(3, size=(3, 60)), np.full((3, 60), sureness), rng.integers(3, size=60), 3)
        ready = POLICIES["eenet"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
        assert np.isfinite(ready.scorer.of(made.test()).score).all() and np.isfinite(ready.scorer.history).all()
        for budget in np.linspace(ready.cheapest, made.full_cost("macs"), 4):
            rule = ready.solve(budget)
            assert rule.planned_cost <= budget * (1 + 1e-9)
            assert rule.threshold_spec() is None or not np.isnan(rule.thresholds).any()


@pytest.mark.parametrize(("examples", "exits", "classes"), [(3, 1, 2), (3, 2, 2), (30, 1, 3), (6, 4, 2)])
def test_the_smallest_outputs_are_routed(examples, exits, classes):
    made = outputs(examples=examples, exits=exits, classes=classes, seed=2)
    ready = POLICIES["eenet"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    for budget in np.linspace(ready.cheapest, made.full_cost("macs"), 3):
        route = ready.solve(budget).route(made.test())
        assert route.shares(exits).sum() == pytest.approx(1)


def test_half_precision_logits_of_many_classes():
    """Only classes that are predicted often get a weight of their own."""
    rng = np.random.default_rng(5)
    labels = np.where(rng.random(1200) < 0.2, 7, rng.integers(300, size=1200))
    logits = rng.normal(size=(2, 1200, 300))
    logits[:, np.arange(1200), labels] += 5
    whole = outputs(examples=1200, exits=2)
    made = Outputs.from_logits(logits.astype(np.float16), labels, whole.split, whole.stage_cost)
    scorer = learn_scores(made.tuning(Split.FIT))
    scores = scorer.of(made.test()).score
    assert len(np.unique(scores)) > 300 and np.isfinite(scores).all()
    for weights, predicted in zip(scorer.exits, made.tuning(Split.FIT).prediction, strict=True):
        often = np.flatnonzero(np.bincount(predicted, minlength=300) >= FREQUENT)
        assert 0 < len(often) < MAX_CLASSES and set(np.flatnonzero(weights.by_class)) <= set(often)


def test_it_does_not_need_torch():
    code = """
import sys
from tests.synthetic import outputs
from engine.policies import POLICIES
from engine.sweep import run_sweep
run_sweep(POLICIES["eenet"], outputs(examples=90), 3)
print("torch" in sys.modules)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout == "False\n", process.stderr
