"""Cityscapes in the official layout: how its validation set is divided, how frames are downscaled, and what is refused in a sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.datasets import IGNORED, MaskDataset, cityscapes
from engine.datasets.cityscapes import CLASS_OF, HEIGHT, LABEL_IDS, WIDTH, Cityscapes
from engine.errors import UserError
from engine.splits import Split
from tests.sentences import assert_one_sentence
from tests.street_files import TALL, WIDE, cityscapes_arrays, cityscapes_files, write_cityscapes


@pytest.fixture
def written(tmp_path: Path) -> Cityscapes:
    write_cityscapes(tmp_path)
    return Cityscapes(tmp_path)


def test_the_validation_set_is_divided_by_a_hash_of_the_names(written: Cityscapes) -> None:
    assert isinstance(written, MaskDataset) and not written.shippable
    ids = {split: written.ids(split).tolist() for split in Split}
    assert sorted(ids[Split.TRAIN]) == list(range(5))
    assert sorted(ids[Split.FIT] + ids[Split.CALIBRATION] + ids[Split.TEST]) == list(range(5, 14))
    assert [len(ids[split]) for split in Split] == [5, 2, 2, 5]
    assert ids[Split.FIT] == [5, 12] and ids[Split.CALIBRATION] == [6, 13], "the division is frozen"


def test_label_ids_become_the_classes_of_the_benchmark() -> None:
    assert len(LABEL_IDS) == 19 and list(LABEL_IDS.values()) == sorted(LABEL_IDS.values())
    assert CLASS_OF[7] == 0 and CLASS_OF[26] == list(LABEL_IDS).index("car") == 13 and CLASS_OF[33] == 18
    assert (CLASS_OF != IGNORED).sum() == 19 and CLASS_OF[0] == CLASS_OF[29] == CLASS_OF[255] == IGNORED


def test_frames_are_averaged_and_masks_are_not(written: Cityscapes) -> None:
    taken = written.take(np.array([13, 0]))
    for row, (official, city, number) in enumerate([("val", "munster", 3), ("train", "aachen", 0)]):
        pixels, labels = cityscapes_arrays(10 * number + len(city))
        assert cityscapes_files(written.folder or Path(), official, city, number)[0].is_file()
        boxes = pixels.reshape(HEIGHT, 2, WIDTH, 2, 3).mean(axis=(1, 3))
        np.testing.assert_array_equal(taken.pixels[row], boxes)
        np.testing.assert_array_equal(taken.masks[row], CLASS_OF[labels[1::2, 1::2]])
    assert np.unique(taken.masks).tolist() == [*range(19), IGNORED]
    with pytest.raises(KeyError, match="cityscapes has no picture 14"):
        written.take(np.array([14]))


def test_its_digest_follows_its_files(written: Cityscapes, tmp_path: Path) -> None:
    before = written.digest()
    assert before == Cityscapes(tmp_path).digest()
    _, mask = cityscapes_files(tmp_path, "val", "lindau", 0)
    Image.fromarray(np.full((TALL, WIDE), 7, np.uint8)).save(mask)
    assert Cityscapes(tmp_path).digest() != before


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        Cityscapes(tmp_path).ids(Split.TRAIN)
    assert_one_sentence(str(caught.value), "leftImg8bit/train", str(tmp_path / "cityscapes"), "OFFRAMP_DATASETS")
    write_cityscapes(tmp_path)
    picture, mask = cityscapes_files(tmp_path, "val", "lindau", 1)
    mask.unlink()
    with pytest.raises(UserError) as caught:
        Cityscapes(tmp_path).digest()
    assert_one_sentence(str(caught.value), str(mask), str(picture))
    for path in picture.parent.iterdir():
        path.unlink()
    for path in cityscapes_files(tmp_path, "val", "munster", 0)[0].parent.iterdir():
        path.unlink()
    with pytest.raises(UserError) as caught:
        Cityscapes(tmp_path).digest()
    assert_one_sentence(str(caught.value), "0 frames", "fewer than 4")


def _save(pixels: np.ndarray) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(pixels).save(path, "PNG")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-600])


DAMAGED: dict[str, tuple[int, Callable[[Path], None], str]] = {
    "no image": (0, lambda path: path.write_bytes(b"GIF89a"), "not an image in PNG format"),
    "another format": (0, lambda path: Image.new("RGB", (WIDE, TALL)).save(path, "JPEG"), "not an image in PNG format"),
    "cut off": (0, _cut, "is damaged"),
    "another shape": (0, _save(np.zeros((TALL, TALL, 3), np.uint8)), "256 x 256 pixels, not 256 x 128"),
    "too small": (1, _save(np.zeros((64, 128), np.uint8)), "128 x 64 pixels"),
    "too large": (0, _save(np.zeros((2_500, 5_000, 3), np.uint8)), "more than 10,000,000"),
    "a mask of another size": (1, _save(np.zeros((HEIGHT, WIDTH), np.uint8)), "256 x 128 pixels and its frame 512 x 256"),
    "a mask in colour": (1, _save(np.zeros((TALL, WIDE, 3), np.uint8)), "mode RGB, not L"),
}


@pytest.mark.parametrize("case", list(DAMAGED))
def test_a_damaged_file_is_refused_in_a_sentence(case: str, written: Cityscapes, tmp_path: Path) -> None:
    which, damage, reason = DAMAGED[case]
    path = cityscapes_files(tmp_path, "train", "bochum", 1)[which]
    damage(path)
    with pytest.raises(UserError) as caught:
        written.take(written.ids(Split.TRAIN))
    assert_one_sentence(str(caught.value), str(path), reason, "official file")


def test_bytes_are_counted_before_a_file_is_opened(written: Cityscapes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cityscapes, "MOST_BYTES", 100)
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(UserError, match="more than 100;"):
        written.take(written.ids(Split.TEST))
