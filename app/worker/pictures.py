"""The pictures a page shows: a bundle's own, or those of its data set where they may not be handed on but lie here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app import store
from app.byte_cache import ByteCache
from app.worker.messages import Open, Take
from app.worker.process import WorkerLost, WorkerProcess
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.datasets.published.files import FILES, Stamp
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.recipes import RECIPES

#: What of a bundle's provenance tells its data set.
_TELLING = ("recipe", "dataset", "image_size")
#: Bytes that an example's id takes in a set.
_ID = 100


class Pictures(Protocol):
    """Encoded pictures by example id."""

    def __contains__(self, id: int) -> bool: ...

    def __getitem__(self, id: int) -> bytes: ...

    def many(self, ids: Sequence[int | None]) -> list[bytes]:
        """Several at once; empty where there is none, as for None."""
        ...


class DatasetPictures(Mapping[int, bytes]):
    """Pictures of a data set, read and encoded by the worker when they are first asked for. Asking may raise UserError.

    digest: of the data set: bundles made from the same one share what was read
    lost:   whether the worker was lost once: what it said before need no longer hold
    """

    def __init__(self, provenance: Mapping[str, Any], datasets: str, digest: str, ids: frozenset[int]) -> None:
        self._provenance, self._datasets, self._digest, self._ids = provenance, datasets, digest, ids
        self.lost = False

    def many(self, ids: Sequence[int | None]) -> list[bytes]:
        found = {id: _encoded.peek((self._digest, id)) if id in self._ids else b"" for id in ids}
        missing = [id for id, picture in found.items() if picture is None]
        if missing:
            for id, picture in zip(missing, self._read(missing), strict=True):
                found[id] = picture
                _encoded.put((self._digest, id), picture)
        return [found[id] or b"" for id in ids]

    def _read(self, ids: Sequence[int]) -> Sequence[bytes]:
        try:
            return worker.ask(Take(self._provenance, self._datasets, ids)).pictures
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
    """The pictures of a bundle, or none and one sentence that says what is missing.

    obtainable: the data set whose download would bring them, by its name in FILES
    """

    pictures: Pictures | None
    missing: str = ""
    obtainable: str | None = None


#: Reads the data sets of all bundles, for all visitors.
worker = WorkerProcess()
_encoded: ByteCache[bytes] = ByteCache(48_000_000, len)
_albums: ByteCache[Album] = ByteCache(16_000_000, lambda album: _ID * len(album.pictures) if isinstance(album.pictures, Mapping) else _ID)


def album(entry: Entry) -> Album:
    bundle = store.opened(entry)
    if bundle.images is not None:
        return Album(bundle.images)
    key = str(entry.folder), entry.stamp(), str(datasets_folder()), _lying(bundle)
    try:
        found = _albums.get(key, lambda: _album(bundle))
        if isinstance(found.pictures, DatasetPictures) and found.pictures.lost:
            _albums.drop(key)
            found = _albums.get(key, lambda: _album(bundle))
        return found
    except WorkerLost as problem:  # not kept: the next look starts another one
        return Album(None, f"No picture here. {problem}")


def _lying(bundle: Bundle) -> Stamp:
    """What of the bundle's data set lies here, if it comes in files we know: when that changes the album is opened anew."""
    files = FILES.get(str(bundle.provenance.get("dataset")))
    return files.stamp(datasets_folder()) if files else ()


def _album(bundle: Bundle) -> Album:
    name = str(bundle.provenance.get("dataset"))
    files = FILES.get(name)
    if str(bundle.provenance.get("recipe")) not in RECIPES and files is None:
        return Album(None, "No picture here: this bundle holds none.")
    if files and not files.complete(datasets_folder()):
        return Album(None, f"No picture here: {files.title} is not on this computer.", name)
    provenance = {key: bundle.provenance[key] for key in _TELLING if key in bundle.provenance}
    datasets = str(datasets_folder())
    try:
        digest = worker.ask(Open(provenance, datasets)).digest
    except WorkerLost:
        raise
    except UserError as problem:
        if files:
            return Album(None, f"No picture here: {files.title} on this computer is not whole.", name)
        return Album(None, f"No picture here: {problem}")
    if digest is None or digest != bundle.provenance.get("dataset_digest"):
        return Album(None, "No picture here: the data set that lies here is not the one this bundle was made from.")
    return Album(DatasetPictures(provenance, datasets, digest, frozenset(bundle.outputs.test().ids.tolist())))
