"""Which images a page shows, and what it says if they are missing."""

from pathlib import Path

import numpy as np
import pytest

from app.worker import loop, pictures
from app.worker.messages import Reply, Request
from engine.bundle.bundle import write_bundle
from engine.bundle.library import Entry
from engine.datasets.base import Images, MaskedImages
from engine.errors import UserError
from engine.recipes import Recipe, RecipeConfig, Training, catalogue
from tests import synthetic

PIXELS = np.full((4, 4, 3), 200, np.uint8)


class Elsewhere:
    """A data set whose images may not go into a bundle."""

    name, class_names, image_size, shippable = "elsewhere", ("a", "b"), (4, 4), False

    def take(self, ids) -> Images:
        return Images(np.repeat(PIXELS[None], len(ids), axis=0), np.zeros(len(ids), np.int64))

    def digest(self) -> str:
        return "the same one"


class Masked(Elsewhere):
    """One of images with masks. Its images are shown without them."""

    has_masks = True

    def take(self, ids) -> MaskedImages:
        return MaskedImages(np.repeat(PIXELS[None], len(ids), axis=0), np.zeros((len(ids), 4, 4), np.uint8))


def nowhere() -> Elsewhere:
    raise UserError("There is no data set in datasets; fetch it with a command.")


class Here:
    """The worker inside this process, so that it knows the recipes of the tests."""

    def call(self, request: Request) -> Reply:
        reply = loop.reply_to(request)
        assert reply.fault is None, reply.fault
        if reply.problem is not None:
            raise UserError(reply.problem)
        return reply


def bundle(folder: Path, monkeypatch: pytest.MonkeyPatch, dataset: object, digest: str = "the same one") -> Entry:
    recipe = Recipe(RecipeConfig("there", "There", "A recipe.", Training(epochs=1)), dataset, lambda: None)
    monkeypatch.setitem(catalogue._recipes, "there", recipe)
    monkeypatch.setattr(pictures, "worker", Here())
    about = {"recipe": "there", "dataset_digest": digest}
    write_bundle(synthetic.draft(synthetic.outputs(examples=90), "bare", images=(), provenance=about), folder / "bare")
    return Entry("bare", folder / "bare")


def test_the_images_in_a_bundle_come_first(tmp_path: Path) -> None:
    write_bundle(synthetic.draft(synthetic.outputs(examples=90), "own"), tmp_path / "own")
    assert len(pictures.album(Entry("own", tmp_path / "own")).pictures) == 30


@pytest.mark.parametrize("dataset", [Elsewhere, Masked])
def test_else_they_are_those_of_its_data_set_in_the_test_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: type[Elsewhere]
) -> None:
    images = pictures.album(bundle(tmp_path, monkeypatch, dataset)).pictures
    ids = synthetic.outputs(examples=90).test().ids
    assert images is not None and set(images) == set(ids.tolist())
    assert images[int(ids[0])] == loop.encode_exactly(PIXELS)
    with pytest.raises(KeyError):
        images[-1]


@pytest.mark.parametrize(("dataset", "digest", "words"), [(nowhere, "the same one", "fetch it"), (Elsewhere, "another", "not the one")])
def test_else_a_sentence_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: object, digest: str, words: str
) -> None:
    album = pictures.album(bundle(tmp_path, monkeypatch, dataset, digest))
    assert album.pictures is None and words in album.missing
