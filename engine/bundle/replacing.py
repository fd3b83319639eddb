"""Where a bundle may be written, and how it takes the place of an earlier one.

A bundle is written beside its place under a temporary name and then renamed, so a process that is killed leaves the old bundle or the new
one. What is not ours is never deleted: neither in the bundle's place nor under the temporary names.
"""

import errno
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from engine.bundle.manifest import IMAGES, LOGITS, MANIFEST, MASKS, SAMPLE, SAMPLE_LOGITS, TABLE
from engine.bundle.origin import Origin
from engine.display_text import printable
from engine.errors import UserError

#: Endings of the folders beside a bundle that are used while it is computed, written and replaced.
UNFINISHED = (".partial", ".new", ".old")
#: The file in a `.partial` folder that states which run its shards belong to.
RUN = "run.json"
#: What a system reports when the disk, or the user's share of it, is full.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SHARD = re.compile(r"\d{6}\.safetensors")


def prepare_place(folder: Path) -> None:
    """Create the parent of a bundle's folder. Raises UserError if that fails, or if a place that the bundle needs holds something else."""
    try:
        check_no_link(folder)
        check_above(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        for path in (folder, *(folder.with_name(folder.name + ending) for ending in UNFINISHED)):
            if (path.exists() or path.is_symlink()) and not _is_ours(path):
                raise UserError(f"{path} already exists and is not a bundle; choose another place with --out, or move it away.")
    except OSError as problem:
        raise cannot_write(folder, problem) from problem


def check_no_link(folder: Path) -> None:
    """Raise UserError if the place of a bundle is a link: what takes its place would leave the folder that it leads to as it is."""
    if folder.is_symlink():
        raise UserError(
            f"{folder} is a symbolic link and is not a bundle; choose another place with --out, or the folder that it leads to."
        )


def check_above(folder: Path) -> None:
    """Raise UserError if something above a bundle's folder is no folder."""
    above = next((path for path in folder.parents if path.exists() or path.is_symlink()), None)
    if above is not None and not above.is_dir():
        raise UserError(f"{folder} cannot be written because {above} is not a folder; choose another place with --out.")


@contextmanager
def reporting(folder: Path) -> Generator[None]:
    """Raise UserError if the bundle `folder` cannot be written, as when the disk is full."""
    try:
        yield
    except OSError as problem:
        raise cannot_write(folder, problem) from problem


def cannot_write(folder: Path, problem: OSError) -> UserError:
    if problem.errno in _FULL:
        return UserError(f"{folder} cannot be written because the disk is full; free some space, or choose another place with --out.")
    reason = printable(os.strerror(problem.errno) if problem.errno else str(problem), 200)  # Arrow words it in its own way
    return UserError(f"{folder} cannot be written ({reason}); choose another place with --out.")


def is_imported(folder: Path) -> bool:
    """Whether a folder holds a bundle of imported outputs, as far as its manifest says, which is not checked here."""
    origin = Origin.of(folder)
    return origin is not None and origin.imported_from != ""


def _is_ours(path: Path) -> bool:
    if not path.is_dir():
        return False
    names = {entry.name.removesuffix(".tmp") for entry in path.iterdir()}
    data = (TABLE, LOGITS, IMAGES, MASKS, SAMPLE, SAMPLE_LOGITS)
    return MANIFEST in names or RUN in names or all(name in data or _SHARD.fullmatch(name) for name in names)


def swap_in(new: Path, folder: Path) -> None:
    """Put the finished folder `new` in the place of `folder`."""
    old = _old(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def undo_half_swap(folder: Path) -> None:
    """Between the two renames of a swap the old bundle has its temporary name. Undo a swap that was killed there."""
    if not folder.exists() and _old(folder).is_dir():
        _old(folder).rename(folder)


def _old(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")
