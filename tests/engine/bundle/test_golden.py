"""Golden bundles: written once by the first version of their schema, never changed, and always readable.

The JSON file beside each bundle states its contents, see `tests/golden/make.py`. If a test here fails, fix the reader, never the
bundle.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.bundle.bundle import Bundle, read_bundle
from engine.bundle.manifest import MANIFEST
from engine.errors import UserError
from engine.policies import POLICIES
from engine.sweep import run_sweep

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
FOLDERS = sorted(path for path in GOLDEN.iterdir() if path.name.startswith("bundle-schema-") and path.is_dir())
#: Scores are kept in float32.
CLOSE = {"rtol": 1e-6, "atol": 1e-6}

Golden = tuple[Bundle, dict[str, Any]]


def test_the_golden_bundles_exist_and_are_small() -> None:
    known = {"bundle-schema-1", "bundle-schema-1-confidences", "bundle-schema-1-many-classes"}
    assert known <= {folder.name for folder in FOLDERS}
    assert sum(path.stat().st_size for folder in FOLDERS for path in folder.iterdir()) < 60_000


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def golden(request: pytest.FixtureRequest) -> Golden:
    """An opened golden bundle, and its expected contents."""
    folder: Path = request.param
    return read_bundle(folder), json.loads(folder.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_bundle_was_not_written_again(folder: Path) -> None:
    expected = json.loads(folder.with_suffix(".json").read_text(encoding="utf-8"))
    assert json.loads((folder / MANIFEST).read_bytes())["sha256"] == expected["seal"]


def test_names_and_provenance(golden: Golden) -> None:
    bundle, expected = golden
    for name in ("id", "title", "unit_notes", "provenance"):
        assert getattr(bundle, name) == expected[name], name
    for name in ("class_names", "exit_names"):
        assert list(getattr(bundle, name)) == expected[name], name


def test_outputs(golden: Golden) -> None:
    outputs, expected = golden[0].outputs, golden[1]
    assert (outputs.kind, outputs.recorded, outputs.classes) == (expected["topology"], expected["said"], len(expected["class_names"]))
    for name in ("ids", "labels", "split", "prediction"):
        assert getattr(outputs, name).tolist() == expected[name], name
    assert {name: values.tolist() for name, values in outputs.factors.items()} == expected["factors"]
    assert {unit: cost.tolist() for unit, cost in outputs.stage_cost.items()} == expected["stage_cost"]


def test_scores(golden: Golden) -> None:
    outputs, expected = golden[0].outputs, golden[1]
    assert outputs.scores.keys() == expected["scores"].keys()
    for name, score in outputs.scores.items():
        np.testing.assert_allclose(score, expected["scores"][name], **CLOSE, err_msg=name)


def test_logits_and_top_classes(golden: Golden) -> None:
    bundle, expected = golden
    logits, known = bundle.outputs.logits, expected.get("logits")
    assert (logits is None) == (known is None)
    if logits is not None:
        assert (str(logits.dtype), list(logits.shape)) == (known["dtype"], known["shape"])
        assert hashlib.sha256(logits.tobytes()).hexdigest() == known["sha256"]
    assert bundle.top.classes.tolist() == expected["top"]
    confidence = 1 / (1 + np.exp(-np.array(expected["scores"]["maxprob"])))
    np.testing.assert_allclose(bundle.top.probability[..., 0], confidence, **CLOSE)


def test_images(golden: Golden) -> None:
    bundle, expected = golden
    pack = bundle.images
    hashes = {} if pack is None else {str(id): hashlib.sha256(pack[id]).hexdigest() for id in bundle.outputs.ids.tolist() if id in pack}
    assert hashes == expected["images"]


def test_measurements() -> None:
    (entry,) = read_bundle(GOLDEN / "bundle-schema-1").measured
    facts = (entry.device, entry.batch_size, entry.examples, entry.tested, entry.policy, entry.date)
    assert facts == ("Abacus, 2 threads", 8, 10, 10, "maxprob", "2026-11-26")
    assert dict(entry.units) == {"ms": "ms_batch_8", "joules": "joules_batch_8"}
    assert [(exit.speed_up, exit.accuracy) for exit in entry.alone] == [(4.0, 0.5), (2.0, 0.75), (1.0, 1.0)]
    (run,) = entry.runs
    assert (run.budget, run.cost, run.speed_up, run.accuracy) == (0.5, 0.45, 1.75, 0.875)
    assert (run.ideal_by_macs, run.ideal_by_times) == (2.25, 2.0)


def test_the_bundle_sweeps(golden: Golden) -> None:
    bundle, expected = golden
    test = np.array(expected["split"]) == "test"
    accuracy = (np.array(expected["prediction"][-1]) == expected["labels"])[test].mean()
    for unit in expected["stage_cost"]:
        result = run_sweep(POLICIES["maxprob"], bundle.outputs, 5, unit)
        assert (result.examples, result.full.accuracy) == (test.sum(), accuracy)
        np.testing.assert_allclose(result.shares.sum(axis=1), 1)
        assert (result.cost > 0).all() and np.isfinite(result.accuracy).all()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_changed_byte_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in sorted(folder.iterdir()):
        copy = tmp_path / file.stem / folder.name
        shutil.copytree(folder, copy)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        (copy / file.name).write_bytes(data)
        with pytest.raises(UserError, match=file.name):
            read_bundle(copy)
