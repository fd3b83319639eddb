"""The golden bundle of masks: written once, never changed, and always readable. See `tests/golden/make_masks.py`."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main
from engine.bundle.bundle import read_bundle
from engine.bundle.manifest import MANIFEST

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "masks-schema-3"


def test_it_is_read_as_it_was_written() -> None:
    expected = json.loads(FOLDER.with_suffix(".json").read_text(encoding="utf-8"))
    assert json.loads((FOLDER / MANIFEST).read_bytes())["sha256"] == expected["seal"], "a golden bundle is never written again"
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 30_000
    bundle = read_bundle(FOLDER)
    outputs, masks = bundle.outputs, bundle.masks
    assert outputs.overlap is not None and masks is not None and bundle.images is not None
    assert (outputs.ids.tolist(), outputs.split.tolist()) == (expected["ids"], expected["split"])
    assert outputs.overlap.intersection.tolist() == expected["intersection"] and outputs.overlap.union.tolist() == expected["union"]
    np.testing.assert_allclose(outputs.quality, expected["mean_iou"], rtol=1e-6)
    assert outputs.quality_name == "mean_iou" and list(outputs.qualities) == ["mean_iou", "pixel_accuracy"]
    for name in ("scores", "features"):
        assert {key: values.tolist() for key, values in getattr(outputs, name).items()} == expected[name]
    unpacked = {str(id): masks[id].truth.tobytes() + masks[id].exits.tobytes() for id in masks.ids}
    assert {id: hashlib.sha256(data).hexdigest() for id, data in unpacked.items()} == expected["masks"]
    assert all(int(id) in bundle.images for id in unpacked)


def test_a_sweep_is_judged_by_the_quality_that_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = read_bundle(FOLDER).outputs
    for name in ("mean_iou", "pixel_accuracy"):
        assert main(["sweep", str(FOLDER), "--policy", "static", "--points", "2", "--quality", name, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["full"]["accuracy"] == pytest.approx(outputs.with_quality(name).test().quality[-1].mean())
    assert main(["sweep", str(FOLDER), "--policy", "static", "--quality", "dice"]) == 2
    assert "no quality 'dice'" in capsys.readouterr().err
