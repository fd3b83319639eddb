"""Ensembles against loops over one example at a time, in plain floating point."""

import math
from functools import cache

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.core import scorer as scorer_module
from engine.policies.methods import ensembles
from engine.policies.methods.ensembles import EnsembleScorer, ZtwHead, committee_weights, cross_entropy, fit_ztw
from engine.policies.methods.planned import planned_counts
from engine.splits import Split
from tests.engine.policies import reference
from tests.synthetic import outputs, split_names, stage_costs

MADE = outputs(examples=360, exits=4, classes=5, seed=1)


@cache
def fitted(name: str):
    return POLICIES[name].fit(MADE.tuning(Split.FIT), MADE.tuning(Split.CALIBRATION), "macs")


def log_probabilities(row: list[float]) -> list[float]:
    top = max(row)
    total = top + math.log(sum(math.exp(z - top) for z in row))
    return [z - total for z in row]


def combined(name: str, made: Outputs, k: int, i: int) -> list[float]:
    """The ensemble's log-scores at exit k, from the definition."""
    log_p = [log_probabilities(made.logits[j, i].astype(float).tolist()) for j in range(k + 1)]
    if name == "committee":
        return [sum(log_p[j][c] for j in range(k + 1)) / (k + 1) for c in range(made.classes)]
    if k == made.exits - 1:
        return log_p[k]
    scorer = fitted("ztw").scorer
    return [sum(scorer.weight[k, j] * log_p[j][c] for j in range(k + 1)) + scorer.bias[k, c] for c in range(made.classes)]


def log_odds(row: list[float]) -> float:
    ordered = sorted(row)
    return ordered[-1] - ordered[-2] - math.log(sum(math.exp(z - ordered[-2]) for z in ordered[:-1]))


@pytest.mark.parametrize("name", ["committee", "ztw"])
def test_scores_and_predictions_equal_the_definition(name):
    test = MADE.test()
    scored = fitted(name).scorer.of(test)
    for k in range(test.exits):
        for i in range(test.examples):
            row = combined(name, test, k, i)
            assert scored.answer[k, i] == row.index(max(row))
            assert scored.score[k, i] == pytest.approx(log_odds(row), abs=1e-4)


@pytest.mark.parametrize("name", ["committee", "ztw"])
def test_thresholds_are_quotas_over_the_ensembles_confidence(name):
    calibration, test = MADE.tuning(Split.CALIBRATION), MADE.test()
    cost = MADE.cascade_cost("macs")
    scorer = fitted(name).scorer
    for budget in np.linspace(cost[0], cost[-1], 6)[1:-1]:
        rule = fitted(name).solve(budget)
        assert rule.planned_cost == pytest.approx(budget)
        quotas = reference.geometric_quotas(math.exp(rule.knob["log rho"]), MADE.exits)
        counts = planned_counts(np.array(quotas), calibration.examples, cost)
        expected = reference.planned_exits(counts, reference.floats(scorer.of(calibration).score), calibration.ids.tolist())
        assert rule.route(calibration).exit.tolist() == expected
        left_at = reference.threshold_cascade(reference.floats(scorer.of(test).score), rule.thresholds)
        route = rule.route(test)
        assert route.exit.tolist() == left_at
        answers = [combined(name, test, k, i) for i, k in enumerate(left_at)]
        assert route.prediction.tolist() == [row.index(max(row)) for row in answers]


def test_a_committee_may_predict_a_class_that_no_member_predicts():
    logits = np.tile(np.array([[[5.0, 4.0, 0.0]], [[0.0, 4.0, 5.0]]], np.float32), (1, 3, 1))
    made = Outputs.from_logits(logits, np.ones(3, int), split_names(1), stage_costs(2))
    assert set(made.prediction.ravel()) == {0, 2}
    ready = POLICIES["committee"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    assert ready.solve(made.full_cost("macs")).route(made.test()).prediction.tolist() == [1]
    assert ready.solve(ready.cheapest).route(made.test()).prediction.tolist() == [0]


def test_a_committee_is_the_same_from_logits_and_from_probabilities():
    shift = np.random.default_rng(0).normal(0, 5, (MADE.exits, MADE.examples, 1)).astype(np.float32)
    shifted = Outputs.from_logits(MADE.logits + shift, MADE.labels, MADE.split, MADE.stage_cost, ids=MADE.ids)
    scorer = EnsembleScorer(committee_weights(4), np.zeros((4, 5)))
    assert np.array_equal(scorer.of(MADE).answer, scorer.of(shifted).answer)
    np.testing.assert_allclose(scorer.of(MADE).score, scorer.of(shifted).score, atol=1e-4)


def test_the_last_exit_is_not_part_of_a_zero_time_waste_ensemble_and_predicts_alone():
    weight, bias = fit_ztw(MADE.tuning(Split.FIT))
    assert weight[-1].tolist() == [0, 0, 0, 1] and not bias[-1].any()
    assert (np.triu(weight, 1) == 0).all() and (weight[np.tril_indices(4)][:-4] > 0).all()
    test = MADE.test()
    full = fitted("ztw").solve(MADE.full_cost("macs")).route(test)
    assert full.prediction.tolist() == test.prediction[-1].tolist()


def penalised_loss(made: Outputs, log_weight: np.ndarray, bias: np.ndarray) -> float:
    """Summed cross-entropy of one exit's ensemble plus half the squared parameters, one example at a time."""
    members, total = len(log_weight), 0.5 * float(log_weight @ log_weight + bias @ bias)
    for i in range(made.examples):
        log_p = [log_probabilities(made.logits[j, i].astype(float).tolist()) for j in range(members)]
        row = [sum(math.exp(w) * log_p[j][c] for j, w in enumerate(log_weight)) / members + bias[c] for c in range(made.classes)]
        total -= log_probabilities(row)[made.labels[i]]
    return total


def test_the_fit_of_zero_time_waste_is_a_minimum():
    fit = MADE.tuning(Split.FIT)
    weight, bias = fit_ztw(fit)
    rng = np.random.default_rng(1)
    for k in range(3):
        log_weight = np.log(weight[k, : k + 1] * (k + 1))
        optimum = penalised_loss(fit, log_weight, bias[k])
        assert optimum < penalised_loss(fit, np.zeros(k + 1), np.zeros(5)) - 1
        for _ in range(6):
            step = rng.normal(size=k + 6)
            step *= 0.1 / np.linalg.norm(step)
            assert optimum < penalised_loss(fit, log_weight + step[: k + 1], bias[k] + step[k + 1 :])


def test_the_gradient_is_that_of_the_loss():
    rng = np.random.default_rng(2)
    log_p = np.log(rng.dirichlet(np.ones(4), size=(3, 30))).astype(np.float32)
    labels, at = rng.integers(4, size=30), rng.normal(0, 0.5, 7)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        return cross_entropy(ZtwHead(parameters[:3], parameters[3:]), log_p, labels)

    for i, slope in enumerate(loss(at)[1]):
        step = 0.05 * np.eye(7)[i]
        assert slope == pytest.approx((loss(at + step)[0] - loss(at - step)[0]) / 0.1, rel=0.01, abs=0.02)


def test_the_chunk_size_does_not_matter(monkeypatch):
    whole = EnsembleScorer(committee_weights(4), np.zeros((4, 5))).of(MADE)
    weight, bias = fit_ztw(MADE.tuning(Split.FIT))
    monkeypatch.setattr(scorer_module, "CHUNK", 7)
    monkeypatch.setattr(ensembles, "CHUNK", 7)
    pieces = EnsembleScorer(committee_weights(4), np.zeros((4, 5))).of(MADE)
    assert np.array_equal(whole.score, pieces.score) and np.array_equal(whole.answer, pieces.answer)
    again, bias_again = fit_ztw(MADE.tuning(Split.FIT))
    np.testing.assert_allclose(weight, again, atol=1e-3)
    np.testing.assert_allclose(bias, bias_again, atol=1e-3)


def test_the_biases_of_rare_classes_do_no_harm():
    """Fifty classes and thirty fit examples: a class that is not among them may still be correct."""
    gained = []
    for seed in range(3):
        few, many = (outputs(examples=n, exits=4, classes=50, seed=seed + n) for n in (90, 6000))
        weight, bias = fit_ztw(few.tuning(Split.FIT))
        with_bias, without = (EnsembleScorer(weight, b).of(many).answer[:-1] == many.labels for b in (bias, 0 * bias))
        gained.append(with_bias.mean() - without.mean())
    assert np.mean(gained) > -0.002
