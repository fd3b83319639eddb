"""The pictures a page shows: a bundle's own, or those of its data set where they may not be handed on but lie here."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from app import store
from engine.bundle import Bundle
from engine.datasets.base import Dataset
from engine.datasets.torchvision_files import FILES, Stamp
from engine.errors import UserError
from engine.library import Entry
from engine.paths import datasets_folder
from engine.recipes import RECIPES
from engine.recipes.folder import dataset_of


class Pictures(Protocol):
    """Encoded pictures by example id."""

    def __contains__(self, id: int) -> bool: ...

    def __getitem__(self, id: int) -> bytes: ...


def encode_exactly(pixels: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 -> lossless WebP: of 32 x 32 pixels none is there to spare, and 2 kB are no burden."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, method=0)
    return file.getvalue()


class DatasetPictures(Mapping[int, bytes]):
    """Pictures of a data set, encoded when they are first asked for."""

    def __init__(self, dataset: Dataset, ids: set[int]) -> None:
        self._dataset, self._ids = dataset, ids
        self._encoded: dict[int, bytes] = {}

    def __getitem__(self, id: int) -> bytes:
        if id not in self._ids:
            raise KeyError(id)
        if id not in self._encoded:
            self._encoded[id] = encode_exactly(self._dataset.take(np.array([id])).pixels[0])
        return self._encoded[id]

    def __iter__(self):
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True, eq=False)
class Album:
    """The pictures of a bundle, or none and one sentence that says what is missing.

    obtainable: the data set whose download would bring them, by its name in FILES
    """

    pictures: Pictures | None
    missing: str = ""
    obtainable: str | None = None


def album(entry: Entry) -> Album:
    bundle = store.opened(entry)
    return _album(str(entry.folder), entry.stamp(), str(datasets_folder()), _lying(bundle), bundle)


def _lying(bundle: Bundle) -> Stamp:
    """What of the bundle's data set lies here, if it comes in files we know: when that changes the album is opened anew."""
    files = FILES.get(str(bundle.provenance.get("dataset")))
    return files.stamp(datasets_folder()) if files and bundle.images is None else ()


@st.cache_resource(show_spinner=False, max_entries=16)
def _album(folder: str, stamp: store.Stamp, datasets: str, lying: Stamp, _bundle: Bundle) -> Album:
    if _bundle.images is not None:
        return Album(_bundle.images)
    name = str(_bundle.provenance.get("dataset"))
    files = FILES.get(name)
    if str(_bundle.provenance.get("recipe")) not in RECIPES and files is None:
        return Album(None, "No picture here: this bundle holds none.")
    if files and len(lying) < len(files.opened):
        return Album(None, f"No picture here: {files.title} is not on this computer.", name)
    try:
        dataset = dataset_of(_bundle.provenance) or _torchvision(name)
        if files:
            dataset = _shared(repr(dataset), datasets, lying, dataset)
        if dataset.digest() != _bundle.provenance.get("dataset_digest"):
            return Album(None, "No picture here: the data set that lies here is not the one this bundle was made from.")
    except UserError as problem:
        if files:
            return Album(None, f"No picture here: {files.title} on this computer is not whole.", name)
        return Album(None, f"No picture here: {problem}")
    return Album(DatasetPictures(dataset, set(_bundle.outputs.test().ids.tolist())))


@st.cache_resource(show_spinner=False, max_entries=4)
def _shared(which: str, datasets: str, lying: Stamp, _dataset: Dataset) -> Dataset:
    """One copy of a data set for all bundles over it: CIFAR-10 takes 184 MB."""
    return _dataset


def _torchvision(name: str) -> Dataset:
    from engine.datasets.torchvision_sets import TorchvisionSet  # with torch, so only where its files lie

    return TorchvisionSet(name)
