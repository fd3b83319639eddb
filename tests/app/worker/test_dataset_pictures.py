"""A bundle whose images stay in their data set: every label, class name and image that is shown is torchvision's own.

With CIFAR-10 itself where it is at hand, and with its stand-in elsewhere.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from app import store
from app.worker import pictures
from app.worker import process as worker_process
from app.worker.process import WorkerProcess
from engine import paths
from engine.bundle.library import Entry, entries
from engine.cascades.resnet import ResNetShape, resnet
from engine.datasets.published.files import FILES
from engine.datasets.published.sets import CIFAR10_NAMES, FIRST_TEST_ID, TorchvisionSet
from engine.recipes import Recipe, RecipeConfig, Training, catalogue
from engine.runtime.compute import compute
from engine.runtime.weights import save_weights
from tests import stand_in_worker
from tests.stand_in_worker import PUBLISHED, RECIPE, STAND_IN
from tests.stand_ins import HELD_OUT, real_cifar10, trust_stand_ins, write_cifar
from tests.thorough import THOROUGH

SHIPPED = Path(paths.__file__).resolve().parents[1] / "data" / "bundles"
EXAMPLES = 150  # of a split, at most


@pytest.fixture(scope="module")
def datasets_at_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bool]]:
    """The folder of data sets, and whether CIFAR-10 itself is in it."""
    if where := real_cifar10():
        yield where, True
        return
    where = tmp_path_factory.mktemp("datasets")
    write_cifar(where, datasets.CIFAR10, CIFAR10_NAMES, "labels")
    with pytest.MonkeyPatch.context() as patch:
        trust_stand_ins(patch)
        yield where, False


@pytest.fixture(scope="module")
def reader(datasets_at_hand: tuple[Path, bool]) -> Iterator[WorkerProcess]:
    """The worker of the page, which knows the recipe of `made`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_process, "COMMAND", stand_in_worker.command(PUBLISHED if datasets_at_hand[1] else STAND_IN))
        process = WorkerProcess()
        yield process
        process.stop()


@pytest.fixture
def made(datasets_at_hand: tuple[Path, bool], reader: WorkerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A bundle as the engine makes it, of a network too small to be accurate."""
    folder, real = datasets_at_hand
    monkeypatch.setattr(pictures, "worker", reader)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    monkeypatch.setenv("OFFRAMP_DATASETS", str(folder))
    shape = ResNetShape(classes=10, widths=(4, 6), blocks=(0, 1), exits=(1,))
    config = RecipeConfig(RECIPE, "Small", "Small.", Training(epochs=1))
    about = Recipe(config, lambda: TorchvisionSet("cifar10", held_out=5_000 if real else HELD_OUT), lambda: resnet(shape))
    monkeypatch.setitem(catalogue._recipes, RECIPE, about)
    torch.manual_seed(0)
    save_weights(resnet(shape), paths.weights_file(RECIPE), RECIPE, {})
    return Entry(RECIPE, compute(about, "cpu", limit=EXAMPLES))


def check(entry: Entry, folder: Path, every: int = 1) -> None:
    """every: of how many images one is compared"""
    theirs = datasets.CIFAR10(folder, train=False)
    bundle, images = store.opened(entry), pictures.album(entry).pictures
    assert list(bundle.class_names) == theirs.classes
    test = bundle.outputs.test()
    rows = test.ids - FIRST_TEST_ID
    assert test.labels.tolist() == [theirs.targets[row] for row in rows]
    assert images is not None and set(images) == set(test.ids.tolist())
    for id, row in list(zip(test.ids.tolist(), rows, strict=True))[::every]:
        shown = Image.open(io.BytesIO(images[id])).convert("RGB")
        assert np.array_equal(np.asarray(shown), np.asarray(theirs[row][0])), id


def test_labels_names_and_images_are_torchvisions_own(made: Entry, datasets_at_hand: tuple[Path, bool]) -> None:
    check(made, datasets_at_hand[0])


def test_so_are_those_of_every_shipped_bundle(made: Entry, datasets_at_hand: tuple[Path, bool]) -> None:
    """Where the data set itself is at hand. A bundle that is shipped with its images needs no data set."""
    folder, real = datasets_at_hand
    for entry in entries(SHIPPED):
        bundle = store.opened(entry)
        if bundle.provenance.get("dataset") == "cifar10":
            assert bundle.images is None, "its images may not be shipped"
            if real:
                check(entry, folder, every=1 if THOROUGH else 50)
        elif bundle.provenance.get("dataset") == "camvid":
            assert bundle.images is None, "its licence does not allow it"
            assert bundle.masks is None or all(bundle.masks[id].lacks_truth for id in bundle.masks.ids), "nor true masks"
        elif not bundle.reads_texts:
            assert pictures.album(entry).pictures is not None or pictures.album(entry).obtainable in FILES


def test_images_come_and_go_with_the_data_set(
    made: Entry, datasets_at_hand: tuple[Path, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noticed without a restart: the folder is checked every time."""
    folder, real = datasets_at_hand
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "cifar-10-batches-py").mkdir(parents=True)
    monkeypatch.setenv("OFFRAMP_DATASETS", str(elsewhere))
    missing = pictures.album(made)
    assert missing.pictures is None and missing.obtainable == "cifar10" and "CIFAR-10 is not on this computer" in missing.missing
    batches = sorted((folder / "cifar-10-batches-py").iterdir())
    for path in batches:
        (elsewhere / "cifar-10-batches-py" / path.name).write_bytes(path.read_bytes())
    assert pictures.album(made).pictures is not None
    if real:  # a stand-in has no published size to compare with
        cut = elsewhere / "cifar-10-batches-py" / "test_batch"
        cut.write_bytes(cut.read_bytes()[:-1])
        assert pictures.album(made).obtainable == "cifar10" and "is damaged" in pictures.album(made).missing
        cut.unlink()
        assert "not on this computer" in pictures.album(made).missing
