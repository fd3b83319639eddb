"""A real server over a folder of made-up bundles, whole and damaged, and a real Chromium that visits it."""

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
from playwright.sync_api import Browser, Page, expect, sync_playwright

from engine.bundle.bundle import write_bundle
from tests import synthetic
from tests.engine.policies.tied import tied_outputs

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
)
LAUNCH = "import sys; from app.serve import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class Site:
    """A running dashboard.

    bundles: the folder it shows; `tiny`, `family`, `hostile`, `far`, `deep`, `wide`, `costly` and `tied` are whole, the others damaged
    """

    url: str
    bundles: Path


def make_bundles(folder: Path) -> None:
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
    for name in ("cut", "flipped", "foreign", "missing"):
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
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    make_bundles(data / "bundles")
    environment = {**os.environ, "OFFRAMP_DATA": str(data)}
    with running([sys.executable, "-c", LAUNCH, "--port", "8790", "--no-browser"], environment) as url:
        yield Site(url, data / "bundles")


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    expect.set_options(timeout=30_000)  # the same as for everything else: a busy machine is not a failure
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A page that fails the test on any script error and on any request that leaves the machine."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on("request", lambda request: None if request.url.startswith((site.url, "blob:", "data:")) else faults.append(request.url))
    yield page
    context.close()
    assert not faults, faults


def explore(page: Page, site: Site, query: str = "bundle=tiny") -> Page:
    """The explore page, once its live block is drawn."""
    page.goto(f"{site.url}/?{query}")
    page.wait_for_selector(".offramp[data-ready=true]")
    page.wait_for_selector(".offramp-dot:not([hidden])", state="attached")
    return page


def frame(page: Page) -> None:
    """Wait until the last change is painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
