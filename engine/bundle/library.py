"""The bundles that are here: found by id or by path, the broken ones told apart from the whole ones."""

import os
from dataclasses import dataclass
from pathlib import Path

from engine.bundle.bundle import UNFINISHED, Bundle, read_bundle
from engine.errors import UserError
from engine.paths import bundles_folder


@dataclass(frozen=True)
class Entry:
    """A folder that should be a bundle. The folder's name is the id by which it is asked for."""

    id: str
    folder: Path

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Changes whenever any file of the bundle does: the key under which an opened bundle may be kept."""
        try:
            return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(self.folder.iterdir()))
        except FileNotFoundError:
            return ()  # replaced this very moment, or gone: whoever opens it will see


def entries(folder: Path | None = None) -> list[Entry]:
    """Every bundle folder, whole or broken, by id. Unfinished ones carry another ending and are left out."""
    folder = folder or bundles_folder()
    if not folder.is_dir():
        return []
    here = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    # A bundle about to be replaced lies under its other name for an instant, or until the next write if that was killed just then.
    found = {name.removesuffix(".old"): path for name, path in here.items() if name.endswith(".old")}
    found |= {name: path for name, path in here.items() if not name.endswith(UNFINISHED)}
    return [Entry(id, found[id]) for id in sorted(found)]


def open_bundle(name: str) -> Bundle:
    """The bundle with this id, or at this path. Raises UserError if there is none or it is damaged."""
    for entry in entries():
        if entry.id == name:
            return read_bundle(entry.folder)
    if name and os.path.isdir(name):  # unlike Path.is_dir, this takes any text
        return read_bundle(Path(name).resolve())  # resolved, so that "." too has a name
    known = ", ".join(entry.id for entry in entries()) or "none yet"
    raise UserError(f"There is no bundle {name!r}; give a path or one of: {known}.")
