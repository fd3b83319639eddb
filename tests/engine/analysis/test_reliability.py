"""Calibration, failure prediction and risk against slow loops and against libraries."""

from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.classification import binary_calibration_error

from engine.analysis.reliability import auroc, confidence, leavers, reliability, risk_coverage, risk_coverage_per_exit, settled
from engine.policies import policy
from engine.sweep import run_sweep
from tests.synthetic import corner_cases, outputs

CASES = {"chain": outputs(seed=1), "confidence only": outputs(seed=3, recorded="confidence"), **corner_cases()}


@pytest.fixture(params=CASES)
def some(request):
    return CASES[request.param]


@pytest.fixture
def among(some):
    """Which examples leave where on some route. If there are several exits, no example leaves at the first."""
    exit = np.random.default_rng(2).integers(min(1, some.exits - 1), some.exits, some.examples)
    return exit == np.arange(some.exits)[:, None]


@pytest.mark.parametrize("equal", ["width", "mass"])
def test_reliability_equals_a_loop(some, among, equal):
    top_probability = confidence(some)
    for mask in (None, among):
        diagram = reliability(some, mask, bins=7, equal=equal)
        for k in range(some.exits):
            selected = [i for i in range(some.examples) if mask is None or mask[k][i]]
            edges = (
                np.linspace(0, 1, 8)
                if equal == "width" or not selected
                else np.quantile([top_probability[k][i] for i in selected], np.linspace(0, 1, 8))
            )
            bins = [[] for _ in range(7)]
            for i in selected:
                bins[max(b for b in range(7) if b == 0 or top_probability[k][i] >= edges[b])].append(i)
            ece = 0.0
            for b, inside in enumerate(bins):
                assert diagram.count[k, b] == len(inside)
                if not inside:
                    assert np.isnan(diagram.confidence[k, b]) and np.isnan(diagram.accuracy[k, b])
                    continue
                p, correct = (
                    np.mean([top_probability[k][i] for i in inside]),
                    np.mean([some.prediction[k][i] == some.labels[i] for i in inside]),
                )
                assert diagram.confidence[k, b] == pytest.approx(p) and diagram.accuracy[k, b] == pytest.approx(correct)
                ece += len(inside) / len(selected) * abs(p - correct)
            np.testing.assert_allclose(diagram.ece[k], ece if selected else np.nan, atol=1e-12)


@pytest.mark.parametrize("case", ["chain", "confidence only", "half precision", "two classes"])
def test_ece_equals_that_of_torchmetrics(case):
    some = CASES[case]
    for k in range(some.exits):
        expected = binary_calibration_error(torch.tensor(confidence(some)[k]), torch.tensor(some.correct[k]).int(), n_bins=15, norm="l1")
        assert reliability(some).ece[k] == pytest.approx(float(expected), abs=1e-6)


def test_bins_of_equal_mass_hold_as_many_examples():
    count = reliability(CASES["chain"], bins=15, equal="mass").count
    assert count.max() - count.min() <= 2 and (count.sum(axis=1) == 900).all()


def test_auroc_is_the_probability_that_a_correct_prediction_scores_higher(some, among):
    for score in some.scores:
        for mask in (None, among):
            values = auroc(some, score, among=mask)
            for k in range(some.exits):
                here = np.ones(some.examples, bool) if mask is None else mask[k]
                correct, incorrect = (some.scores[score][k][here & (some.correct[k] == answer)][:, None] for answer in (True, False))
                if len(correct) and len(incorrect):
                    pairs = (correct > incorrect.T) + 0.5 * (correct == incorrect.T)
                    assert values[k] == pytest.approx(pairs.mean())
                else:
                    assert np.isnan(values[k])


def test_auroc_of_what_is_settled(some):
    target = settled(some)
    for k in range(some.exits):
        for i in range(some.examples):
            hopeless = not any(some.prediction[j][i] == some.labels[i] for j in range(k + 1, some.exits))
            assert target[k, i] == (some.prediction[k][i] == some.labels[i] or hopeless)
    values = auroc(some, target=target)
    assert np.isnan(values[-1]), "after the last exit there is nowhere to go"
    for k in range(some.exits - 1):
        if 0 < target[k].mean() < 1:
            assert values[k] == pytest.approx(roc_auc_score(target[k], some.scores["maxprob"][k]))


def test_risk_coverage_equals_the_mean_over_every_order_of_the_ties():
    rng = np.random.default_rng(0)
    for _ in range(20):
        sureness, correct = rng.integers(0, 3, 6) / 2, rng.random(6) < 0.6
        risks = []
        for order in permutations(range(6)):
            if all(sureness[a] >= sureness[b] for a, b in zip(order, order[1:], strict=False)):
                risks.append([np.mean([not correct[i] for i in order[:n]]) for n in range(1, 7)])
        curve = risk_coverage(sureness, correct)
        np.testing.assert_allclose(curve.risk, np.mean(risks, axis=0), atol=1e-12)
        np.testing.assert_allclose(curve.coverage, np.arange(1, 7) / 6)
        assert curve.area == pytest.approx(np.mean(risks))


def test_values_of_the_risk_coverage_curve():
    curve = risk_coverage(np.array([5, 4, 3, 2, 1]), np.array([True, True, False, True, False]))
    np.testing.assert_allclose(curve.risk, [0, 0, 1 / 3, 1 / 4, 2 / 5])
    assert [curve.coverage_at(risk) for risk in (0, 0.05, 0.25, 0.3, 1)] == [0.4, 0.4, 0.8, 0.8, 1]
    assert [curve.risk_at(coverage) for coverage in (0.4, 0.5, 0.8, 1)] == [0, 1 / 3, 1 / 4, 2 / 5]
    incorrect = risk_coverage(np.ones(3), np.zeros(3, bool))
    assert incorrect.coverage_at(0.5) == 0 and incorrect.area == 1


def test_risk_coverage_per_exit(some, among):
    for mask in (None, among):
        for k, curve in enumerate(risk_coverage_per_exit(some, among=mask)):
            selected = np.ones(some.examples, bool) if mask is None else mask[k]
            assert len(curve.risk) == selected.sum()
            if selected.any():
                assert curve.risk[-1] == pytest.approx(1 - some.correct[k][selected].mean())
            else:
                assert np.isnan(curve.area)


def test_the_order_of_the_examples_does_not_matter(some):
    mixed = some.take(np.random.default_rng(1).permutation(some.examples))
    for measure in (
        auroc,
        lambda o: reliability(o).ece,
        lambda o: reliability(o, equal="mass").ece,
        lambda o: np.array([curve.area for curve in risk_coverage_per_exit(o)]),
    ):
        np.testing.assert_allclose(measure(mixed), measure(some), atol=1e-12)


def test_examples_that_leave_are_more_confident_than_the_rest():
    some = CASES["chain"].test()
    rule = run_sweep(policy("maxprob"), CASES["chain"], [0.5]).rules[0]
    route = rule.route(some)
    mask = leavers(route, some.exits)
    assert (mask.sum(axis=0) == 1).all() and (mask.argmax(axis=0) == route.exit).all()
    assert np.nanmean(reliability(some, mask).confidence[0]) > confidence(some)[0].mean()
