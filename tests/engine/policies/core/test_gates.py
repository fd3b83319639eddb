import gc
import math
import tracemalloc
from weakref import ref

import numpy as np
import pytest

from engine.policies.core import logit_summary
from engine.policies.core.gates import Gate, GateFeatures, fit_gate
from engine.policies.core.logit_summary import summarize
from engine.splits import Split
from tests.synthetic import outputs


def described_slowly(logits, top):
    """One example at a time, straight from the definitions."""
    rows = []
    for row in logits.astype(float).tolist():
        total = sum(math.exp(z - max(row)) for z in row)
        p = sorted((math.exp(z - max(row)) / total for z in row), reverse=True)
        entropy = -sum(q * math.log(q) for q in p)
        rows.append([*(math.log(q) for q in p[:top]), entropy, p[0] - p[1], p[0]])
    return np.array(rows)


@pytest.mark.parametrize("classes, top", [(2, 10), (6, 3), (17, 10)])
def test_features_equal_their_definitions(classes, top):
    logits = np.random.default_rng(0).normal(0, 2, (40, classes))
    read = summarize(logits, top)
    assert read.shape == (40, min(top, classes) + 3)
    np.testing.assert_allclose(read, described_slowly(logits, top), rtol=1e-10, atol=1e-12)


def test_features_depend_on_the_example_alone_and_not_on_the_names_of_the_classes(monkeypatch):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (50, 12)).astype(np.float16)
    read = summarize(logits)
    np.testing.assert_array_equal(read, summarize(logits[:, rng.permutation(12)]))
    np.testing.assert_array_equal(read, np.concatenate([summarize(row[None]) for row in logits]))
    order = rng.permutation(50)
    np.testing.assert_array_equal(read[order], summarize(logits[order]))
    monkeypatch.setattr(logit_summary, "CHUNK", 12 * 7)
    np.testing.assert_array_equal(read, summarize(logits))


def test_many_classes_need_no_second_copy():
    logits = np.random.default_rng(2).normal(size=(8000, 1000)).astype(np.float16)
    tracemalloc.start()
    summarize(logits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * logits.nbytes  # what float64 alone would take


def test_features_of_saturated_confidence_stay_finite():
    logits = np.array([[3e4, -3e4, 0.0], [0.0, 0.0, 0.0]], np.float32)
    read = summarize(logits)
    assert np.isfinite(read).all()
    np.testing.assert_array_equal(read[0, :3], [0.0, logit_summary.FLOOR, logit_summary.FLOOR])


def test_two_of_the_largest_representable_logits_have_equal_probability():
    (read,) = summarize(np.array([[3e38, -3e38, 3e38]], np.float32))
    np.testing.assert_allclose(read, [math.log(0.5), math.log(0.5), logit_summary.FLOOR, math.log(2), 0.0, 0.5], rtol=1e-9)


def test_features_are_standardised_on_the_fit_examples():
    fit = outputs(exits=4).tuning(Split.FIT)
    for read in GateFeatures.scaled_on(fit, top=10, history=False).of(fit):
        np.testing.assert_allclose(read.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(read.std(axis=0), 1, rtol=1e-12)


def test_a_constant_feature_is_not_scaled():
    whole = outputs(exits=2, examples=30, classes=4)
    same = whole.logits[:, :1] + np.zeros((1, 30, 1), np.float32)
    fit = type(whole).from_logits(same, whole.labels, whole.split, whole.stage_cost).tuning(Split.FIT)
    features = GateFeatures.scaled_on(fit, top=10, history=False)
    assert (features.scale == 1).all()
    np.testing.assert_allclose(features.of(fit)[0], 0, atol=1e-12)


@pytest.mark.parametrize("kind, known", [("chain", [1, 2, 3]), ("family", [1, 2, 2])])
def test_history_adds_the_exits_that_have_run_on_every_path(kind, known):
    fit = outputs(exits=4, classes=6, kind=kind).tuning(Split.FIT)
    alone = GateFeatures.scaled_on(fit, 10, history=False).of(fit)
    with_history = GateFeatures.scaled_on(fit, 10, history=True).of(fit)
    assert [read.shape[1] for read in with_history] == [9 * count for count in known]
    for own, read in zip(alone, with_history, strict=True):
        np.testing.assert_array_equal(read[:, :9], alone[0])
        np.testing.assert_array_equal(read[:, -9:], own)


def test_features_are_cached_for_as_long_as_their_outputs():
    whole = outputs()
    features = GateFeatures.scaled_on(whole.tuning(Split.FIT), 10, history=False)
    test = whole.test()
    assert features.of(test) is features.of(test)
    kept = ref(features.of(test)[0])
    del test
    gc.collect()
    assert kept() is None


def problem(examples=400, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(examples, 3))
    should_open = features[:, 0] + 0.5 * rng.normal(size=examples) > 0.3
    return features, should_open, rng.exponential(size=examples)


def test_a_gate_minimises_the_weighted_logistic_loss():
    features, should_open, weight = problem()
    gate = fit_gate(features, should_open, weight, l2=2.0)
    p = 1 / (1 + np.exp(-(features @ gate.weights + gate.bias)))
    # At the minimum the slope of the loss is 0 in every direction; the bias is not penalised.
    slope = (weight / weight.mean()) * (p - should_open)
    np.testing.assert_allclose(slope @ features + 2.0 * gate.weights, 0, atol=0.05)
    np.testing.assert_allclose(slope.sum(), 0, atol=0.05)
    np.testing.assert_array_equal(gate.opens(features), p > 0.5)


def test_examples_with_larger_weights_decide():
    features = np.array([[0.0], [0.0], [1.0], [1.0]])
    should_open = np.array([False, True, False, True])
    assert fit_gate(features, should_open, np.array([1.0, 3.0, 3.0, 1.0]), 0.01).opens(features).tolist() == [True, True, False, False]
    assert fit_gate(features, should_open, np.array([3.0, 1.0, 1.0, 3.0]), 0.01).opens(features).tolist() == [False, False, True, True]


def test_examples_of_weight_0_are_left_out_and_the_unit_of_weights_does_not_matter():
    features, should_open, weight = problem()
    gate = fit_gate(features, should_open, weight, 1.0)
    twice, contradicted = np.concatenate([features, 9 + features]), np.concatenate([should_open, ~should_open])
    padded = fit_gate(twice, contradicted, np.pad(weight, (0, 400)), 1.0)
    np.testing.assert_array_equal(padded.weights, gate.weights)
    np.testing.assert_allclose(fit_gate(features, should_open, 1e9 * weight, 1.0).weights, gate.weights, rtol=1e-6)


@pytest.mark.parametrize("examples", [1, 5])
@pytest.mark.parametrize("should_open", [True, False])
def test_where_all_examples_agree_the_gate_is_a_constant(examples, should_open):
    features = np.random.default_rng(0).normal(size=(examples, 3))
    gate = fit_gate(features, np.full(examples, should_open), np.ones(examples), 1.0)
    assert (gate.opens(100 * np.random.default_rng(1).normal(size=(50, 3))) == should_open).all()


def test_where_nothing_is_at_stake_the_gate_stays_shut():
    features, should_open, _ = problem()
    assert not fit_gate(features, should_open, np.zeros(400), 1.0).opens(features).any()


def test_constant_features_give_the_side_with_more_weight():
    features, should_open = np.zeros((4, 2)), np.array([True, False, False, False])
    assert fit_gate(features, should_open, np.array([9.0, 1, 1, 1]), 1.0).opens(features).all()
    assert not fit_gate(features, should_open, np.array([1.0, 1, 1, 1]), 1.0).opens(features).any()


def test_a_gate_decides_on_each_example_alone():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(300, 13))
    # Features chosen so that many examples are within rounding of the decision.
    features[:, 0] = -features[:, 1:].sum(axis=1)
    gate = Gate(np.ones(13), 0.0)
    together = gate.opens(features)
    np.testing.assert_array_equal(together, np.concatenate([gate.opens(row[None]) for row in features]))
    order = rng.permutation(300)
    np.testing.assert_array_equal(together[order], gate.opens(features[order]))
