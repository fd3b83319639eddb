"""A device that keeps what exits said works out what the host would, and hands out no more than it is asked for."""

import numpy as np
import pytest
import torch

from engine.on_device import SCORES_ON_DEVICE, OnDevice, answers, spread
from engine.policies.patience import PatienceRule
from engine.policies.stepper import InMemory, Said
from engine.policies.threshold import ThresholdRule
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
    """The same answers on the host and on a device."""
    array = logits.astype(np.float32)
    rows = np.arange(len(array)) if rows is None else rows
    there = int(rows.max()) + 1
    return InMemory(spread(torch.from_numpy(array), rows, there)), OnDevice(torch.from_numpy(array), rows, there)


def test_every_score_can_be_worked_out_there():
    assert SCORES_ON_DEVICE.keys() == SCORES.keys()


@pytest.mark.parametrize("case", LOGITS)
@pytest.mark.parametrize("name", SCORES)
def test_scores_are_the_hosts(name, case):
    host, device = both(LOGITS[case])
    rows = np.arange(len(LOGITS[case]))
    expected, found = host.score(name, rows), device.score(name, rows)
    assert found.dtype == np.float32 and np.array_equal(expected, one_score(name, LOGITS[case].astype(np.float32)))
    # in the last digit of float32 they may differ, and hardly ever do, but where a tie leaves nothing but rounding
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-7)
    assert np.mean((found == expected) | (np.abs(expected) < 1e-15)) > 0.99


@pytest.mark.parametrize("case", LOGITS)
def test_what_gates_read_is_what_the_host_reads(case):
    host, device = both(LOGITS[case])
    rows = np.arange(len(LOGITS[case]))
    np.testing.assert_allclose(device.described(10, rows), host.described(10, rows), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", LOGITS)
def test_answers_are_the_hosts_ties_too(case):
    host, device = both(LOGITS[case])
    rows = np.arange(len(LOGITS[case]))[::-1]
    assert np.array_equal(host.top_class(rows), device.top_class(rows)) and device.top_class(rows).dtype == np.int32


def test_examples_are_found_where_they_stand_and_of_others_nothing_is_known():
    rows = np.array([5, 0, 3])
    host, device = both(LOGITS["unsure"][:3], rows)
    for name in ("maxprob", "energy"):
        np.testing.assert_allclose(device.score(name, np.array([3, 5])), host.score(name, np.array([3, 5])), rtol=2e-7)
        assert np.isnan(device.score(name, np.array([1]))).all()
    assert np.array_equal(device.logits(rows), host.logits(rows)) and np.isnan(device.logits(np.array([4]))).all()
    assert device.top_class(rows).tolist() == host.top_class(rows).tolist()


@pytest.mark.parametrize("rule", [ThresholdRule("margin", np.array([0.3, 0.3]), {}, 1.0), PatienceRule(1, 1.0)])
def test_a_rule_that_goes_by_scores_or_classes_reads_no_distribution_back(rule, monkeypatch):
    monkeypatch.setattr(OnDevice, "logits", lambda *_: pytest.fail("all logits were read back"))
    said = Said({k: both(LOGITS["unsure"][k * 200 :])[1] for k in range(2)}, np.arange(200))
    stepper = rule.stepper("chain")
    then = stepper.after(1, np.arange(200), said)
    assert set(then) == {1, 2}
    assert stepper.answer(1, np.arange(200), said).shape == (200,)


def test_a_processors_answers_are_judged_in_memory():
    assert isinstance(answers(torch.zeros(2, 3), np.arange(2), 2), InMemory)
