"""Masks in a bundle: kept as they are, in a schema of their own, and refused in one sentence if anything is wrong with them."""

import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.bundle import masks as packing
from engine.bundle.bundle import Draft, read_bundle, write_bundle
from engine.bundle.images import encode
from engine.bundle.manifest import MANIFEST, MASKS, sealed
from engine.bundle.masks import MaskShape, pack_masks
from engine.errors import UserError
from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY, Overlap, pixel_counts
from engine.outputs import Outputs
from engine.storage.files import sha256_of
from tests import synthetic
from tests.sentences import assert_one_sentence

EXITS, CLASSES, HEIGHT, WIDTH, PER_SPLIT, IGNORED = 3, 4, 6, 9, 8, 255


def drawn() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """True masks (24, 6, 9) and those of the exits (3, 24, 6, 9)."""
    rng = np.random.default_rng(0)
    truth = rng.integers(CLASSES, size=(3 * PER_SPLIT, HEIGHT, WIDTH)).astype(np.uint8)
    exits = np.where(rng.random((EXITS, *truth.shape)) < 0.7, truth, 0).astype(np.uint8)
    truth[:, 0] = IGNORED
    return truth, exits


TRUTH, BY_EXIT = drawn()


def draft() -> Draft:
    """With pictures and masks of the test examples."""
    counts = [pixel_counts(masks, TRUTH, CLASSES, IGNORED) for masks in BY_EXIT]
    ids = synthetic.ids_for(len(TRUTH))
    rng = np.random.default_rng(1)
    outputs = Outputs.from_overlap(
        Overlap(*(np.stack(arrays) for arrays in zip(*counts, strict=True))),
        scores={"maxprob": rng.standard_normal((EXITS, len(ids))).astype(np.float32)},
        features={"unsure_pixels": rng.random((EXITS, len(ids)), np.float32)},
        ids=ids,
        split=synthetic.split_names(PER_SPLIT),
        stage_cost={"macs": np.array([1.0, 2.0, 3.0])},
    )
    shown = range(2 * PER_SPLIT, 3 * PER_SPLIT)
    image = encode(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return Draft(
        id="masks",
        title="Masks",
        outputs=outputs,
        class_names=("ground", "one", "two", "three"),
        exit_names=("a", "b", "c"),
        unit_notes={},
        provenance={},
        images=[(int(ids[row]), image) for row in shown],
        masks=[(int(ids[row]), pack_masks(TRUTH[row], BY_EXIT[:, row])) for row in shown],
        mask_size=(HEIGHT, WIDTH),
    )


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_bundle(draft(), tmp_path / "masks")


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_bytes())


def resealed(folder: Path, **changes: Any) -> Path:
    """The bundle as another program could have written it: with valid checksums."""
    manifest = {**manifest_of(folder), **changes}
    for name, entry in manifest["files"].items():
        if (folder / name).is_file():
            entry.update(bytes=(folder / name).stat().st_size, sha256=sha256_of(folder / name))
    (folder / MANIFEST).write_bytes(sealed(manifest))
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_bundle(folder)
    assert_one_sentence(str(caught.value))
    return str(caught.value)


def test_it_is_read_as_it_was_written(whole: Path) -> None:
    made, read = draft().outputs, read_bundle(whole)
    outputs, masks = read.outputs, read.masks
    assert masks is not None and made.overlap is not None and outputs.overlap is not None
    assert manifest_of(whole)["schema"] == 3 and len(masks) == PER_SPLIT and outputs.classes == CLASSES and read.nbytes > outputs.nbytes
    np.testing.assert_array_equal(outputs.overlap.intersection, made.overlap.intersection)
    np.testing.assert_array_equal(outputs.overlap.union, made.overlap.union)
    assert list(outputs.qualities) == [MEAN_IOU, PIXEL_ACCURACY] and outputs.quality_name == MEAN_IOU
    for name, quality in made.qualities.items():
        np.testing.assert_array_equal(outputs.qualities[name], quality)
    for row, id in enumerate(outputs.ids.tolist()):
        assert (id in masks) == (row >= 2 * PER_SPLIT)
        if id in masks:
            np.testing.assert_array_equal(masks[id].truth, TRUTH[row])
            np.testing.assert_array_equal(masks[id].exits, BY_EXIT[:, row])
    with pytest.raises(KeyError):
        masks[int(outputs.ids[0])]


def test_the_quality_that_judges_is_kept(tmp_path: Path) -> None:
    made = draft()
    again = replace(made, outputs=made.outputs.with_quality(PIXEL_ACCURACY))
    assert read_bundle(write_bundle(again, tmp_path / "again")).outputs.quality_name == PIXEL_ACCURACY


def test_without_pictures_only_the_overlap_is_kept(tmp_path: Path) -> None:
    read = read_bundle(write_bundle(replace(draft(), images=[], masks=[], mask_size=None), tmp_path / "bare"))
    assert read.masks is None and read.images is None and read.outputs.overlap is not None


def test_the_schema_rises_only_for_masks_and_several_qualities(tmp_path: Path) -> None:
    made = draft()
    graded = replace(made.outputs, qualities={}, quality_name="", overlap=None)
    folder = write_bundle(replace(made, outputs=graded, masks=[], mask_size=None, class_names=()), tmp_path / "graded")
    assert manifest_of(folder)["schema"] == 2 and not {"quality", "mask_size"} & manifest_of(folder).keys()
    folder = write_bundle(synthetic.draft(synthetic.outputs(60)), tmp_path / "tiny")
    assert manifest_of(folder)["schema"] == 1 and MASKS not in manifest_of(folder)["files"]


def test_damage_is_named(whole: Path) -> None:
    data = (whole / MASKS).read_bytes()
    (whole / MASKS).write_bytes(data[:-1])
    assert "masks.bin in bundle masks has" in refused(whole)
    (whole / MASKS).write_bytes(data[:-1] + b"\0")
    assert "masks.bin in bundle masks was changed" in refused(whole)
    (whole / MASKS).unlink()
    assert "masks.bin is missing" in refused(whole)


@pytest.mark.parametrize(
    "changes",
    [{"mask_size": size} for size in (None, 3, [6], [6, 9, 1], [6, "9"], [0, 9], [6, 9.0], [True, 9], [4096, 10**9], [4096, 8192])]
    + [{"quality": PIXEL_ACCURACY}, {"class_names": ["one", "two"]}, {"exit_names": ["a", "b"]}],
)
def test_a_manifest_that_does_not_fit_is_refused(whole: Path, changes: dict[str, Any]) -> None:
    assert "is inconsistent" in refused(resealed(whole, **changes))


@pytest.mark.parametrize("schema", [1, 2])
def test_older_schemas_have_no_masks(whole: Path, schema: int) -> None:
    assert "invalid list of files" in refused(resealed(whole, schema=schema))


def test_a_mask_outside_its_file_is_refused(whole: Path) -> None:
    (whole / MASKS).write_bytes((whole / MASKS).read_bytes()[:-9])
    assert "a mask is outside masks.bin" in refused(resealed(whole))


@pytest.mark.parametrize("unpacked", [(1 + EXITS) * HEIGHT * WIDTH - 1, (1 + EXITS) * HEIGHT * WIDTH + 1, 10_000_000])
def test_masks_of_another_size_are_refused_without_unpacking_them(tmp_path: Path, unpacked: int) -> None:
    made = draft()
    (id, _), *rest = made.masks
    folder = write_bundle(replace(made, masks=[(id, zlib.compress(bytes(unpacked), 9)), *rest]), tmp_path / "masks")
    masks = read_bundle(folder).masks
    assert masks is not None
    with pytest.raises(UserError) as caught:
        masks[id]
    assert_one_sentence(str(caught.value), f"example {id}", "masks.bin")


@pytest.mark.parametrize("data", [b"no zlib", b"", pack_masks(TRUTH[0], BY_EXIT[:, 0])[:-5]])
def test_masks_that_cannot_be_unpacked_are_refused(tmp_path: Path, data: bytes) -> None:
    made = draft()
    (id, _), *rest = made.masks
    masks = read_bundle(write_bundle(replace(made, masks=[(id, data or b"\0"), *rest]), tmp_path / "masks")).masks
    assert masks is not None
    with pytest.raises(UserError) as caught:
        masks[id]
    assert_one_sentence(str(caught.value), f"example {id}", "masks.bin")


def test_classes_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    made = draft()
    (id, _), *rest = made.masks
    unknown = BY_EXIT[:, 0].copy()
    unknown[1, 2, 3] = CLASSES
    masks = read_bundle(write_bundle(replace(made, masks=[(id, pack_masks(TRUTH[0], unknown)), *rest]), tmp_path / "masks")).masks
    assert masks is not None
    with pytest.raises(UserError) as caught:
        masks[id]
    assert_one_sentence(str(caught.value), f"example {id}", "class")


def test_the_shape_is_limited() -> None:
    assert MaskShape(4, 5, 64, 64).unpacked == 5 * 64 * 64
    with pytest.raises(ValueError, match="masks have"):
        MaskShape(255, 5, 4096, 4096)
    assert packing.MOST_UNPACKED < 2**28
