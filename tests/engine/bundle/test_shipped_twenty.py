"""The shipped outputs on twenty classes of CIFAR-100: all their official test images, and none of the images themselves."""

import numpy as np
import pytest

from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.datasets import DATASETS
from engine.paths import bundles_folder, datasets_folder
from engine.recipes import RECIPES
from engine.splits import Split

NAME = "cifar100-twenty-resnet"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle(str(bundles_folder() / NAME))


def test_it_holds_outputs_on_all_test_images_and_no_image(bundle: Bundle) -> None:
    outputs = bundle.outputs
    assert np.bincount(outputs.test().labels).tolist() == [100] * 20 and bundle.images is None
    assert [outputs.tuning(split).examples for split in (Split.FIT, Split.CALIBRATION)] == [1_000, 1_000]
    assert sum(path.stat().st_size for path in (bundles_folder() / NAME).iterdir()) < 2_000_000


def test_it_was_made_by_its_recipe(bundle: Bundle) -> None:
    made = RECIPES[NAME]
    assert made.training is not None and bundle.provenance["weights"]["settings"]["epochs"] == made.training.epochs
    assert len(bundle.class_names) == 20
    if (datasets_folder() / "cifar100").is_dir():
        dataset = DATASETS["cifar100-twenty"].build()
        assert bundle.class_names == dataset.class_names and bundle.provenance["dataset_digest"] == dataset.digest()


def test_later_exits_are_more_accurate(bundle: Bundle) -> None:
    accuracy = bundle.outputs.test().correct.mean(axis=1)
    assert (np.diff(accuracy[:3]) > 0).all() and accuracy[-1] > accuracy.max() - 0.01 and accuracy[-1] > 0.8
