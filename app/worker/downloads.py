"""Downloads of data sets, shared by all visitors: none is started twice, and visitors may leave and come back.

Only a press of the button starts one.
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
_turn = Lock()  # one at a time: two would share the bandwidth


def fetch(name: str, folder: Path) -> None:
    """Download a data set in a process of its own, beside the one that reads images. Raises UserError."""
    worker = WorkerProcess()
    try:
        worker.call(Fetch(name, str(folder)))
    finally:
        worker.stop()


class Download:
    """A download that runs or has ended. problem: a sentence to show if it failed"""

    def __init__(self, name: str, folder: Path) -> None:
        self.problem: str | None = None
        self._files, self._name, self._folder = FILES[name], name, folder
        self._thread = Thread(target=self._run, name=f"download-{name}", daemon=True)  # the server does not wait for it to end
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def received(self) -> int:
        """Bytes so far."""
        return self._files.received(self._folder)

    def _run(self) -> None:
        try:
            with _turn:
                fetch(self._name, self._folder)
        except UserError as problem:
            self.problem = str(problem)
        except Exception:  # a bug of ours: it is logged, and the page must not wait for ever
            _log.exception("the download of %s failed", self._name)
            self.problem = f"{self._files.title} could not be downloaded because of an unexpected error; see the server's log."


_downloads: dict[tuple[str, Path], Download] = {}
_registering = Lock()


def start(name: str) -> Download:
    """Start a download into the folder of all data sets, unless it is running already.

    Raises UserError on a page that others can reach: visitors may not fill this computer's disk.
    """
    if not served_privately():
        raise UserError(f"This page is served to others too, so it downloads nothing; run python -m engine download {name} on the server.")
    key = name, datasets_folder()
    with _registering:
        download = _downloads.get(key)
        if download is None or not download.running:
            _downloads[key] = download = Download(*key)
        return download


def latest(name: str) -> Download | None:
    """The download of a data set that runs, or else the last one."""
    return _downloads.get((name, datasets_folder()))
