"""Extreme files, from import to sweep: forty exits, more than a thousand classes, ids of any sign and size."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.bundle.bundle import Bundle, read_bundle
from engine.importing.importer import import_file
from engine.policies import POLICIES, Need
from engine.splits import Split
from engine.sweep import run_sweep
from tests import synthetic
from tests.engine.policies import reference
from tests.thorough import variants

EXITS, CLASSES, IDS = 40, 1001, (-1, 2**60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("extremes")


@cache
def imported(folder: Path, kind: str) -> Bundle:
    made = {
        "forty exits": lambda: synthetic.outputs(examples=240, exits=EXITS, seed=1),
        "1,001 classes": lambda: synthetic.outputs(examples=240, exits=3, classes=CLASSES, seed=2),
        "far ids": lambda: synthetic.outputs(examples=240, exits=3, seed=3),
    }[kind]()
    ids = made.ids.copy()
    if kind == "far ids":
        ids[made.split == Split.TEST] = [*IDS, *range(2, 80)]
    arrays = {"logits": made.logits, "labels": made.labels, "split": made.split, "ids": ids, "stage_cost_macs": made.stage_cost["macs"]}
    np.savez(folder / "mine.npz", **arrays)
    return read_bundle(import_file(folder / "mine.npz", "mine", out=folder / kind.replace(" ", "-").replace(",", "")).folder)


#: Every policy on many exits and on many classes. Myopic gates are fitted as those that look ahead, of which forty take long, and ids
#: matter where examples are drawn by them.
NAMES = [name for name in POLICIES if name != "myopic"]
PAIRS = [(name, "forty exits") for name in variants(NAMES, *(name for name in NAMES if name != "bolukbasi"))]
PAIRS += [(name, "1,001 classes") for name in NAMES]
PAIRS += [(name, "far ids") for name in ("maxprob", "random_mix", "oracle")]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_every_policy_sweeps_them(folder, name, kind):
    outputs = imported(folder, kind).outputs
    reason = POLICIES[name].unavailable_reason(outputs)
    if reason:
        assert Need.BEFORE in POLICIES[name].needs  # nothing that is known before any stage was imported
        return
    result = run_sweep(POLICIES[name], outputs, 3)
    np.testing.assert_allclose(result.shares.sum(axis=1), 1)
    assert (result.cost > 0).all() and (result.cost <= 1 + 1e-9).all()


def test_running_forty_stages_costs_forty_stages(folder):
    outputs = imported(folder, "forty exits").outputs
    assert outputs.exits == EXITS
    result = run_sweep(POLICIES["single_threshold"], outputs, [0.3, 0.6, 1.0])
    test = outputs.test()
    for cost, accuracy, rule in zip(result.cost, result.accuracy, result.rules, strict=True):
        left_at = reference.threshold_cascade(reference.floats(test.scores["maxprob"]), rule.thresholds.tolist())
        by_hand = reference.walk(test, left_at, "macs")
        assert (accuracy, cost * outputs.full_cost("macs")) == (by_hand[0], pytest.approx(by_hand[1], rel=1e-12))
    assert result.cost[-1] == pytest.approx(1) and result.exit[-1].max() == EXITS - 1
    assert result.paths.shape[1] == EXITS and result.paths.sum(axis=1).max() == EXITS


def test_logits_of_more_than_a_thousand_classes_are_kept(folder):
    outputs = imported(folder, "1,001 classes").outputs
    assert outputs.logits.shape == (3, 240, CLASSES) and outputs.logits.dtype == np.float16
    assert np.array_equal(outputs.logits.argmax(axis=-1), outputs.prediction)


def test_ids_are_kept_exactly(folder):
    test = imported(folder, "far ids").outputs.test()
    assert test.ids[:2].tolist() == list(IDS)
