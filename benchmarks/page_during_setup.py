"""Uses every view of the page while PyTorch is being installed, and again afterwards in the same server. A fresh set-up, for real.

    python benchmarks/page_during_setup.py [--datasets DIR] [--folder DIR]

It copies the tracked files, starts run_app.py there, and visits the page with Chromium: every view, and every shipped bundle on Explore,
with the slider, the trace and the table of numbers. No view may show an error, the server may print no traceback, and the page must say
in one line that PyTorch is being installed. Once it is installed, that line must disappear without a restart, the images of CIFAR-10 must
arrive from a process that imports torch (if --datasets has them), and `engine measure` must run a network. It needs the network, Chromium
and 7 GB of disk.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere

import app.views  # noqa: F401  registers the views
from app.views.registry import in_order
from benchmarks.dashboard import TILES
from benchmarks.first_minute import (
    ADDRESS,
    browser,
    copy_of_the_files,
    everything_installed,
    server_responds,
    serving,
    wait_until,
    with_empty_caches,
)
from benchmarks.options import Options, run
from engine.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOTICE = r"^PyTorch is still being installed.*Everything that does not run a network works already\.$"
WITH_IMAGES = "(tiles) => tiles.length > 20 && tiles.every((tile) => tile.querySelector('img')?.naturalWidth)"


def check(condition: bool, problem: str) -> None:
    if not condition:
        raise UserError(problem)


def open_view(page: "Page", address: str) -> None:
    page.goto(f"{ADDRESS}/{address}")
    page.locator("h1").first.wait_for(state="attached", timeout=60_000)
    page.wait_for_function("() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'", timeout=60_000)
    errors = page.locator("[data-testid=stException]").all_inner_texts()
    check(not errors, f"The view at {address!r} shows an error: {errors}.")


def use_explore(page: "Page", bundle: str) -> None:
    """Move the budget, open the trace of an example and the table of numbers."""
    open_view(page, f"?bundle={bundle}")
    page.wait_for_selector(".offramp[data-ready=true]", timeout=60_000)
    before = page.locator(".offramp-sentence").inner_text()
    page.locator(".offramp-slider").focus()
    page.keyboard.press("Home")
    page.wait_for_function("(before) => document.querySelector('.offramp-sentence').innerText !== before", arg=before)
    page.locator(TILES).first.click()
    page.locator(".offramp-taken").first.wait_for(timeout=30_000)
    page.get_by_text("The numbers").first.click()
    page.locator("[data-testid=stDataFrame], table").first.wait_for(timeout=30_000)


def places(copy: Path) -> dict[str, Callable[["Page"], None]]:
    """What uses each view and each bundle, by name."""
    views = {view.title: partial(open_view, address="" if view.default else view.url_path) for view in in_order()}
    bundles = sorted(path.parent.name for path in (copy / "data" / "bundles").glob("*/bundle.json"))
    return views | {name: partial(use_explore, bundle=name) for name in bundles}


def images_arrive(page: "Page") -> None:
    open_view(page, "?bundle=cifar10-resnet")
    page.wait_for_function(f"(selector) => ({WITH_IMAGES})([...document.querySelectorAll(selector)])", arg=TILES, timeout=120_000)


def use(page: "Page", copy: Path, environment: dict[str, str], log: Path) -> None:
    began = time.monotonic()
    with serving(copy, environment, log) as server:
        wait_until(server_responds, server)
        print(f"{time.monotonic() - began:5.0f} s  the page is there", flush=True)
        for name, use_place in places(copy).items():
            use_place(page)
            lines = page.get_by_text(re.compile(NOTICE)).all_inner_texts()
            check(not everything_installed(copy), f"PyTorch was installed before {name} had been used, so start this again.")
            check(len(lines) == 1, f"On {name}, the page must say in one line that PyTorch is being installed, and it says {lines}.")
            print(f"{time.monotonic() - began:5.0f} s  {name}: {lines[0]}", flush=True)
        wait_until(lambda: everything_installed(copy), server)
        print(f"{time.monotonic() - began:5.0f} s  PyTorch is installed", flush=True)
        page.get_by_text(re.compile(NOTICE)).wait_for(state="detached", timeout=30_000)
        for use_place in places(copy).values():
            use_place(page)
        print(f"{time.monotonic() - began:5.0f} s  all views and bundles have been used in the same server", flush=True)
        if "OFFRAMP_DATASETS" in environment:
            images_arrive(page)
            print(f"{time.monotonic() - began:5.0f} s  the images of CIFAR-10 have arrived", flush=True)
        python = copy / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        command = [python, "-m", "engine", "measure", "doodles", "--batch-sizes", "64", "--examples", "64"]
        measured = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        check(measured.returncode == 0, f"The network did not run: {measured.stderr}")
        print(f"{time.monotonic() - began:5.0f} s  a network has run", flush=True)
        check(server.poll() is None, "The server has ended.")
    check("Traceback" not in log.read_text(encoding="utf-8"), f"The server printed a traceback: {log.read_text(encoding='utf-8')}")


def main() -> None:
    parser = Options("page_during_setup", __doc__)
    parser.add_argument("--datasets", type=Path, metavar="DIR", help="a folder with CIFAR-10")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="folder for the copy and its caches (default: the temporary folder)")
    options = parser.parse_args()
    for folder in filter(None, (options.datasets, options.folder)):
        check(folder.is_dir(), f"There is no folder {str(folder)!r}; give an existing one.")
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="page-during-setup-") as name, browser() as page:
        if page is None:
            raise UserError("Chromium is not installed; install it first.")
        folder = Path(name)
        slow = {"UV_CONCURRENT_DOWNLOADS": "1"}  # so that there is time to use all views, even if the network is fast
        environment = with_empty_caches(folder) | slow | ({"OFFRAMP_DATASETS": str(options.datasets.resolve())} if options.datasets else {})
        use(page, copy_of_the_files(folder, view=False), environment, folder / "server.log")
    print("All views work during and after the set-up, without an error or a traceback.")


if __name__ == "__main__":
    run(main)
