"""What becomes of a file that may be invalid, and what it takes to find out."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from engine.bundle.bundle import read_bundle
from engine.errors import UserError
from engine.importing.options import Options
from engine.importing.readers.separate_process import ImportTask, Worker
from tests.sentences import assert_one_sentence

#: Memory that an import may take.
MOST = 256 * 2**20


def outcome(worker: Worker, path: Path, options: dict[str, Any], most: int = MOST) -> str:
    """The refusal of a file, or nothing if it was imported. Fails if it is neither, or if something else is left."""
    folder = path.parent / "bundle"
    options = dict(options)
    kind = options.pop("kind", None)
    given = Options(**options | {"models": tuple(options.get("models", ()))})
    try:
        worker.import_file(ImportTask(path, "x", folder, None, kind, given, most))
    except UserError as refused:
        assert_one_sentence(str(refused))
        assert len(str(refused)) < 500 and str(refused).isprintable()
        assert not folder.exists()
        return str(refused)
    read_bundle(folder)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    return ""


@contextmanager
def memory_of(worker: Worker) -> Generator[list[int]]:
    """The most memory that a worker has taken, in bytes, as the system states it from outside; a growing list."""
    peaks, done = [0], Event()

    def watch() -> None:
        while not done.wait(0.01):
            try:
                status = Path(f"/proc/{worker.pid}/status").read_text()
            except OSError:
                continue
            if "VmHWM:" in status:
                peaks.append(max(peaks[-1], 1024 * int(status.split("VmHWM:")[1].split()[0])))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()
