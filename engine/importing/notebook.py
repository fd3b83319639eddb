"""One call from a notebook: import outputs that are in memory or in a file, and open the page on them."""

import atexit
import os
import re
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

from engine.bundle.bundle import check_id
from engine.display_text import printable
from engine.errors import UserError
from engine.importing.draft import Origin, draft_of
from engine.importing.frames import NAME, as_given
from engine.importing.importer import Imported, check_place, import_file, written
from engine.importing.options import Options
from engine.outputs import CascadeKind
from engine.paths import bundles_folder, data_digest, data_root

_ROOT = Path(__file__).resolve().parents[2]
#: Where a running server is looked for; a new one takes the first free port.
PORTS = range(8501, 8511)
_ADDRESS = re.compile(r"Offramp is at (http://\S+)")
#: Seconds in which a new server must print its address.
_PATIENCE = 120.0

_server: subprocess.Popen[str] | None = None


def import_frame(
    frame: Any, id: str, title: str | None = None, kind: CascadeKind | str | None = None, out: Path | None = None, **options: Any
) -> Imported:
    """Write a bundle from a data frame, or a dictionary of arrays, as the command `import` does from a file. Raises UserError.

    frame: a pandas, polars or Arrow table, a list of dictionaries, or a dictionary of columns or of arrays
    kind:  "chain" for the exits of one network, "family" for separate models, by default as their names say
    out:   the bundle's folder, by default the one with that id in the data folder

    Options for logs of models:

    columns:   {what a column is: its name}, such as {"quality": "score", "before_difficulty": "guess"}, in place of a guess
    models:    the models to take, by name
    costs:     a second frame, or the path of a file, with the costs of the models
    cost:      {model: what it costs for every example}, such as {"small": 0.2}
    cost_unit: the unit of costs whose name gives none, such as "usd"
    scale:     what every quality is multiplied by, such as 0.01 for percentages
    clip:      whether to cut qualities outside [0, 1]
    quality_name: what the quality is, such as "F1"
    """
    folder = out or bundles_folder() / check_id(id)
    check_place(folder)
    check_id(id)
    draft, notes = draft_of(Origin(NAME, as_given(frame)), id, title, kind, _options(options))
    return written(draft, notes, folder)


def show(
    frame: Any,
    id: str | None = None,
    title: str | None = None,
    kind: CascadeKind | str | None = None,
    browser: bool = True,
    **options: Any,
) -> str:
    """Write a bundle to the data folder and open the page on it. Returns the address, which is also printed.

    If no server of this data folder runs, one is started, which ends with this Python.

    frame:   as for `import_frame`, or the path of a file
    id:      of the bundle, by default the name of the file, or `notebook`; an earlier import with this id is replaced
    browser: whether to open a browser
    options: those of `import_frame`: columns, models, costs, cost, cost_unit, scale, clip and quality_name
    """
    if isinstance(frame, str | Path):
        id = id or _id_from(Path(frame).stem)
        imported = import_file(Path(frame), id, title, kind, options=_options(options))
    else:
        id = id or "notebook"
        imported = import_frame(frame, id, title, kind, **options)
    for note in imported.notes:
        print(note)
    address = f"{_running() or _started()}/?bundle={quote(id)}"
    print(f"{imported.draft.title} is at {address}", flush=True)
    if browser:
        webbrowser.open(address)
    return address


def _options(given: dict[str, Any]) -> Options:
    known = [option.name for option in fields(Options)]
    for name in given:
        if name not in known:
            raise TypeError(f"There is no option {name!r}; choose one of: {', '.join(known)}.")
    costs = given.get("costs")
    if isinstance(costs, str):
        costs = Path(costs)
    if costs is not None and not isinstance(costs, Path):
        costs = as_given(costs).table
        if costs is None:
            raise UserError("The costs are arrays, not a table; give rows of a model and its cost.")
    models = given.get("models", ())
    if isinstance(models, Iterable) and not isinstance(models, str):
        models = tuple(models)
    options: dict[str, Any] = {**given, "costs": costs, "models": models}
    return Options(**options)


def _id_from(name: str) -> str:
    """The name of a file as the id of a bundle."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("._-")[:64] or "notebook"


def _running() -> str | None:
    """The address of a server that shows the bundles of this data folder, or None."""
    opener = build_opener(ProxyHandler({}))  # never through a proxy: the server is on this computer
    for port in PORTS:
        address = f"http://127.0.0.1:{port}"
        try:
            with opener.open(f"{address}/offramp/data", timeout=2) as answer:
                if answer.read(100).decode(errors="replace") == data_digest():
                    return address
        except (URLError, OSError, ValueError):
            continue  # nothing there, or something else
    return None


def _started() -> str:
    """The address of a new server. Raises UserError if it does not start."""
    global _server
    command = [sys.executable, "-m", "app.serve", "--no-browser", "--port", str(PORTS[0])]
    environment = {**os.environ, "OFFRAMP_DATA": str(data_root().resolve()), "PYTHONUNBUFFERED": "1"}
    # In a session of its own, so that interrupting a cell does not end it.
    _server = subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    atexit.register(_server.terminate)
    lines: Queue[str] = Queue()
    threading.Thread(target=_drain, args=[_server, lines], daemon=True).start()
    last = ""
    while True:
        try:
            line = lines.get(timeout=_PATIENCE)
        except Empty:
            line = ""
        if match := _ADDRESS.search(line):
            return match[1]
        if not line:
            _server.terminate()
            reason = printable(last, 200) or "it printed nothing"
            raise UserError(f"The page's server did not start ({reason}); start it with `python run_app.py` and call this again.")
        last = line.strip() or last


def _drain(server: subprocess.Popen[str], lines: "Queue[str]") -> None:
    """Pass on the lines of a server until it ends, so that it never waits for a reader."""
    assert server.stdout is not None
    for line in server.stdout:
        lines.put(line)
    lines.put("")
