"""Whose pictures a page shows, and what it says where there are none."""

from pathlib import Path

import numpy as np
import pytest

from app.worker import loop, pictures
from app.worker.messages import Reply, Request
from engine.bundle.bundle import write_bundle
from engine.bundle.library import Entry
from engine.datasets.base import Images
from engine.errors import UserError
from engine.recipes import Recipe, Training, catalogue
from tests import synthetic

PIXELS = np.full((4, 4, 3), 200, np.uint8)


class Elsewhere:
    """A data set whose pictures stay where they are."""

    name, class_names, image_size, shippable = "elsewhere", ("a", "b"), (4, 4), False

    def take(self, ids) -> Images:
        return Images(np.repeat(PIXELS[None], len(ids), axis=0), np.zeros(len(ids), np.int64))

    def digest(self) -> str:
        return "the right one"


def nowhere() -> Elsewhere:
    raise UserError("There is no data set in datasets; fetch it with a command.")


class Here:
    """The worker without a process of its own, so that it knows the recipes of the tests."""

    def ask(self, request: Request) -> Reply:
        answer = loop.answered(request)
        assert answer.fault is None, answer.fault
        if answer.problem is not None:
            raise UserError(answer.problem)
        return answer


def bundle(folder: Path, monkeypatch: pytest.MonkeyPatch, dataset: object, digest: str = "the right one") -> Entry:
    recipe = Recipe("there", "There", "A recipe.", dataset, lambda: None, Training(epochs=1))
    monkeypatch.setitem(catalogue._recipes, "there", recipe)
    monkeypatch.setattr(pictures, "worker", Here())
    about = {"recipe": "there", "dataset_digest": digest}
    write_bundle(synthetic.draft(synthetic.outputs(examples=90), "bare", images=(), provenance=about), folder / "bare")
    return Entry("bare", folder / "bare")


def test_a_bundles_own_pictures_come_first(tmp_path: Path) -> None:
    write_bundle(synthetic.draft(synthetic.outputs(examples=90), "own"), tmp_path / "own")
    assert len(pictures.album(Entry("own", tmp_path / "own")).pictures) == 30


def test_else_those_of_its_data_set_of_the_test_split_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pictures.album(bundle(tmp_path, monkeypatch, Elsewhere))
    ids = synthetic.outputs(examples=90).test().ids
    assert found.pictures is not None and set(found.pictures) == set(ids.tolist())
    assert found.pictures[int(ids[0])] == loop.encode_exactly(PIXELS)
    with pytest.raises(KeyError):
        found.pictures[-1]


@pytest.mark.parametrize(("dataset", "digest", "said"), [(nowhere, "the right one", "fetch it"), (Elsewhere, "another", "not the one")])
def test_else_a_sentence_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: object, digest: str, said: str
) -> None:
    found = pictures.album(bundle(tmp_path, monkeypatch, dataset, digest))
    assert found.pictures is None and said in found.missing
