"""The recipes for street scenes go from files to a bundle of outputs, here on small stand-ins for CamVid and Cityscapes."""

from pathlib import Path

import numpy as np
import pytest

from engine.bundle.bundle import read_bundle
from engine.datasets import DATASETS
from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY
from engine.recipes import weights_path
from engine.recipes.folder import dataset_of
from engine.runtime.compute import compute
from engine.splits import Split
from engine.training.loop import train
from tests.street_files import write_camvid, write_cityscapes


@pytest.mark.parametrize("name", ["camvid", "cityscapes"])
def test_a_bundle_holds_outputs_and_neither_frames_nor_true_masks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path))
    write_camvid(tmp_path)
    write_cityscapes(tmp_path)
    assert train(name, epochs=1, device="cpu") == weights_path(name)
    bundle, dataset = read_bundle(compute(name, device="cpu", batch_size=3)), DATASETS[name].build()
    outputs = bundle.outputs
    assert bundle.images is None and outputs.logits is None
    assert bundle.masks is not None and bundle.masks.ids == dataset.ids(Split.TEST).tolist()
    assert all(bundle.masks[id].lacks_truth for id in bundle.masks.ids)
    assert outputs.overlap is not None and outputs.qualities.keys() == {MEAN_IOU, PIXEL_ACCURACY}
    assert outputs.exits == 4 and bundle.class_names == dataset.class_names
    for split in (Split.FIT, Split.CALIBRATION, Split.TEST):
        np.testing.assert_array_equal(outputs.ids[outputs.split == str(split)], dataset.ids(split))
    on_this_computer = dataset_of(bundle.provenance)
    assert on_this_computer is not None and on_this_computer.digest() == bundle.provenance["dataset_digest"]
