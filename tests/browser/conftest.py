"""A real Chromium that opens reports of made-up bundles from disk, or visits a real server over a folder of them, whole and damaged.

A report shows the same blocks as the server and opens far faster, so what does not need the server is tested in a report.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.report.contents import report as contents
from app.report.single_file import html
from app.shown import Shown
from app.store import STEPS
from app.worker.pictures import album
from engine.bundle.bundle import add_measured, write_bundle
from engine.bundle.library import Entry, open_bundle
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.sweep import Sweep, run_sweep
from tests import synthetic
from tests.engine.policies.tied import tied_outputs
from tests.measured import fresh

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
)
LAUNCH = "import sys; from app.serve import main; sys.exit(main(sys.argv[1:]))"
#: What the page shows of the current budget.
SEEN = """() => ({
  sentence: document.querySelector('.offramp-sentence').textContent,
  cost: document.querySelector('.offramp-cost').textContent,
  dot: document.querySelector('.offramp-dot').style.transform,
  bars: [...document.querySelectorAll('.offramp-correct')].map((bar) => bar.getBoundingClientRect().width),
  step: Number(document.querySelector('.offramp-slider').value),
})"""
#: Tiles, and those of them whose image is not painted.
TILES = "document.querySelectorAll('.offramp-tile').length"
WITHOUT = """() => [...document.querySelectorAll('.offramp-tile')].filter((tile) => !tile.querySelector('img')?.naturalWidth).length"""
DAMAGED = ("cut", "flipped", "foreign", "missing")


@dataclass(frozen=True)
class Site:
    """A running dashboard. bundles: the folder it shows"""

    url: str
    bundles: Path


def make_bundles(folder: Path) -> None:
    """`tiny`, `family`, `hostile`, `far`, `deep`, `wide`, `costly`, `tied` and `timed` are whole, the others damaged."""
    write_bundle(synthetic.draft(synthetic.outputs(examples=1500, exits=4, seed=3), "tiny"), folder / "tiny")
    family = synthetic.outputs(examples=600, exits=3, seed=5, kind="family")
    write_bundle(synthetic.draft(family, "family", title="Three networks", images=()), folder / "family")
    lure = "![x](http://127.0.0.1:9/lure.png) <img src=http://127.0.0.1:9/lure.png> <script>document.title='lured'</script>"
    names = {"class_names": tuple(f"{lure} {c}" for c in range(6)), "exit_names": tuple(f"{lure} {k}" for k in range(3))}
    hostile = synthetic.draft(synthetic.outputs(examples=300, exits=3), "hostile", title=lure, unit_notes={"macs": lure}, **names)
    write_bundle(hostile, folder / "hostile")
    made = synthetic.outputs(examples=90, exits=3, seed=7)
    write_bundle(synthetic.draft(replace(made, ids=far_ids(made.examples)), "far"), folder / "far")
    write_bundle(synthetic.draft(synthetic.outputs(examples=300, exits=40, seed=8), "deep"), folder / "deep")
    many = synthetic.outputs(examples=300, exits=3, classes=1001, seed=9, dtype=np.float16)
    write_bundle(synthetic.draft(many, "wide"), folder / "wide")
    costly = replace(synthetic.outputs(examples=300, exits=3, recorded="confidence"), stage_cost={"macs": np.array([4.0, 3.0, 3.0])})
    write_bundle(synthetic.draft(costly, "costly"), folder / "costly")
    write_bundle(synthetic.draft(tied_outputs("constant first exit", 900, 5, 4, seed=0), "tied"), folder / "tied")
    timed = synthetic.draft(synthetic.outputs(examples=600, exits=4, seed=7), "timed", title="Timed")
    add_measured(write_bundle(timed, folder / "timed"), [fresh(1), fresh(32, joules=True)])
    for name in DAMAGED:
        shutil.copytree(folder / "tiny", folder / name)
    table = folder / "flipped" / "outputs.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    logits = folder / "cut" / "logits.safetensors"
    logits.write_bytes(logits.read_bytes()[:-100])
    (folder / "missing" / "images.bin").unlink()
    manifest = folder / "foreign" / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"schema": 1', '"schema": 99'))


def far_ids(examples: int) -> NDArray[np.int64]:
    """Every second id is negative, up to -1; the others are 2^60 and more, beyond the integers that a browser can distinguish."""
    left = np.arange(examples, 0, -1)
    return np.where(left % 2, -left, 2**60 + left - 2)


@contextmanager
def running(command: list[str], environment: Mapping[str, str]) -> Iterator[str]:
    """A dashboard in a process of its own, once it can be reached; yields its address."""
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            lines = []
            for line in server.stdout or ():
                lines.append(line)
                if match := re.search(r"Offramp is at (\S+)", line):
                    yield match[1]
                    break
            else:
                pytest.fail("the server did not start: " + "".join(lines))
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "bundles"
    make_bundles(folder)
    return folder


@pytest.fixture(scope="session")
def site(bundles: Path) -> Iterator[Site]:
    environment = {**os.environ, "OFFRAMP_DATA": str(bundles.parent)}
    with running([sys.executable, "-c", LAUNCH, "--port", "8790", "--no-browser"], environment) as url:
        yield Site(url, bundles)


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    expect.set_options(timeout=30_000)  # the same as for everything else: a busy machine is not a failure
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS.split())
        yield chromium
        chromium.close()


@contextmanager
def watched(context: BrowserContext, *allowed: str) -> Iterator[Page]:
    """A page that fails the test on any script error and on any request whose address begins with none of `allowed`."""
    faults: list[str] = []
    context.set_default_timeout(30_000)
    context.on("weberror", lambda error: faults.append(f"script error: {error.error}"))
    context.on("request", lambda request: None if request.url.startswith((*allowed, "blob:", "data:")) else faults.append(request.url))
    yield context.new_page()
    context.close()
    assert not faults, faults


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """For reports: nothing but the file may be requested."""
    with watched(browser.new_context(viewport={"width": 1440, "height": 900}), "file:") as page:
        yield page


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Page]:
    """For the server: nothing may be requested elsewhere."""
    with watched(browser.new_context(viewport={"width": 1440, "height": 900}), site.url) as page:
        yield page


@dataclass(frozen=True)
class Reports:
    """Reports of the made-up bundles, with all their examples, each written when it is first opened. folder: where they are"""

    bundles: Path
    folder: Path

    def __call__(self, page: Page, bundle: str, view: str = "", policy: str = "maxprob", unit: str = "macs") -> Page:
        """Open a report, once its live block is drawn. view: the part of the address from # on"""
        page.goto("about:blank")  # else a report that is open already would only be told of another view
        page.goto(self.file(bundle, policy, unit).as_uri() + view)
        return drawn(page)

    def file(self, bundle: str, policy: str = "maxprob", unit: str = "macs") -> Path:
        file = self.folder / f"{bundle}-{policy}-{unit}.html"
        if not file.exists():
            entry = Entry(bundle, self.bundles / bundle)
            file.write_text(html(contents(Shown.of(entry, policy, unit), album(entry))), encoding="utf-8")
        return file


@pytest.fixture(scope="session")
def report(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    return Reports(bundles, tmp_path_factory.mktemp("reports"))


def explore(page: Page, site: Site, query: str = "bundle=tiny") -> Page:
    """The explore page of a server, once its live block is drawn."""
    page.goto(f"{site.url}/?{query}")
    return drawn(page)


def drawn(page: Page) -> Page:
    page.wait_for_selector(".offramp[data-ready=true]")
    page.wait_for_selector(".offramp-dot:not([hidden])", state="attached")
    return page


def frame(page: Page) -> None:
    """Wait until the last change is painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def all_have_images(page: Page) -> None:
    frame(page)
    assert page.evaluate(TILES) > 20
    page.wait_for_function(f"({WITHOUT})() === 0")


def press_slider(page: Page, share: float) -> None:
    """Press the handle and move it to a share of the track, without releasing it."""
    box = page.locator(".offramp-slider").bounding_box()
    at = page.evaluate(SEEN)["step"] / (STEPS - 1)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 12 + at * (box["width"] - 24), y)
    page.mouse.down()
    page.mouse.move(box["x"] + 12 + share * (box["width"] - 24), y, steps=12)
    frame(page)


def settled(page: Page, pattern: str) -> None:
    """Wait until the address matches a pattern."""
    page.wait_for_function("(pattern) => new RegExp(pattern).test(location.href)", arg=pattern)


def swept(bundles: Path, policy: str = "maxprob", bundle: str = "tiny") -> tuple[Outputs, Sweep]:
    """What the page should show."""
    outputs = open_bundle(str(bundles / bundle)).outputs
    return outputs, run_sweep(POLICIES[policy], outputs, STEPS)
