"""Reading files from strangers in a process of its own, whose memory the system limits and which is ended if it takes too long.

The worker, `engine.importing.worker`, does one task after the other: it reads a file, or it makes a whole import. Its libraries are
loaded by then, so a task that follows another starts at once. If a task ends it, as damaged files can, the next one gets a new worker.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pyarrow as pa

from engine.bundle.bundle import discard_unfinished
from engine.display_text import printable
from engine.errors import UserError
from engine.importing.budget import MOST_MEMORY, in_option, in_words
from engine.importing.logs.table import Table
from engine.importing.options import Options
from engine.importing.readers.npz import read_npz
from engine.importing.schema import Given, damaged

_ROOT = Path(__file__).resolve().parents[3]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from engine.importing.worker import main; main()"
#: What the worker writes of a file that it has read: its arrays, or the columns of its table.
ARRAYS, COLUMNS = "arrays.npz", "columns.arrow"
#: Seconds that any task may take, and how many bytes of the file, and of the memory that its import needs, must be done with in a second.
#: Four times as long as on two cores with seven times as much to do, see docs/performance.md.
PATIENCE, SLOWEST_READ, SLOWEST_IMPORT = 60.0, 1e6, 2e6

logger = logging.getLogger("offramp.importing")

#: Whether this is the worker, in which files may be decoded.
is_confined: ContextVar[bool] = ContextVar("is_confined", default=False)


@dataclass(frozen=True)
class ImportTask:
    """The arguments of `engine.importing.importer.import_file`.

    folder: of the bundle;  seconds: that the import may take, by default what the sizes of the file suggest
    """

    path: Path
    id: str
    folder: Path
    title: str | None = None
    kind: str | None = None
    options: Options = field(default_factory=Options)
    most: int = MOST_MEMORY
    seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        costs = None if self.options.costs is None else str(self.options.costs)
        options = {of.name: getattr(self.options, of.name) for of in fields(Options)} | {"costs": costs}
        place = {"path": str(self.path), "folder": str(self.folder)}
        return {"task": "import", "id": self.id, "title": self.title, "kind": self.kind, "options": options, **place}


def out_of_memory(name: str, most: int) -> UserError:
    limit = f"takes more than the {in_words(most)} of memory allowed"
    remedy = f"give fewer rows, or raise the limit, for example with --most-memory {in_option(2 * most)}"
    return UserError(f"{name} is damaged, or its import {limit}; {remedy}.")


class Worker(AbstractContextManager["Worker"]):
    """Does tasks in another process, which is started by the first one. Not for several threads at once."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: Queue[str | None] = Queue()
        #: Memory that the last task needs, as it was estimated, in bytes.
        self.needed = 0

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def run(self, task: Mapping[str, Any], path: Path, most: int, seconds: float | None = None) -> Any:
        """What the worker answers. Raises UserError if it refuses the file, runs out of memory or takes too long.

        task:    see `engine.importing.worker`;  path: of the file that it is about
        most:    bytes of memory that it may take
        seconds: that it may take, by default what the sizes of the file suggest
        """
        name = printable(path.name)
        try:
            size = path.stat().st_size
        except OSError:  # the worker says what is the matter
            size = 0
        try:
            return self._answer(self._sent({**task, "most": most}), name, most, size, seconds)
        except BaseException as problem:
            if not isinstance(problem, UserError):
                self.close()
            raise

    def import_file(self, given: "ImportTask") -> dict[str, Any]:
        """Import a file; returns what `engine.importing.summary` says about it. Raises UserError, and writes nothing, if it is refused."""
        try:
            return self.run(given.as_json(), given.path, given.most, given.seconds)
        finally:
            if self._process is None:  # it was ended, perhaps while it wrote the bundle
                discard_unfinished(given.folder)

    def _sent(self, task: Mapping[str, Any]) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._answers = Queue()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, str(_ROOT)],
                env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
            Thread(target=_forward, args=(self._process, self._answers), daemon=True).start()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return self._process

    def _answer(self, process: "subprocess.Popen[str]", name: str, most: int, size: int, seconds: float | None) -> Any:
        began, allowed = time.monotonic(), PATIENCE + size / SLOWEST_READ if seconds is None else seconds
        while True:
            try:
                line = self._answers.get(timeout=max(0.0, began + allowed - time.monotonic()))
            except Empty:
                self.close()
                raise _too_slow(name, allowed) from None
            if line is None:
                self.close()
                raise out_of_memory(name, most)
            kind, content = json.loads(line)
            if kind == "done":
                return content
            if kind == "refused":
                raise UserError(content)
            if kind == "failed":
                raise RuntimeError(f"the import of {name} failed:\n{content}")
            if kind == "needs":
                self.needed = content
                if seconds is None:
                    allowed = PATIENCE + size / SLOWEST_READ + content / SLOWEST_IMPORT
            if kind == "log":
                logger.info("%s", content)


def _forward(process: "subprocess.Popen[str]", answers: "Queue[str | None]") -> None:
    """Pass on the lines of a process, and None when it has ended."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(line)
    except ValueError:  # closed
        pass
    answers.put(None)


def _too_slow(name: str, seconds: float) -> UserError:
    minutes = f"{seconds / 60:.3g}"
    limit = f"took longer than the {minutes} {'minute' if minutes == '1' else 'minutes'} allowed for its size"
    remedy = f"give fewer rows, or raise the limit, for example with --most-minutes {2 * seconds / 60:.3g}"
    return UserError(f"The import of {name} {limit}; {remedy}.")


def decode(decoder: str, path: Path, most: int) -> Given:
    """The contents of a file, read by a module of `engine.importing.readers` in a worker. Raises UserError if it refuses the file."""
    if is_confined.get():
        return decoded_here(decoder, path, most)
    with tempfile.TemporaryDirectory() as folder, Worker() as worker:
        return read_back(worker.run({"task": "read", "decoder": decoder, "path": str(path), "folder": folder}, path, most), folder, path)


def decoded_here(decoder: str, path: Path, most: int) -> Given:
    """The same in this process. The module has a function `decoded` and states in `WRITER` what writes such files."""
    module = import_module(f"engine.importing.readers.{decoder}")
    try:
        return module.decoded(path, most)
    except MemoryError as problem:  # Arrow's is one of its own exceptions as well
        raise out_of_memory(printable(path.name), most) from problem
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as problem:
        raise damaged(path, problem, module.WRITER) from problem


def write_out(given: Given, folder: Path) -> dict[str, Any]:
    """Write what a file holds, for `read_back` in another process. Returns the rest."""
    import numpy as np

    if given.table is None:
        np.savez(folder / ARRAYS, allow_pickle=False, **given.arrays)
    else:
        data = given.table.data
        with pa.OSFile(str(folder / COLUMNS), "wb") as file, pa.ipc.new_file(file, data.schema) as writer:
            writer.write_table(data)
    return {"ignored": given.ignored, "table": given.table is not None, "columns": given.columns}


def read_back(written: Mapping[str, Any], folder: str, path: Path) -> Given:
    ignored = tuple(written["ignored"])
    if written["table"]:
        with pa.OSFile(str(Path(folder) / COLUMNS)) as file:
            return Given({}, ignored, Table(printable(path.name), pa.ipc.open_file(file).read_all(), ignored))
    return Given(read_npz(Path(folder) / ARRAYS, sys.maxsize).arrays, ignored, columns=written["columns"])
