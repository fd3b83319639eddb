"""The two shipped bundles that are made up: their scripts give what is in them, they are small, and they show what they are for."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from engine.bundle.bundle import Bundle, read_bundle
from engine.policies import POLICIES
from engine.sweep import run_sweep

DATA = Path(__file__).resolve().parents[1] / "data"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shipped(id: str) -> Bundle:
    folder = DATA / "bundles" / id
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000
    return read_bundle(folder)


@pytest.fixture(scope="module")
def scenes() -> Bundle:
    return shipped("scenes")


@pytest.fixture(scope="module")
def log() -> Bundle:
    return shipped("simulated-llm-log")


def test_the_script_gives_the_log(log: Bundle, tmp_path: Path) -> None:
    made = script("simulated_log").write(tmp_path / "log").draft
    assert (
        made.title == log.title and "Simulated" in log.title and list(made.texts or ()) == list(log.texts if log.texts is not None else ())
    )
    for name in ("quality", "split", "ids"):
        assert np.array_equal(getattr(made.outputs, name), getattr(log.outputs, name))
    for kind in ("scores", "before", "stage_cost"):
        ours, theirs = getattr(made.outputs, kind), getattr(log.outputs, kind)
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
    assert made.provenance["dominated"] == log.provenance["dominated"]


def test_the_script_gives_the_scenes(scenes: Bundle) -> None:
    """The first of them: each is drawn with a seed of its own."""
    module, few = script("scenes"), 40
    arrays = module.arrays_of(module.drawn_scenes(few))
    outputs = scenes.outputs
    assert outputs.examples == sum(module.EXAMPLES)
    np.testing.assert_allclose(outputs.quality[:, :few], arrays["quality"], atol=1e-3)
    np.testing.assert_allclose(outputs.features["boundary_length"][:, :few], arrays["feature_boundary_length"], atol=1e-3)
    np.testing.assert_allclose(outputs.scores["maxprob"][:, :few], np.log(arrays["conf"] / (1 - arrays["conf"])), atol=1e-3)
    np.testing.assert_allclose(outputs.stage_cost["macs"], arrays["stage_cost_macs"])


def test_an_overlap_is_that_of_the_classes_in_either_mask() -> None:
    overlap = script("scenes").overlap
    true = np.array([[[0, 0], [1, 1]]])
    assert overlap(true, true).tolist() == [1.0]
    assert overlap(np.array([[[0, 1], [1, 1]]]), true) == pytest.approx([(1 / 2 + 2 / 3) / 2])
    assert overlap(np.array([[[0, 0], [2, 2]]]), true) == pytest.approx([1 / 3])


def test_the_log_has_dollars_questions_a_dominated_model_and_a_score_known_before(log: Bundle) -> None:
    outputs = log.outputs
    assert log.exit_names == ("tiny", "medium", "large") and [model["name"] for model in log.provenance["dominated"]] == ["former large"]
    assert outputs.stage_cost.keys() == {"usd"} and outputs.costs_vary("usd") and not outputs.is_graded and outputs.before
    assert log.texts is not None and all("?" in text for text in log.texts)
    mix, routed = (run_sweep(POLICIES[name], outputs, [0.5, 0.75], "usd") for name in ("random_mix", "router"))
    assert (routed.accuracy > mix.accuracy + 0.03).all()


def test_confidence_is_not_gain_on_the_scenes(scenes: Bundle) -> None:
    """The least confident scenes are faint and gain nothing; a policy that predicts the gain does better than one that reads confidence."""
    outputs = scenes.outputs
    assert outputs.is_graded and scenes.images is not None and len(scenes.images) == outputs.test().examples
    at = {name: run_sweep(POLICIES[name], outputs, [0.5], "macs").accuracy[0] for name in ("random_mix", "maxprob", "bolukbasi")}
    assert at["bolukbasi"] > at["random_mix"] + 0.01 and at["bolukbasi"] > at["maxprob"] + 0.01
