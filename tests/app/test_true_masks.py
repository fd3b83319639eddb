"""The true masks that a bundle may not hold come from its data set, where it is on this computer."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app import true_masks
from app.true_masks import masks_of
from app.worker.process import WorkerProcess
from engine.bundle.bundle import Bundle, read_bundle
from engine.datasets.camvid import CamVid
from engine.recipes import recipe, weights_path
from engine.runtime.compute import compute
from engine.runtime.weights import save_weights
from engine.splits import Split
from tests.street_files import write_camvid


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    process.stop()


@pytest.fixture
def bundle(worker: WorkerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Of a network that has learned nothing."""
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path))
    monkeypatch.setattr(true_masks, "worker", worker)
    write_camvid(tmp_path)
    save_weights(recipe("camvid").cascade(), weights_path("camvid"), "camvid", {})
    return read_bundle(compute("camvid", device="cpu"))


def test_they_are_those_of_the_data_set(bundle: Bundle, tmp_path: Path) -> None:
    dataset = CamVid(tmp_path)
    ids = dataset.ids(Split.TEST)[::-1]
    for masks, truth in zip(masks_of(bundle, ids), dataset.take(ids).labels, strict=True):
        assert masks is not None and masks.exits.shape == (4, *truth.shape)
        np.testing.assert_array_equal(masks.truth, truth)
    assert masks_of(bundle, dataset.ids(Split.FIT)[:1]) == [None], "only test examples have masks"


@pytest.mark.parametrize("change", ["missing", "other"])
def test_without_the_data_set_they_are_not_known(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path / change))
    if change == "other":
        write_camvid(tmp_path / change, {"train": 7, "val": 5, "test": 4})
    ids = bundle.outputs.test().ids
    assert all(masks is not None and masks.lacks_truth for masks in masks_of(bundle, ids))
