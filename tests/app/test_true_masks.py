"""The true masks that a bundle may not hold come from its data set, where it is on this computer."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app import true_masks
from app.true_masks import masks_of
from app.wording import faces_sentence
from app.worker import pictures
from app.worker.process import WorkerProcess
from engine.bundle.bundle import Bundle, read_bundle
from engine.bundle.library import Entry
from engine.datasets.camvid import CamVid
from engine.paths import bundles_folder
from engine.recipes import recipe, weights_path
from engine.runtime.compute import compute
from engine.runtime.weights import save_weights
from engine.splits import Split
from tests.street_files import camvid_file, write_camvid


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


def test_frames_and_masks_come_and_go_with_the_data_set(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noticed without a restart."""
    entry, ids = Entry("camvid", bundles_folder() / "camvid"), bundle.outputs.test().ids
    monkeypatch.setattr(pictures, "worker", true_masks.worker)
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path / "later"))
    missing = pictures.album(entry)
    assert missing.pictures is None and "camvid/train_96x128.npz" in missing.missing
    assert faces_sentence(bundle, missing.missing) == missing.missing
    write_camvid(tmp_path / "later")
    shown = pictures.album(entry).pictures
    assert shown is not None and len(shown.many(ids.tolist())[0]) > 0
    assert not any(masks is None or masks.lacks_truth for masks in masks_of(bundle, ids))
    camvid_file(tmp_path / "later", "test").unlink()
    assert pictures.album(entry).pictures is None
    assert all(masks is not None and masks.lacks_truth for masks in masks_of(bundle, ids))
