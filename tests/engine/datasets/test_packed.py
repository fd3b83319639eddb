"""Images in one file: what is read, and what is refused in a sentence."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.datasets import packed
from engine.datasets.packed import PackedImages
from engine.errors import UserError
from engine.splits import Split
from tests.packed_images import packed_arrays, with_method
from tests.sentences import assert_one_sentence

Arrays = dict[str, np.ndarray]
SMALL = PackedImages("small", "small/small.npz", ("apple", "bicycle", "bottle"), (6, 8), held_out=4)


def at(folder: Path) -> PackedImages:
    return replace(SMALL, folder=folder)


def write(folder: Path, arrays: Arrays) -> PackedImages:
    path = folder / SMALL.file
    path.parent.mkdir(parents=True)
    np.savez(path, allow_pickle=False, **arrays)
    return at(folder)


def test_every_image_has_its_own_pixels_and_label(tmp_path: Path) -> None:
    arrays = packed_arrays(SMALL, training=14, test=6)
    made = write(tmp_path, arrays)
    np.testing.assert_array_equal(made.ids(Split.TEST), np.arange(14, 20))
    assert [len(made.ids(split)) for split in (Split.TRAIN, Split.FIT, Split.CALIBRATION)] == [6, 4, 4]
    taken = made.take(np.array([19, 0, 1]))
    np.testing.assert_array_equal(taken.labels, [1, 0, 1])
    assert taken.pixels.shape == (3, 6, 8, 3)
    assert taken.pixels[:, 0, 0].tolist() == [[10, 245, 7], [0, 255, 7], [10, 245, 7]]
    assert taken.pixels.std(axis=(1, 2)).max() == 0
    with pytest.raises(KeyError, match="small has no picture 20"):
        made.take(np.array([20]))
    moved = write(tmp_path / "moved", {**arrays, "label": arrays["label"][::-1]})
    assert moved.digest() != made.digest() == at(tmp_path).digest()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        at(tmp_path).digest()
    assert_one_sentence(str(caught.value), "small/small.npz", str(tmp_path), "OFFRAMP_DATASETS")


DAMAGED: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "an array is missing": (lambda arrays: {name: array for name, array in arrays.items() if name != "test"}, "test"),
    "objects are not unpickled": (lambda arrays: {**arrays, "class_names": np.array(["apple", 1, None], object)}, "pickle"),
    "other classes": (lambda arrays: {**arrays, "class_names": np.array(["apple", "pear", "bottle"])}, "other classes"),
    "an array is cut off": (lambda arrays: {**arrays, "label": arrays["label"][:-1]}, "different lengths"),
    "images are cut off": (lambda arrays: {**arrays, "webp": arrays["webp"][:-1]}, "cut off"),
    "an image has no bytes": (lambda arrays: {**arrays, "end": np.repeat(arrays["end"][:1], len(arrays["end"]))}, "overlap"),
    "an image begins elsewhere": (
        lambda arrays: {**arrays, "end": np.append(arrays["end"][:-1] + 1, arrays["end"][-1:])},
        "image 1 is not in WebP format",
    ),
    "a label is no class": (lambda arrays: {**arrays, "label": arrays["label"] + 1}, "label outside"),
    "images of another size": (
        lambda arrays: packed_arrays(PackedImages("", "", SMALL.classes, (8, 8)), 14, 6),
        "image 0 has 8 x 8 pixels",
    ),
}


@pytest.mark.parametrize("case", list(DAMAGED))
def test_a_damaged_file_is_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    damage, reason = DAMAGED[case]
    arrays = damage(packed_arrays(SMALL, training=14, test=6))
    path = tmp_path / SMALL.file
    path.parent.mkdir()
    np.savez(path, **arrays)
    with pytest.raises(UserError) as caught:
        at(tmp_path).digest()
    assert_one_sentence(str(caught.value), str(path), reason, "intact copy")


@pytest.mark.parametrize("method", [8, 12, 14, 97])
def test_an_archive_that_states_another_compression_is_refused(method: int, tmp_path: Path) -> None:
    made = write(tmp_path, packed_arrays(SMALL, training=14, test=6))
    path = tmp_path / SMALL.file
    path.write_bytes(with_method(path.read_bytes(), method))
    with pytest.raises(UserError) as caught:
        made.digest()
    assert_one_sentence(str(caught.value), str(path), "intact copy")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / SMALL.file
    path.parent.mkdir()
    path.write_bytes(b"not an archive")
    with pytest.raises(UserError) as caught:
        at(tmp_path).digest()
    assert_one_sentence(str(caught.value), str(path), "intact copy")


def test_a_file_that_unpacks_to_much_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = write(tmp_path, packed_arrays(SMALL, training=14, test=6))
    monkeypatch.setattr(packed, "MOST_BYTES", 100)
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(UserError, match="unpacks to"):
        made.digest()


def test_too_few_training_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write(tmp_path, packed_arrays(SMALL, training=8, test=6)).digest()
    assert_one_sentence(str(caught.value), "8 training images", "2 x 4")
