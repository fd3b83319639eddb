"""The bundles in the library, opened by id or by path."""

import os
from dataclasses import dataclass
from pathlib import Path

from engine.bundle.bundle import Bundle, read_bundle
from engine.bundle.replacing import UNFINISHED
from engine.errors import UserError
from engine.paths import bundles_folder


@dataclass(frozen=True)
class Entry:
    """A folder that should hold a bundle. Its name is the id by which the bundle is opened."""

    id: str
    folder: Path

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Changes whenever a file of the bundle does. Use it as the key when caching an opened bundle."""
        try:
            return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(self.folder.iterdir()))
        except FileNotFoundError:
            return ()  # just being replaced, or gone: opening it will tell


def entries(folder: Path | None = None) -> list[Entry]:
    """All bundle folders sorted by id, whole or broken. Folders with an ending for unfinished ones are left out."""
    folder = folder or bundles_folder()
    if not folder.is_dir():
        return []
    folders = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    # While a bundle is replaced it ends in .old for an instant, or until the next write if that was killed just then.
    bundles = {name.removesuffix(".old"): path for name, path in folders.items() if name.endswith(".old")}
    bundles |= {name: path for name, path in folders.items() if not name.endswith(UNFINISHED)}
    return [Entry(_as_text(name), bundles[name]) for name in sorted(bundles)]


def _as_text(name: str) -> str:
    """A folder's name without bytes that are not text, which could neither be printed nor sent to a browser."""
    return name.encode(errors="replace").decode()


def open_bundle(name: str) -> Bundle:
    """Open the bundle with this id or at this path. Raises UserError if it does not exist or is damaged."""
    return read_bundle(find_bundle(name).folder)


def find_bundle(name: str) -> Entry:
    """The bundle with this id or at this path, not opened yet. Raises UserError if it does not exist."""
    for entry in entries():
        if entry.id == name:
            return entry
    if name and os.path.isdir(name):  # unlike Path.is_dir, this takes any text
        folder = Path(name).resolve()  # resolved, so that "." has a name too
        return Entry(folder.name, folder)
    known = ", ".join(entry.id for entry in entries())
    remedy = f"give a path or one of: {known}" if known else "give a path, or make one with `compute` or `import`, as there are none yet"
    raise UserError(f"There is no bundle {name!r}; {remedy}.")
