"""One formula of every feature works for numpy arrays and PyTorch tensors, and only features are copied to the host."""

import numpy as np
import pytest
import torch

from engine.policies.core.features import ScoreFeature, SummaryFeature
from engine.policies.core.logit_store import LogitStore
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.methods.eenet import TOP, ExitWeights
from engine.scores import SCORES, one_score

RNG = np.random.default_rng(0)
LOGITS = {
    "unsure": RNG.normal(0, 1, (500, 10)),
    "sure": RNG.normal(0, 1, (500, 10)) * np.exp(RNG.normal(3, 2, (500, 1))),
    "two classes": RNG.normal(0, 8, (500, 2)),
    "many classes": RNG.normal(0, 6, (200, 1000)),
    "ties": np.repeat(RNG.integers(-3, 4, (200, 1)), 7, axis=1) + (RNG.random((200, 7)) < 0.4),
    "far apart": np.array([[1e4, -1e4, 0], [3e38, -3e38, 3e38], [0, 0, 0], [-1e30, 1e-30, 88]]),
}


def both(logits, rows=None):
    """The same logits as a numpy array and as a tensor."""
    rows = np.arange(len(logits)) if rows is None else rows
    unknown = np.full((int(rows.max()) + 1, logits.shape[1]), np.nan, np.float32)
    stores = LogitStore(unknown), LogitStore(torch.from_numpy(unknown.copy()))
    for store in stores:
        store.keep(rows, torch.from_numpy(logits.astype(np.float32)))
    return stores


@pytest.mark.parametrize("case", LOGITS)
@pytest.mark.parametrize("name", SCORES)
def test_scores_equal_those_of_the_host(name, case):
    host, device = both(LOGITS[case])
    rows = np.arange(len(LOGITS[case]))
    expected, values = host.read(ScoreFeature(name), rows), device.read(ScoreFeature(name), rows)
    assert values.dtype == np.float32 and np.array_equal(expected, one_score(name, LOGITS[case].astype(np.float32)))
    # They may differ in the last digit of float32, but rarely do, except where a tie leaves only rounding.
    np.testing.assert_allclose(values, expected, rtol=2e-7, atol=1e-7)
    assert np.mean((values == expected) | (np.abs(expected) < 1e-15)) > 0.99


@pytest.mark.parametrize("case", LOGITS)
def test_summaries_equal_those_of_the_host(case):
    host, device = both(LOGITS[case])
    rows = np.arange(len(LOGITS[case]))
    np.testing.assert_allclose(device.read(SummaryFeature(10), rows), host.read(SummaryFeature(10), rows), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", LOGITS)
def test_top_classes_equal_those_of_the_host_also_with_ties(case):
    host, device = both(LOGITS[case])
    rows = np.arange(len(LOGITS[case]))[::-1].copy()
    assert np.array_equal(host.top_class(rows), device.top_class(rows)) and device.top_class(rows).dtype == np.int32


def test_examples_are_read_by_row_and_other_rows_are_unknown():
    rows = np.array([5, 0, 3])
    host, device = both(LOGITS["unsure"][:3], rows)
    for name in ("maxprob", "energy"):
        some = np.array([3, 5])
        np.testing.assert_allclose(device.read(ScoreFeature(name), some), host.read(ScoreFeature(name), some), rtol=2e-7)
        assert np.isnan(device.read(ScoreFeature(name), np.array([1]))).all()
    assert device.top_class(rows).tolist() == host.top_class(rows).tolist()


@pytest.mark.parametrize("case", LOGITS)
def test_eenet_features_equal_those_of_the_host(case):
    classes = LOGITS[case].shape[1]
    feature = ExitWeights(RNG.normal(size=min(TOP, classes) + 4), RNG.normal(size=classes), 0.3)
    host, device = both(LOGITS[case])
    rows = np.arange(len(LOGITS[case]))
    np.testing.assert_allclose(device.read(feature, rows), host.read(feature, rows), rtol=1e-9, atol=1e-9)


def test_combined_exits_equal_those_of_the_host():
    """The second exit has run for fewer examples, in another order."""
    first, second = both(LOGITS["unsure"][:9]), both(LOGITS["unsure"][9:12], np.array([5, 0, 3]))
    weight, bias, rows = np.array([0.3, 1.7]), RNG.normal(size=10), np.array([3, 5])
    host, device = (ExitOutputs({0: zero, 1: one}, rows).combined(1, weight, bias) for zero, one in zip(first, second, strict=True))
    assert np.array_equal(device.top_class(1), host.top_class(1))
    np.testing.assert_allclose(device.score(1, "energy"), host.score(1, "energy"), rtol=2e-7)
    expected = 0.3 * LOGITS["unsure"][[3, 5]] + 1.7 * LOGITS["unsure"][[11, 9]] + bias
    np.testing.assert_allclose(host.score(1, "energy"), one_score("energy", expected), rtol=1e-6)


def test_forgotten_rows_are_unknown_again():
    for store in both(LOGITS["unsure"][:4]):
        store.forget(np.array([2, 0]))
        assert np.isnan(store.read(ScoreFeature("maxprob"), np.arange(4))).tolist() == [True, False, True, False]
