"""One writer at a time for each bundle."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import UserError

#: The bundles that this thread is writing.
_mine: ContextVar[frozenset[Path]] = ContextVar("_mine", default=frozenset())


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Keep every other process and thread from writing the bundle `folder`. The system releases the lock when its holder dies.

    Raises UserError if another one is writing it, and OSError if its place cannot be written. It may be nested.
    """
    place = folder.absolute()
    if place in _mine.get():
        yield
        return
    path = place.with_name(f".{place.name}.lock")
    lock = _acquired(path, folder)
    token = _mine.set(_mine.get() | {place})
    try:
        yield
    finally:
        _mine.reset(token)
        with suppress(OSError):  # Windows removes no file that is open
            path.unlink()
        lock.release()


def _acquired(path: Path, folder: Path) -> FileLock:
    while True:
        locked: list[int] = []
        lock = FileLock(path, timeout=0, thread_local=False, on_acquired=lambda handle, kept=locked: kept.append(os.fstat(handle).st_ino))
        try:
            lock.acquire()
        except Timeout:
            remedy = "wait until it is done, or choose another place with --out"
            raise UserError(f"{folder} is being written by another process; {remedy}.") from None
        # The last holder removes the file, so it may be gone, or be another one, by the time it is locked.
        with suppress(FileNotFoundError):
            if path.stat().st_ino in locked:
                return lock
        lock.release()
