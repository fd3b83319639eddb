"""The pictures a page shows: a bundle's own, or those of its data set where they may not be handed on but lie here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import streamlit as st

from app import store
from engine.bundle import Bundle
from engine.datasets.base import Dataset
from engine.errors import UserError
from engine.images import encode
from engine.library import Entry
from engine.recipes import RECIPES


class Pictures(Protocol):
    """Encoded pictures by example id."""

    def __contains__(self, id: int) -> bool: ...

    def __getitem__(self, id: int) -> bytes: ...


class DatasetPictures(Mapping[int, bytes]):
    """Pictures of a data set, encoded when they are asked for."""

    def __init__(self, dataset: Dataset, ids: set[int]) -> None:
        self._dataset, self._ids = dataset, ids

    def __getitem__(self, id: int) -> bytes:
        if id not in self._ids:
            raise KeyError(id)
        return encode(self._dataset.take([id]).pixels[0])

    def __iter__(self):
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True, eq=False)
class Album:
    """The pictures of a bundle, or none and one sentence that says what is missing."""

    pictures: Pictures | None
    missing: str = ""


def album(entry: Entry) -> Album:
    return _album(str(entry.folder), entry.stamp(), store.opened(entry))


@st.cache_resource(show_spinner=False, max_entries=16)
def _album(folder: str, stamp: store.Stamp, _bundle: Bundle) -> Album:
    if _bundle.images is not None:
        return Album(_bundle.images)
    recipe = RECIPES.get(str(_bundle.provenance.get("recipe")))
    if recipe is None:
        return Album(None, "No picture here: this bundle holds none.")
    try:
        dataset = recipe.dataset()
        if dataset.digest() != _bundle.provenance.get("dataset_digest"):
            return Album(None, "No picture here: the data set that lies here is not the one this bundle was made from.")
    except UserError as problem:
        return Album(None, f"No picture here: {problem}")
    return Album(DatasetPictures(dataset, set(_bundle.outputs.test().ids.tolist())))
