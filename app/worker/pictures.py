"""The images that a view shows: those in the bundle, or those of its data set on this computer where a bundle may not hold them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app import store
from app.byte_cache import ByteCache
from app.dataset_texts import NOT_READ, NOT_THERE, OTHER_DATA
from app.worker.messages import Open, Take
from app.worker.process import WorkerLost, WorkerProcess
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.datasets.published.files import FILES
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.recipes import RECIPES
from engine.recipes.dataset_files import files_stamp

#: Keys of a bundle's provenance that identify its data set.
_IDENTIFYING = ("recipe", "dataset", "image_size")
#: Bytes of an example's id in a set.
_ID = 100


class Pictures(Protocol):
    """Encoded images by example id."""

    def __getitem__(self, id: int, /) -> bytes: ...

    def many(self, ids: Sequence[int | None]) -> list[bytes]:
        """Several at once; b"" for None and for ids without an image."""
        ...


class DatasetPictures(Mapping[int, bytes]):
    """Images of a data set, read and encoded by the worker when first needed. Reading may raise UserError.

    digest: of the data set; bundles made from the same one share what was read
    lost:   whether the worker was lost since: the data set may have changed
    """

    def __init__(self, provenance: Mapping[str, Any], datasets: str, digest: str, ids: frozenset[int]) -> None:
        self._provenance, self._datasets, self._digest, self._ids = provenance, datasets, digest, ids
        self.lost = False

    def many(self, ids: Sequence[int | None]) -> list[bytes]:
        images = {id: _encoded.peek((self._digest, id)) if id in self._ids else b"" for id in ids}
        missing = [id for id, image in images.items() if image is None and id is not None]
        if missing:
            for id, image in zip(missing, self._read(missing), strict=True):
                images[id] = image
                _encoded.put((self._digest, id), image)
        return [images[id] or b"" for id in ids]

    def _read(self, ids: Sequence[int]) -> Sequence[bytes]:
        try:
            return worker.call(Take(self._provenance, self._datasets, ids)).images
        except WorkerLost:
            self.lost = True
            raise

    def __getitem__(self, id: int) -> bytes:
        if id not in self._ids:
            raise KeyError(id)
        return self.many([id])[0]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(frozen=True, eq=False)
class Album:
    """The images of a bundle, or None and one sentence that says what is missing.

    reason:     why they are missing, to end a sentence in a file that is written here and read elsewhere; empty if the bundle has none
    obtainable: the data set whose download would bring them, by its name in FILES
    """

    pictures: Pictures | None
    missing: str = ""
    obtainable: str | None = None
    reason: str = ""


#: Reads the data sets of all bundles, for all visitors.
worker = WorkerProcess()
_encoded: ByteCache[bytes] = ByteCache(48_000_000, len)
_albums: ByteCache[Album] = ByteCache(16_000_000, lambda album: _ID * len(album.pictures) if isinstance(album.pictures, Mapping) else _ID)


def album(entry: Entry) -> Album:
    """Raises UserError if the bundle is damaged."""
    bundle = store.opened(entry)
    if bundle.images is not None:
        return Album(bundle.images)
    if bundle.reads_texts:
        missing = store.missing_texts(entry)
        return Album(None, missing.here or "No image: this bundle holds none.", reason=missing.reason)
    # When the files of its data set change, the album is opened again.
    key = str(entry.folder), entry.stamp(), str(datasets_folder()), files_stamp(bundle.provenance, datasets_folder())
    try:
        opened = _albums.get(key, lambda: _album(bundle))
        if isinstance(opened.pictures, DatasetPictures) and opened.pictures.lost:
            _albums.drop(key)
            opened = _albums.get(key, lambda: _album(bundle))
        return opened
    except WorkerLost as problem:  # not kept: the next call starts another worker
        return Album(None, f"No image. {problem}", reason=NOT_READ)


def identifying(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What of a bundle's provenance identifies its data set."""
    return {key: provenance[key] for key in _IDENTIFYING if key in provenance}


def _album(bundle: Bundle) -> Album:
    name = str(bundle.provenance.get("dataset"))
    files = FILES.get(name)
    if str(bundle.provenance.get("recipe")) not in RECIPES and "image_size" not in bundle.provenance and files is None:
        return Album(None, "No image: this bundle holds none.")
    if files and not files.complete(datasets_folder()):
        return Album(None, f"No image: {files.title} is not on this computer.", name, NOT_THERE)
    provenance = identifying(bundle.provenance)
    datasets = str(datasets_folder())
    try:
        digest = worker.call(Open(provenance, datasets)).digest
    except WorkerLost:
        raise
    except UserError as problem:
        if files:
            return Album(None, f"No image: {files.title} on this computer is damaged.", name, NOT_READ)
        return Album(None, f"No image: {problem}", reason=NOT_READ)
    if digest is None or digest != bundle.provenance.get("dataset_digest"):
        missing = "No image: the data set on this computer is not the one that this bundle was made from."
        return Album(None, missing, reason=OTHER_DATA)
    return Album(DatasetPictures(provenance, datasets, digest, frozenset(bundle.outputs.test().ids.tolist())))
