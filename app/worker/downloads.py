"""Data sets being fetched, for all visitors together: nobody starts one twice, anybody may leave and come back.

Started by a press of a button and by nothing else.
"""

import logging
from pathlib import Path
from threading import Lock, Thread

from app.allowed_hosts import served_privately
from app.worker.messages import Fetch
from app.worker.process import WorkerProcess
from engine.datasets.published.files import FILES
from engine.errors import UserError
from engine.paths import datasets_folder

_log = logging.getLogger(__name__)
_turn = Lock()  # one at a time: two would share the line


def fetch(name: str, folder: Path) -> None:
    """Download a data set in a process of its own, beside the one that reads pictures. Raises UserError."""
    worker = WorkerProcess()
    try:
        worker.ask(Fetch(name, str(folder)))
    finally:
        worker.stop()


class Download:
    """One data set on its way.

    problem: the sentence to show if it failed
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.problem: str | None = None
        self._files, self._name, self._folder = FILES[name], name, folder
        self._thread = Thread(target=self._run, name=f"download-{name}", daemon=True)  # the end of the server need not wait for it
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def received(self) -> int:
        """Bytes that have come so far."""
        return self._files.received(self._folder)

    def _run(self) -> None:
        try:
            with _turn:
                fetch(self._name, self._folder)
        except UserError as problem:
            self.problem = str(problem)
        except Exception:  # ours to mend: the log has it all, and the page must not wait for ever
            _log.exception("the download of %s failed", self._name)
            self.problem = f"{self._files.title} could not be downloaded for a reason nobody expected; the server's log has it."


_downloads: dict[tuple[str, Path], Download] = {}
_registering = Lock()


def start(name: str) -> Download:
    """Begin to fetch a data set into the folder of all data sets, unless that is going on already.

    Raises UserError on a page that others can reach: a visitor may not fill this computer's disk.
    """
    if not served_privately():
        raise UserError(f"This page is served to others too and downloads nothing: run python -m engine download {name} on the server.")
    key = name, datasets_folder()
    with _registering:
        going_on = _downloads.get(key)
        if going_on is None or not going_on.running:
            _downloads[key] = going_on = Download(*key)
        return going_on


def latest(name: str) -> Download | None:
    """The download of a data set that is going on, or the last one that did."""
    return _downloads.get((name, datasets_folder()))
