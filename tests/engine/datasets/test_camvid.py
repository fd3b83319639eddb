"""CamVid: how its three sets are divided, and what is refused in a sentence."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.datasets import IGNORED, MaskDataset
from engine.datasets.camvid import CLASS_NAMES, PARTS, CamVid
from engine.errors import UserError
from engine.splits import Split
from tests.packed_images import with_method
from tests.sentences import assert_one_sentence
from tests.street_files import FRAMES, camvid_arrays, camvid_file, write_camvid

Arrays = dict[str, np.ndarray]


@pytest.fixture
def written(tmp_path: Path) -> CamVid:
    write_camvid(tmp_path)
    return CamVid(tmp_path)


def test_the_validation_set_is_divided_into_two_stretches_fit_and_calibration(written: CamVid) -> None:
    assert isinstance(written, MaskDataset) and not written.shippable and len(CLASS_NAMES) == 11
    ids = {split: written.ids(split).tolist() for split in Split}
    assert sorted(ids[Split.TRAIN]) == list(range(7)) and ids[Split.TRAIN] != sorted(ids[Split.TRAIN])
    assert (ids[Split.FIT], ids[Split.CALIBRATION], ids[Split.TEST]) == ([7, 8, 9], [10, 11], [12, 13, 14])


def test_every_frame_has_its_own_pixels_and_mask(written: CamVid, tmp_path: Path) -> None:
    arrays = [camvid_arrays(FRAMES[part], seed) for seed, part in enumerate(PARTS)]
    taken = written.take(np.array([14, 0, 8]))
    for row, (part, place) in enumerate([(2, 2), (0, 0), (1, 1)]):
        np.testing.assert_array_equal(taken.pixels[row], arrays[part]["pixels"][place])
        mask = arrays[part]["mask"][place]
        np.testing.assert_array_equal(taken.masks[row], np.where(mask == 11, IGNORED, mask))
    assert np.unique(taken.masks).tolist() == [*range(11), IGNORED] and taken.masks.dtype == np.uint8
    with pytest.raises(KeyError, match="camvid has no picture 15"):
        written.take(np.array([15]))
    write_camvid(tmp_path / "other", {**FRAMES, "test": 4})
    assert CamVid(tmp_path / "other").digest() != written.digest() == CamVid(tmp_path).digest()


def test_a_missing_file_is_named(written: CamVid, tmp_path: Path) -> None:
    camvid_file(tmp_path, "val").unlink()
    with pytest.raises(UserError) as caught:
        written.digest()
    assert_one_sentence(str(caught.value), "camvid/val_96x128.npz", str(tmp_path), "OFFRAMP_DATASETS")


DAMAGED: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "an array is missing": (lambda arrays: {"pixels": arrays["pixels"]}, "mask.npy"),
    "objects are not unpickled": (lambda arrays: {**arrays, "mask": np.array([None] * 3, object)}, "object"),
    "frames of another size": (lambda arrays: {**arrays, "pixels": arrays["pixels"][:, :90]}, "(3, 90, 128, 3)"),
    "numbers of another type": (lambda arrays: {**arrays, "mask": arrays["mask"].astype(np.int32)}, "int32"),
    "a mask is missing": (lambda arrays: {**arrays, "mask": arrays["mask"][:-1]}, "3 frames and 2 masks"),
    "no frames": (lambda arrays: {name: array[:0] for name, array in arrays.items()}, "0 frames"),
    "a class too many": (lambda arrays: {**arrays, "mask": arrays["mask"] + 1}, "the class 12"),
}


@pytest.mark.parametrize("case", list(DAMAGED))
def test_a_damaged_file_is_refused_in_a_sentence(case: str, written: CamVid, tmp_path: Path) -> None:
    damage, reason = DAMAGED[case]
    path = camvid_file(tmp_path, "test")
    np.savez(path, **damage(camvid_arrays(3)))
    with pytest.raises(UserError) as caught:
        written.digest()
    assert_one_sentence(str(caught.value), str(path), reason, "intact copy")


@pytest.mark.parametrize("method", [8, 12, 14, 97])
def test_an_archive_that_states_another_compression_is_refused(method: int, written: CamVid, tmp_path: Path) -> None:
    path = camvid_file(tmp_path, "test")
    path.write_bytes(with_method(path.read_bytes(), method))
    with pytest.raises(UserError) as caught:
        written.digest()
    assert_one_sentence(str(caught.value), str(path), "intact copy")


def test_its_stamp_changes_with_its_files(written: CamVid, tmp_path: Path) -> None:
    before = written.stamp()
    camvid_file(tmp_path, "val").unlink()
    assert len(before) == 3 and written.stamp() == tuple(part for part in before if "val" not in part[0])


def test_a_file_that_is_no_archive_is_refused(written: CamVid, tmp_path: Path) -> None:
    camvid_file(tmp_path, "train").write_bytes(b"not an archive")
    with pytest.raises(UserError) as caught:
        written.digest()
    assert_one_sentence(str(caught.value), "train_96x128.npz", "intact copy")


@pytest.mark.parametrize(("frames", "beyond"), [(10**9, 0), (3, 2_000)], ids=["a huge shape", "more bytes than its shape"])
def test_sizes_are_checked_before_anything_is_unpacked(
    frames: int, beyond: int, written: CamVid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camvid_file(tmp_path, "train")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape in (("pixels", (frames, 96, 128, 3)), ("mask", (frames, 96, 128))):
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
            archive.writestr(f"{name}.npy", header.getvalue() + bytes(3 * 96 * 128 * 3 + beyond))
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(UserError) as caught:
        written.digest()
    assert_one_sentence(str(caught.value), str(path), "intact copy")
