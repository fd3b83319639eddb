"""Imports someone's outputs into a bundle: arrays or a log, from one file or from memory. Every array and every column is checked.

`engine.importing.help_text` lists all arrays and columns with their shapes. The columns of a Parquet file that holds arrays are described
in `engine.importing.readers.parquet`. The arrays of a safetensors file hold no text: its metadata has names as JSON lists and topology as
text. Limits: 255 exits, 100,000 classes, 10 million examples, and the memory of the import, see `engine.importing.budget`. Files in the
form of `engine.importing.large` are read in batches and may have more examples.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Draft, check_id, write_bundle
from engine.bundle.lock import writing
from engine.bundle.replacing import check_above, check_no_link, is_imported, prepare_place, reporting
from engine.bundle.whole import Whole
from engine.display_text import printable
from engine.errors import UserError
from engine.importing.budget import MOST_MEMORY
from engine.importing.draft import Origin, checked_kind, draft_of
from engine.importing.large.importer import import_large
from engine.importing.large.source import Source, described
from engine.importing.options import Options
from engine.importing.readers import read_arrays
from engine.outputs import CascadeKind
from engine.paths import bundles_folder
from engine.storage.files import sha256_of

logger = logging.getLogger("offramp.importing")


@dataclass(frozen=True, eq=False)
class Imported:
    """A bundle made from a file.

    notes:    what its owner should know about it, one sentence each
    replaced: whether it took the place of an earlier import
    whole:    all examples of a large bundle, where the draft has the outputs of a sample, else None
    tested:   (exits,) mean quality of each exit on all test examples, where that is not the one of the draft
    """

    folder: Path
    draft: Draft
    notes: tuple[str, ...]
    replaced: bool
    whole: Whole | None = None
    tested: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        return f"Imported({self.draft.id!r} in {str(self.folder)!r}, {self.draft.outputs!r})"


def import_file(
    path: Path,
    id: str,
    title: str | None = None,
    kind: CascadeKind | str | None = None,
    out: Path | None = None,
    most: int = MOST_MEMORY,
    options: Options | None = None,
) -> Imported:
    """Check a file and write its bundle. Raises UserError, and writes nothing, if anything in the file is wrong.

    kind:    overrides the file's topology;  out: the bundle's folder, by default the one with that id in the library
    most:    memory that the import may take, in bytes; a file that declares more is refused before it is read
    options: how to read a log
    """
    folder = out or bundles_folder() / check_id(id)
    check_place(folder)
    given, kind = options or Options(), checked_kind(kind)
    source = described(path, most, kind, given)
    if source is not None:
        return _imported_large(source, id, title, kind, given, folder)
    return written(*draft_from(path, id, title, kind, most, given), folder)


def _imported_large(source: Source, id: str, title: str | None, kind: CascadeKind | None, options: Options, folder: Path) -> Imported:
    check_id(id)
    prepare_place(folder)
    with reporting(folder), writing(folder):
        replaced = replaces(folder)
        made = import_large(source, id, title, kind, options, folder)
    bundle = made.bundle
    names = {name: getattr(bundle, name) for name in ("id", "title", "outputs", "class_names", "exit_names", "unit_notes", "provenance")}
    return Imported(folder, Draft(**names), made.notes, replaced, bundle.whole, made.accuracy)


def draft_from(
    path: Path,
    id: str,
    title: str | None = None,
    kind: CascadeKind | str | None = None,
    most: int = MOST_MEMORY,
    options: Options | None = None,
) -> tuple[Draft, tuple[str, ...]]:
    """The bundle that a file would make, and the notes about it."""
    check_id(id)
    given = read_arrays(path, most)
    return draft_of(Origin(printable(path.name), given, {"sha256": sha256_of(path)}), id, title, kind, options or Options(), most)


def written(draft: Draft, notes: tuple[str, ...], folder: Path) -> Imported:
    """Write the bundle. Raises UserError if that fails."""
    logger.info("3 of 3: writing the bundle")
    prepare_place(folder)
    with reporting(folder), writing(folder):
        replaced = replaces(folder)  # once more: there may be another bundle by now
        write_bundle(draft, folder)
    return Imported(folder, draft, notes, replaced)


def check_place(folder: Path) -> None:
    """Raise UserError, before the work, if a bundle may not be written to `folder` or another process is writing it."""
    with reporting(folder):
        check_above(folder)
        replaces(folder)
        if folder.parent.is_dir():
            with writing(folder):
                pass


def replaces(folder: Path) -> bool:
    """Whether there is an earlier import, the only thing that may be replaced: not a computed bundle, and not an unrelated folder."""
    check_no_link(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not is_imported(folder):
        raise UserError(f"{folder} already exists and is not an imported bundle; choose another --id or --out.")
    return True
