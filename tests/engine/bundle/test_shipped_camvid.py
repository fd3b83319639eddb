"""The shipped outputs on CamVid: all test frames, no frame and no true mask, and the documented qualities."""

import numpy as np
import pytest

from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.datasets.camvid import CLASS_NAMES, CamVid
from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY
from engine.paths import bundles_folder, datasets_folder
from engine.recipes import RECIPES
from engine.splits import Split


@pytest.fixture(scope="module")
def camvid() -> Bundle:
    return open_bundle(str(bundles_folder() / "camvid"))


def test_it_holds_outputs_on_all_test_frames_and_no_picture(camvid: Bundle) -> None:
    files = {path.name: path.stat().st_size for path in (bundles_folder() / "camvid").iterdir()}
    assert files.keys() == {"bundle.json", "outputs.parquet", "masks.bin"} and sum(files.values()) < 700_000
    assert camvid.images is None and camvid.masks is not None and len(camvid.masks) == 233
    assert all(camvid.masks[id].lacks_truth for id in camvid.masks.ids)
    outputs = camvid.outputs
    assert outputs.test().examples == 233
    assert [outputs.tuning(split).examples for split in (Split.FIT, Split.CALIBRATION)] == [51, 50]


def test_it_was_made_by_its_recipe(camvid: Bundle) -> None:
    assert camvid.title == RECIPES["camvid"].config.title and camvid.class_names == CLASS_NAMES
    if (datasets_folder() / "camvid").is_dir():
        assert camvid.provenance["dataset_digest"] == CamVid().digest()


def test_later_exits_cost_more_and_give_better_masks(camvid: Bundle) -> None:
    test = camvid.outputs.test()
    np.testing.assert_allclose(test.mean_static_cost("macs") / test.full_cost("macs"), [0.2, 0.4, 0.7, 1], atol=0.06)
    assert test.overlap is not None
    of_the_set, pixels = test.overlap.iou_of_the_set().mean(axis=1), test.qualities[PIXEL_ACCURACY].mean(axis=1)
    assert of_the_set[-1] > of_the_set[0] + 0.03 and pixels[-1] > pixels[0] + 0.02
    assert of_the_set[-1] > 0.4 and pixels[-1] > 0.78
    assert camvid.outputs.quality_name == MEAN_IOU
