"""Folders of images: listed and labelled as by torchvision, resized as by its presets, and safe with untrusted files."""

import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets, transforms
from torchvision.models import ResNet50_Weights

from engine.cascades.family import imagenet_family
from engine.datasets import folder as module
from engine.datasets.folder import ImageFolder, read_image
from engine.errors import UserError
from engine.splits import Split
from tests.sentences import assert_one_sentence

KINDS = ("jpg", "jpeg", "png", "ppm", "bmp", "tif", "tiff", "webp", "PNG")


def noise(width: int, height: int, seed: int = 0, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height)).convert(mode)


def png(width: int, height: int) -> bytes:
    """A PNG that states its size and contains no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    """Three classes with twenty images each, of all formats and sizes, some in subfolders."""
    root = tmp_path_factory.mktemp("images") / "animals"
    for label, name in enumerate(("cat", "Dog", "eel")):
        (root / name / "more").mkdir(parents=True)
        for index in range(20):
            where = root / name / "more" if index % 4 == 0 else root / name
            image = noise(20 + 3 * index, 50 - label, seed=100 * label + index, mode="L" if index % 5 == 0 else "RGB")
            image.save(where / f"{index:02d}.{KINDS[index % len(KINDS)]}")
    (root / "cat" / "notes.txt").write_text("not an image")
    (root / "readme.txt").write_text("not a class")
    return root


@pytest.fixture
def copy(animals, tmp_path):
    return Path(shutil.copytree(animals, tmp_path / "animals"))


def test_files_and_labels_are_torchvisions(animals):
    assert module.ENDINGS == datasets.folder.IMG_EXTENSIONS
    theirs = datasets.ImageFolder(animals)
    ours = ImageFolder(animals, (16, 16))
    assert list(ours.class_names) == theirs.classes == ["Dog", "cat", "eel"]
    labels = ours.take(np.arange(60)).labels
    assert {path: int(label) for path, label in zip(ours._files, labels, strict=True)} == {Path(p): label for p, label in theirs.samples}


def test_images_are_resized_and_cropped_as_by_torchvisions_preset(tmp_path):
    noise(300, 260).save(tmp_path / "one.png")
    preset = ResNet50_Weights.IMAGENET1K_V1.transforms()
    expected = preset(Image.open(tmp_path / "one.png"))
    mean, deviation = torch.tensor(preset.mean).view(3, 1, 1), torch.tensor(preset.std).view(3, 1, 1)
    ours = torch.from_numpy(read_image(tmp_path / "one.png", (224, 224))).permute(2, 0, 1) / 255
    assert torch.allclose((ours - mean) / deviation, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (20, 40), (40, 20), (1, 1)])
def test_every_image_has_the_requested_size(animals, size):
    dataset, ids = ImageFolder(animals, size), np.arange(0, 60, 7)
    taken = dataset.take(ids)
    assert taken.pixels.shape == (len(ids), *size, 3) and taken.pixels.dtype == np.uint8 and taken.labels.dtype == np.int64
    shorter = round(size[0] / module.KEPT) if size[0] == size[1] else max(size)
    theirs = transforms.Compose([transforms.Resize(shorter), transforms.CenterCrop(size)])
    for id, pixels in zip(ids, taken.pixels, strict=True):
        assert np.array_equal(pixels, np.array(theirs(Image.open(dataset._files[id]).convert("RGB"))))


def test_images_come_in_the_requested_order(animals):
    dataset = ImageFolder(animals, (8, 8))
    forth, back = dataset.take(np.array([1, 30, 59])), dataset.take(np.array([59, 30, 1]))
    assert np.array_equal(forth.pixels, back.pixels[::-1]) and forth.labels.tolist() == [0, 1, 2]
    for id in (-1, 60):
        with pytest.raises(KeyError):
            dataset.take(np.array([id]))


@pytest.mark.parametrize("shares", [(0.7, 0.1, 0.1, 0.1), (0.0, 0.2, 0.3, 0.5), (0.25, 0.25, 0.25, 0.25)])
def test_splits_are_disjoint_and_complete(animals, shares):
    parts = [ImageFolder(animals, shares=shares).ids(split) for split in Split]
    assert sorted(np.concatenate(parts).tolist()) == list(range(60))
    assert [len(part) for part in parts] == [round(60 * share) for share in shares]


def test_the_split_depends_only_on_the_seed(animals, copy):
    one = ImageFolder(animals, seed=1)
    assert np.array_equal(one.ids(Split.TEST), ImageFolder(copy, seed=1).ids(Split.TEST))
    assert not np.array_equal(one.ids(Split.TRAIN), ImageFolder(animals, seed=2).ids(Split.TRAIN))


def test_the_digest_changes_with_every_byte_path_and_split(copy):
    def digest(**settings):
        return ImageFolder(copy, **settings).digest()

    first = digest()
    seen = {first, digest(seed=1), digest(image_size=(8, 8)), digest(shares=(0.1, 0.1, 0.1, 0.7))}
    image = copy / "cat" / "01.jpeg"
    whole = image.read_bytes()
    image.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    seen.add(digest())
    image.write_bytes(whole)
    assert digest() == first
    image.rename(copy / "eel" / "aa.jpeg")
    assert len(seen | {digest()}) == 6


def test_classes_may_have_other_names(animals):
    assert ImageFolder(animals, names=("dog", "cat", "eel")).class_names == ("dog", "cat", "eel")
    with pytest.raises(UserError) as caught:
        ImageFolder(animals, names=("dog", "cat")).ids(Split.TEST)
    assert_one_sentence(str(caught.value), "contains 3 folders", "'Dog'", "one for each class, 2 in their order", "such as 'dog'")


def test_folders_may_be_called_by_the_names_of_some_classes(tmp_path):
    for name in ("sea_lion", "ant", "lion"):
        (tmp_path / name).mkdir()
        noise(9, 9).save(tmp_path / name / "one.png")
    names = ("lion", "sea lion", "bee", "ant")
    dataset = ImageFolder(tmp_path, (8, 8), names=names)
    assert dataset.class_names == names
    assert dataset.take(np.arange(3)).labels.tolist() == [3, 0, 1]  # ant, lion, sea_lion
    # A folder for each class is not called by its place if all are called by their names.
    assert ImageFolder(tmp_path, (8, 8), names=("sea lion", "lion", "ant")).take(np.arange(3)).labels.tolist() == [2, 1, 0]
    with pytest.raises(UserError) as caught:
        ImageFolder(tmp_path, names=("lion", "sea lion", "bee", "wasp")).take(np.arange(3))
    assert_one_sentence(str(caught.value), "'ant' is not the name of a class", "4 in their order", "such as 'lion'")


def refusal(path: Path, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        read_image(path, (8, 8))
    assert_one_sentence(str(caught.value), path.name, *words)


@pytest.mark.parametrize(
    "width, height, words",
    [
        (9_000, 9_000, ["9,000 x 9,000 pixels", "more than 80,000,000"]),
        (60_000, 60_000, ["far more than 80,000,000"]),
        (50_000, 10, ["one side more than 20 times the other"]),
    ],
)
def test_a_decompression_bomb_is_refused_before_decoding(width, height, words, tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("it was decoded"))
    (tmp_path / "bomb.png").write_bytes(png(width, height))
    refusal(tmp_path / "bomb.png", *words)


def test_a_file_of_too_many_bytes_is_not_opened(tmp_path, monkeypatch):
    with open(tmp_path / "long.png", "wb") as file:
        file.truncate(module.MOST_BYTES + 1)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    refusal(tmp_path / "long.png", "100,000,001 bytes")


@pytest.mark.parametrize("content", [b"", b"not an image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"GIF89a" + bytes(40)])
def test_files_other_than_common_images_are_refused(content, tmp_path):
    (tmp_path / "other.png").write_bytes(content)
    refusal(tmp_path / "other.png", "is not an image of type JPEG, PNG")


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "webp", "tiff"])
def test_a_truncated_image_is_refused(kind, tmp_path):
    path = tmp_path / f"short.{kind}"
    noise(60, 60).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refusal(path, "remove it or replace it with a valid image")


def test_pipes_and_circular_links_are_skipped(copy):
    os.mkfifo(copy / "cat" / "pipe.png")
    (copy / "cat" / "circle").symlink_to(copy, target_is_directory=True)
    (copy / "cat" / "nowhere.png").symlink_to(copy / "gone.png")
    assert len(np.concatenate([ImageFolder(copy).ids(split) for split in Split])) == 60


def test_invalid_folders_are_refused_in_one_sentence(copy, tmp_path):
    (tmp_path / "empty").mkdir()
    (copy / "fox").mkdir()
    for where, words in (
        (tmp_path / "gone", ["There is no folder", "gone"]),
        (tmp_path / "empty", ["contains 0 folders"]),
        (copy, ["'fox'", "has no images"]),
    ):
        with pytest.raises(UserError) as caught:
            ImageFolder(where).ids(Split.TEST)
        assert_one_sentence(str(caught.value), *words)


@pytest.mark.parametrize("shares", [(1, 0, 0), (0.5, 0.5, 0.5, -0.5), (0.1, 0.1, 0.1, 0.1)])
def test_shares_that_do_not_add_up_are_refused(shares):
    with pytest.raises(UserError, match="add up to 1"):
        ImageFolder(Path("."), shares=shares)


def test_untrusted_folder_names_become_printable_text(tmp_path):
    for name in ("a\u202egnp", "b\nsecond line"):
        (tmp_path / name).mkdir()
        noise(9, 9).save(tmp_path / name / "one.png")
    assert ImageFolder(tmp_path).class_names == ("a gnp", "b second line")


def test_the_imagenet_family_runs_on_a_folder_of_a_thousand_classes(tmp_path):
    """With random weights: this tests the path from files to logits."""
    for number in range(1000):
        where = tmp_path / f"n{number:08d}"
        where.mkdir()
        noise(12, 9, seed=number).save(where / "one.png")
    names = tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])
    dataset = ImageFolder(tmp_path, (224, 224), shares=(0.0, 0.2, 0.3, 0.5), names=names)
    ids = dataset.ids(Split.TEST)[:2]
    taken = dataset.take(ids)
    assert taken.labels.tolist() == ids.tolist() and len(dataset.class_names) == 1000
    with torch.inference_mode():
        logits = imagenet_family().eval()(torch.from_numpy(taken.pixels).permute(0, 3, 1, 2).float() / 255)
    assert logits.shape == (3, 2, 1000) and torch.isfinite(logits).all()
