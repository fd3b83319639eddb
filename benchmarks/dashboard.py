"""The dashboard of a checkout in a process of its own, and the system's Chromium to visit it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

ROOT = Path(__file__).resolve().parents[1]
FLAGS = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"
SCREEN: "ViewportSize" = {"width": 1440, "height": 900}
READY = '.offramp[data-ready="true"]'
#: Parts of the page, here and in earlier versions: what the budget is dragged on, the images, and those that are not there yet.
TRACK = ".offramp-rail, input.offramp-slider"
TILES = ".offramp-face:not([data-over]), .offramp-tile"
MISSING = ".offramp-face .offramp-plate, .offramp-tile em"


@contextmanager
def dashboard(root: Path, port: int, data: Path | None = None) -> Iterator[tuple[str, int]]:
    """Start the dashboard of a checkout; yields its address and process id as soon as it can be reached.

    port: the next free one is taken if it is in use
    data: data folder (default: as set in OFFRAMP_DATA, or else the checkout's own)
    """
    command = [sys.executable, "-m", "app.serve", "--port", str(port), "--no-browser"]
    environment = os.environ | ({"OFFRAMP_DATA": str(data)} if data else {})
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            url = next((match[1] for line in process.stdout or () if (match := re.search(r"Offramp is at (\S+)", line))), None)
            if url is None:
                raise UserError(f"The dashboard in {root} did not start; run `python -m app.serve` there to see why.")
            yield url, process.pid
        finally:
            process.terminate()


def chromium_path() -> str:
    """The path of the system's browser. None is downloaded."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell"):
        if path := shutil.which(name):
            return path
    raise UserError("This needs Chromium or Chrome, and neither was found; install one, for example with apt install chromium.")


@contextmanager
def chromium() -> Iterator["Browser"]:
    path = chromium_path()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as missing:
        raise UserError("This needs playwright, which is not installed; `python3 run_tests.py` installs it.") from missing
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()
