"""The time a new user waits: from the command to the first painted page and until everything is installed, with run_app.py and with pip.

    python benchmarks/first_minute.py [--rounds 3] [--view] [--folder DIR]

Every round uses a fresh copy of the tracked files without an environment and with empty caches, and deletes them afterwards:
run_app.py       python run_app.py: the page opens once its packages are installed; PyTorch is installed in the background
pip              python -m venv, pip install -r requirements.txt, python run_app.py: the page opens once everything is installed
Times are in seconds from the command until the server responds, the page shows its first sentence, and everything is installed.
The second start is measured in the same copy. This needs the network, and 14 GB of disk unless --view leaves PyTorch out.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/first_minute.py`

from benchmarks.options import Options, run
from engine.commands.arguments import positive
from engine.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
PORT = 8797
ADDRESS = f"http://127.0.0.1:{PORT}"
NEEDED = {True: 4e9, False: 14e9}  # bytes of disk, by whether only the view is measured
PATIENCE = 1800.0  # seconds
SENTENCE = ".offramp-sentence"
MOMENTS = ("server responds", "page painted", "all installed", "second start")
Times = dict[str, float]


def copy_of_the_files(folder: Path, view: bool) -> Path:
    """view: leave PyTorch out"""
    copy = folder / "offramp"
    for name in subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    if view:
        (copy / "requirements-torch.txt").write_text("")
        shutil.copy(copy / "locks" / "view.txt", copy / "locks" / "full.txt")
    return copy


def with_empty_caches(folder: Path) -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("OFFRAMP_", "PYTHON", "VIRTUAL_ENV"))}
    caches = {"XDG_CACHE_HOME": folder / "cache", "UV_CACHE_DIR": folder / "uv", "PIP_CACHE_DIR": folder / "pip", "TMPDIR": folder}
    return variables | {name: str(place) for name, place in caches.items()}


def base_python() -> str:
    """The Python from which this environment was created, as a new user has it."""
    return getattr(sys, "_base_executable", "") or sys.executable


def server_responds() -> bool:
    try:
        return urllib.request.urlopen(f"{ADDRESS}/_stcore/health", timeout=1).status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_until(condition: Callable[[], bool], server: "subprocess.Popen[bytes]") -> float:
    end = time.monotonic() + PATIENCE
    while not condition():
        if server.poll() is not None or time.monotonic() > end:
            raise UserError("Set-up did not finish; start run_app.py to see why.")
        time.sleep(0.05)
    return time.monotonic()


def install_state(copy: Path) -> str:
    with suppress(OSError, ValueError):
        return json.loads((copy / ".venv" / "setup.json").read_text(encoding="utf-8"))["state"]
    return ""


def everything_installed(copy: Path) -> bool:
    return install_state(copy) == "done"


@contextmanager
def serving(copy: Path, environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """run_app.py in a process of its own. log: gets what it prints"""
    command = [base_python(), "run_app.py", "--no-browser", "--port", str(PORT)]
    with open(log, "wb") as output:
        server = subprocess.Popen(command, cwd=copy, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()
        end = time.monotonic() + 20
        while install_state(copy) == "installing" and time.monotonic() < end:  # the installer ends after its page
            time.sleep(0.1)


def open_page(page: "Page | None") -> float | None:
    """The time at which the first sentence is painted; None without a browser."""
    if page is None:
        return None
    page.goto(ADDRESS)
    page.locator(SENTENCE).first.wait_for(timeout=60_000)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    painted = time.monotonic()
    page.goto("about:blank")
    return painted


def start(copy: Path, environment: dict[str, str], page: "Page | None", begun: float, installing: bool) -> Times:
    """Seconds from `begun`. installing: whether PyTorch is installed in the background meanwhile"""
    with serving(copy, environment, copy.parent / "server.log") as server:
        times = {"server responds": wait_until(server_responds, server) - begun}
        painted = open_page(page)
        if painted is not None:
            times["page painted"] = painted - begun
        if installing:
            times["all installed"] = wait_until(lambda: everything_installed(copy), server) - begun
    return times


def measure(way: str, folder: Path, page: "Page | None", view: bool) -> Times:
    copy, environment = copy_of_the_files(folder, view), with_empty_caches(folder)
    begun = time.monotonic()
    times: Times = {}
    if way == "pip":
        quiet = {"cwd": copy, "env": environment, "stdout": subprocess.DEVNULL, "check": True}
        python = copy / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        subprocess.run([base_python(), "-m", "venv", ".venv"], **quiet)
        subprocess.run([python, "-m", "pip", "install", "-qq", "-r", "requirements.txt"], **quiet)
        times["all installed"] = time.monotonic() - begun
    times |= start(copy, environment, page, begun, installing=way != "pip" and not view)
    again = start(copy, environment, page, time.monotonic(), installing=False)
    times["second start"] = again.get("page painted", again["server responds"])
    return times


@contextmanager
def browser() -> Iterator["Page | None"]:
    """A page of the system's Chromium, opened before the time is taken; None if Chromium is not installed."""
    executable = next(
        filter(
            None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell"))
        ),
        None,
    )
    if executable is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium.new_page()
        chromium.close()


def table(measured: dict[str, list[Times]]) -> list[str]:
    """The median of every time, and the ratio of pip's to that of run_app.py."""
    lines = [f"{'seconds':<16}" + "".join(f"{way:>14}" for way in measured) + f"{'pip / run_app':>16}"]
    for moment in MOMENTS:
        rows = {way: [times[moment] for times in rounds if moment in times] for way, rounds in measured.items()}
        if all(rows.values()):
            medians = [statistics.median(row) for row in rows.values()]
            lines.append(f"{moment:<16}" + "".join(f"{median:14.1f}" for median in medians) + f"{medians[1] / medians[0]:15.1f}x")
    return lines


def main() -> None:
    parser = Options("first_minute", __doc__)
    parser.add_argument("--rounds", type=positive, default=1, metavar="N", help="default 1")
    parser.add_argument("--view", action="store_true", help="measure without PyTorch")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="folder for the copies and caches (default: the temporary folder)")
    options = parser.parse_args()
    if options.folder and not options.folder.is_dir():
        raise UserError(f"There is no folder {str(options.folder)!r}; give an existing one.")
    where = options.folder or Path(tempfile.gettempdir())
    free = shutil.disk_usage(where).free
    if free < NEEDED[options.view]:
        raise UserError(f"{where} has {free / 1e9:.0f} GB free and {NEEDED[options.view] / 1e9:.0f} GB are needed; give another --folder.")
    measured: dict[str, list[Times]] = {"run_app.py": [], "pip": []}
    print(
        f"{date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}, {platform.platform()}"
    )
    for _ in range(options.rounds):
        for way, rounds in measured.items():
            with tempfile.TemporaryDirectory(dir=where, prefix="first-minute-") as folder, browser() as page:
                rounds.append(measure(way, Path(folder), page, options.view))
            print(f"{way}: " + ", ".join(f"{moment} {seconds:.1f}" for moment, seconds in rounds[-1].items()), flush=True)
    print(*table(measured), sep="\n")


if __name__ == "__main__":
    run(main)
