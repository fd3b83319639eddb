"""The process in which files from strangers are read and imported; see `engine.importing.readers.separate_process`.

It does one task after the other. They come on its standard input, as a line of JSON each:

    {"task": "read", "decoder": name of a module of `engine.importing.readers`, "path": file, "folder": where to write its contents}
    {"task": "import", "path": file, "id", "title", "kind", "folder": of the bundle, "options": those of `engine.importing.options`}

both with `most`, the bytes of memory that the task may take. It answers with lines `["log", text]` and `["needs", bytes]`, and at the end
with `["done", ...]`, `["refused", sentence]` or `["failed", traceback]`. It ends with the process that started it.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pyarrow as pa

from engine.display_text import printable
from engine.errors import UserError
from engine.extensions import load_extensions
from engine.importing.budget import listen
from engine.importing.importer import import_file
from engine.importing.options import Options
from engine.importing.readers.separate_process import decoded_here, is_confined, out_of_memory, write_out
from engine.importing.summary import summary_of

Say = Callable[[str, Any], None]
#: Address space that a task may take beyond its memory: files that are mapped, and the stacks of threads.
_MAPPED = 2**31
#: Memory that any task takes, however small its file: what Arrow reads of a file at once, and the buffers of what it writes.
_BUFFERS = 2**27


class _Lines(logging.Handler):
    def __init__(self, say: Say) -> None:
        super().__init__()
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        self.say("log", record.getMessage())


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries and extensions print is no answer

    def say(kind: str, content: Any) -> None:
        print(json.dumps([kind, content]), file=answers, flush=True)

    tasks: Queue[str] = Queue()
    Thread(target=_receive, args=(tasks,), daemon=True).start()
    load_extensions()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    logger = logging.getLogger("offramp.importing")
    logger.setLevel(logging.INFO)
    logger.addHandler(_Lines(say))
    is_confined.set(True)
    limit = MemoryLimit()
    try:
        while True:
            task = json.loads(tasks.get())
            say(*_answer(task, limit, say))
    except KeyboardInterrupt:  # the terminal sends it to both processes
        return


def _receive(tasks: Queue[str]) -> None:
    """Take the lines of the standard input. When it ends, nothing is waiting for the answer any more."""
    for line in sys.stdin:
        tasks.put(line)
    os._exit(1)


def _answer(task: Mapping[str, Any], limit: "MemoryLimit", say: Say) -> tuple[str, Any]:
    path, most = Path(task["path"]), task["most"]
    try:
        with limit.of(most), listen(lambda needed: say("needs", needed)):
            return "done", _done(task, path, most)
    except UserError as mistake:
        return "refused", str(mistake)
    except MemoryError:
        return "refused", str(out_of_memory(printable(path.name), most))
    except Exception:
        return "failed", traceback.format_exc()


def _done(task: Mapping[str, Any], path: Path, most: int) -> Any:
    if task["task"] == "read":
        return write_out(decoded_here(task["decoder"], path, most), Path(task["folder"]))
    options = dict(task["options"])
    costs = options.pop("costs")
    read = Options(**options | {"models": tuple(options["models"])}, costs=costs and Path(costs))
    return summary_of(import_file(path, task["id"], task["title"], task["kind"], Path(task["folder"]), most, read))


class MemoryLimit:
    """Limits what this process may take beyond what it takes now, where the system allows it."""

    def __init__(self) -> None:
        self._data, self._all = _taken("VmData"), _taken("VmSize")

    @contextmanager
    def of(self, most: int) -> Generator[None]:
        if self._data is None or self._all is None:
            yield  # a system without such limits: only the declared sizes are checked
            return
        import resource

        limits = {resource.RLIMIT_DATA: self._data + most + _BUFFERS, resource.RLIMIT_AS: self._all + most + _BUFFERS + _MAPPED}
        before = {kind: resource.getrlimit(kind) for kind in limits}
        for kind, limit in limits.items():
            hard = before[kind][1]
            resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
        try:
            yield
        finally:
            for kind, limit in before.items():
                resource.setrlimit(kind, limit)


def _taken(what: str) -> int | None:
    """In bytes, as Linux states it of this process; None elsewhere."""
    status = Path("/proc/self/status")
    return int(status.read_text().split(f"{what}:")[1].split()[0]) * 1024 if status.exists() else None
