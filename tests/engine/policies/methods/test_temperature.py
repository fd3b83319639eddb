"""Temperatures against a search, what they change and what they cannot."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.core import scorer as scorer_module
from engine.policies.methods.temperature import FLATTEST, SHARPEST, Calibrated, TemperatureScorer, fit_temperatures
from engine.splits import Split
from engine.sweep import run_sweep
from tests.synthetic import from_answers, outputs, split_names, stage_costs


def loss(made: Outputs, k: int, temperature: float) -> float:
    """Mean negative log-likelihood of softmax(z / T), one example at a time."""
    total = 0.0
    for row, label in zip(made.logits[k].astype(float).tolist(), made.labels.tolist(), strict=True):
        scaled = [z / temperature for z in row]
        top = max(scaled)
        total += top + math.log(sum(math.exp(z - top) for z in scaled)) - scaled[label]
    return total / made.examples


def stretched(made: Outputs, factors: list[float]) -> Outputs:
    """The same exits, more or less confident. Powers of two, so that nothing is rounded."""
    logits = made.logits * np.array(factors, np.float32)[:, None, None]
    return Outputs.from_logits(logits, made.labels, made.split, made.stage_cost, ids=made.ids)


def test_no_other_temperature_has_a_higher_likelihood():
    made = outputs(examples=120, exits=3, seed=1)
    for k, fitted in enumerate(fit_temperatures(made)):
        assert SHARPEST < fitted < FLATTEST
        for other in fitted * np.array([0.3, 0.8, 0.95, 0.999, 1.001, 1.05, 1.3, 3]):
            assert loss(made, k, fitted) < loss(made, k, other)


def test_the_temperature_of_calibrated_logits_is_their_factor():
    """The labels are drawn from the exit's own probabilities, so the temperature is the factor its logits were multiplied by."""
    rng = np.random.default_rng(0)
    calibrated = 2 * rng.standard_normal((6000, 5))
    labels = (calibrated + rng.gumbel(size=calibrated.shape)).argmax(axis=1)
    logits = np.stack([factor * calibrated for factor in (1.0, 3.0, 0.25)])
    made = Outputs.from_logits(logits, labels, split_names(2000), stage_costs(3))
    assert fit_temperatures(made) == pytest.approx([1.0, 3.0, 0.25], rel=0.05)


def test_temperatures_stay_in_their_range():
    labels = np.zeros(30, int)
    sure = np.ones((2, 30))
    correct, incorrect = from_answers(np.array([labels] * 2), sure, labels, 3), from_answers(np.array([labels + 1] * 2), sure, labels, 3)
    assert fit_temperatures(correct).tolist() == [SHARPEST] * 2
    assert fit_temperatures(incorrect).tolist() == [FLATTEST] * 2


def test_scaling_the_logits_changes_routes_only_without_calibration():
    made = outputs(examples=1200, seed=2)
    scaled = stretched(made, [8, 1, 0.5, 2])
    changed = {}
    for name in ("single_threshold", "single_threshold_calibrated"):
        ways = []
        for one in (made, scaled):
            fitted = POLICIES[name].fit(one.tuning(Split.FIT), one.tuning(Split.CALIBRATION), "macs")
            ways.append(fitted.solve(0.5 * one.full_cost("macs")).route(one.test()).exit)
        changed[name] = np.mean(ways[0] != ways[1])
    assert changed["single_threshold_calibrated"] < 0.005 and changed["single_threshold"] > 0.2


def test_scores_are_those_of_scaled_logits_at_any_chunk_size(monkeypatch):
    made = outputs(examples=60, exits=3, seed=3)
    temperature = np.array([2.0, 0.5, 1.0])
    scored = TemperatureScorer("maxprob", temperature).of(made)
    for k in range(3):
        for i in range(60):
            scaled = sorted(made.logits[k, i].astype(float) / temperature[k])
            odds = scaled[-1] - math.log(sum(math.exp(z) for z in scaled[:-1]))
            assert scored.score[k, i] == pytest.approx(odds, abs=1e-5)
    monkeypatch.setattr(scorer_module, "CHUNK", 7)
    assert np.array_equal(TemperatureScorer("maxprob", temperature).of(made).score, scored.score)
    assert np.array_equal(scored.answer, made.prediction)


def test_with_two_classes_no_temperature_reorders():
    made = outputs(examples=90, exits=2, classes=2, seed=4)
    for temperature in (0.25, 4.0):
        score = TemperatureScorer("maxprob", np.full(2, temperature)).of(made).score
        for k in range(2):
            in_order = np.argsort(made.scores["maxprob"][k], kind="stable")
            assert (np.diff(score[k, in_order]) >= 0).all()


def test_with_more_classes_a_temperature_can_reorder():
    """One example has five distant runners-up, the other a single close one: which has more confidence depends on the temperature."""
    logits = np.array([[[3, 0, 0, 0, 0, 0], [2.2, 0, -90, -90, -90, -90]]], np.float32)
    made = Outputs.from_logits(logits, np.zeros(2, int), np.array(["fit", "fit"]), {"macs": np.ones(1)})
    many, one = TemperatureScorer("maxprob", np.array([1.0])).of(made).score[0]
    assert many < one
    many, one = TemperatureScorer("maxprob", np.array([0.25])).of(made).score[0]
    assert many > one


def test_labels_are_read_on_the_fit_split_alone():
    made = outputs(examples=240, seed=5)
    nonsense = np.where(made.split == Split.FIT, made.labels, 0).astype(np.int32)
    blind = replace(made, labels=nonsense)
    exits = []
    for one in (made, blind):
        fitted = POLICIES["single_threshold_calibrated"].fit(one.tuning(Split.FIT), one.tuning(Split.CALIBRATION), "macs")
        exits.append(fitted.solve(0.6 * one.full_cost("macs")).route(one.test()).exit.tolist())
    assert exits[0] == exits[1]


@pytest.mark.parametrize("name", ["maxprob", "margin", "entropy", "energy", "single_threshold"])
def test_any_score_policy_can_be_calibrated(name):
    made = outputs(examples=900, exits=4, seed=3)
    uncalibrated, calibrated = POLICIES[name], Calibrated(POLICIES[name])
    swept = run_sweep(calibrated, made, 5)
    temperature = fit_temperatures(made.tuning(Split.FIT))
    divided = Outputs.from_logits(
        made.logits / temperature[:, None, None].astype(np.float32), made.labels, made.split, made.stage_cost, ids=made.ids
    )
    expected = run_sweep(uncalibrated, divided, 5)
    assert (swept.exit != expected.exit).mean() < 0.01, "the same policy on logits divided beforehand, up to rounding"
    assert (swept.answer == np.take_along_axis(made.test().prediction, swept.exit.astype(int), axis=0)).all()


@pytest.mark.parametrize("name", ["static", "patience", "oracle", "bolukbasi"])
def test_a_policy_without_a_score_has_nothing_to_calibrate(name):
    with pytest.raises(UserError, match="nothing to calibrate"):
        Calibrated(POLICIES[name])
