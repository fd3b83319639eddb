"""The shipped bundle that is made up: its script gives what is in it, it is small, and it shows what it is for."""

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


def test_the_log_has_dollars_questions_a_dominated_model_and_a_score_known_before(log: Bundle) -> None:
    outputs = log.outputs
    assert log.exit_names == ("tiny", "medium", "large") and [model["name"] for model in log.provenance["dominated"]] == ["former large"]
    assert outputs.stage_cost.keys() == {"usd"} and outputs.costs_vary("usd") and not outputs.is_graded and outputs.before
    assert log.texts is not None and all("?" in text for text in log.texts)
    mix, routed = (run_sweep(POLICIES[name], outputs, [0.5, 0.75], "usd") for name in ("random_mix", "router"))
    assert (routed.accuracy > mix.accuracy + 0.03).all()
