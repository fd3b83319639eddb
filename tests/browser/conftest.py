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
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from app.report.contents import report as contents
from app.report.single_file import html
from app.shown import Shown
from app.store import STEPS
from app.worker.pictures import album
from engine.bundle.bundle import add_measured, write_bundle
from engine.bundle.library import Entry, open_bundle
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.storage.files import sha256_of
from engine.sweep import Sweep, run_sweep
from tests import synthetic
from tests.engine.policies.tied import tied_outputs
from tests.masked import masked_draft
from tests.measured import fresh

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
)
#: A further name of the server that most tests use. Browsers resolve any name below localhost to this computer.
FURTHER_NAME = "lab.localhost"
LAUNCH = "import sys; from app.serve import main; sys.exit(main(sys.argv[1:]))"
#: Parts of the page: the handle of the budget and the rail that it sits on, the examples of the cast that are visible, the columns of
#: the exits with what they show, the button that opens all examples of an exit, these examples, and the trace.
SLIDER, RAIL = ".offramp-slider", ".offramp-rail"
FACE, TILE = ".offramp-face:not([data-over])", ".offramp-tile"
COLUMN, SHARE, CORRECT, ALL = ".offramp-column", ".offramp-leave-share", ".offramp-part-correct", ".offramp-all"
PANEL, SUBSETS = ".offramp-panel", ".offramp-subset"
TRACE, CELL, REASON, IMAGE = ".offramp-trace", ".offramp-steps li", ".offramp-steps .offramp-reason", ".offramp-trace-face img"
#: What the page shows of the current budget. spent: in percent, as the handle says it;  road: the outline of the road;
#: faces: where each example of the cast is
SEEN = f"""() => ({{
  sentence: document.querySelector('.offramp-sentence').textContent,
  cost: document.querySelector('.offramp-cost').textContent,
  dot: document.querySelector('.offramp-dot').style.transform,
  bars: [...document.querySelectorAll('{CORRECT}')].map((bar) => bar.getBoundingClientRect().width),
  spent: document.querySelector('{SLIDER}').getAttribute('aria-valuenow'),
  road: document.querySelector('.offramp-asphalt').getAttribute('d'),
  faces: [...document.querySelectorAll('.offramp-face')].map((face) => face.dataset.exit),
}})"""
#: Where costs of 0 and 100% are on the rail, in pixels of the screen, and the height of its middle.
RAIL_ENDS = f"""() => {{
  const [slider, rail] = [document.querySelector('{SLIDER}'), document.querySelector('{RAIL}')]
  const handle = slider.getBoundingClientRect()
  const zero = document.querySelector('.offramp-rail-filled').getBoundingClientRect().left
  const mark = document.querySelector('.offramp-rail-mark').getBoundingClientRect()
  return {{ zero, whole: mark.left + mark.width / 2, handle: handle.left + handle.width / 2, y: handle.top + handle.height / 2 }}
}}"""
#: The budget in the address of a report or of a server.
BUDGET = "Number(new URLSearchParams(location.hash.slice(1) || location.search).get('budget') ?? 0.25)"
#: Visible examples of the cast, and those of them whose image is not painted.
FACES = f"document.querySelectorAll('{FACE}').length"
WITHOUT = f"""() => [...document.querySelectorAll('{FACE}')].filter((face) => !face.querySelector('img')?.naturalWidth).length"""
#: On a page of the server: its Python has run.
FINISHED = ".stApp[data-test-script-state=notRunning]"
DAMAGED = ("cut", "flipped", "foreign", "missing")


@dataclass(frozen=True)
class Site:
    """A running dashboard. bundles: the folder it shows"""

    url: str
    bundles: Path


def make_bundles(folder: Path) -> None:
    """All but those in DAMAGED are whole.

    `imageless` is `tiny` without its images, which are half the work for each page: for what has nothing to do with images.
    """
    tiny = synthetic.outputs(examples=1500, exits=4, seed=3)
    write_bundle(synthetic.draft(tiny, "tiny"), folder / "tiny")
    write_bundle(synthetic.draft(tiny, "imageless", images=()), folder / "imageless")
    family = synthetic.outputs(examples=600, exits=3, seed=5, kind="family")
    classes = ("bicycle", "bird", "deer", "frog", "horse", "truck")
    write_bundle(synthetic.draft(family, "family", title="Three networks", class_names=classes, images=()), folder / "family")
    lure = "![x](http://127.0.0.1:9/lure.png) <img src=http://127.0.0.1:9/lure.png> <script>document.title='lured'</script>"
    names = {"class_names": tuple(f"{lure} {c}" for c in range(6)), "exit_names": tuple(f"{lure} {k}" for k in range(3))}
    hostile = synthetic.draft(synthetic.outputs(examples=300, exits=3), "hostile", title=lure, unit_notes={"macs": lure}, **names)
    write_bundle(hostile, folder / "hostile")
    made = synthetic.outputs(examples=90, exits=3, seed=7)
    write_bundle(synthetic.draft(replace(made, ids=far_ids(made.examples)), "far"), folder / "far")
    deep = synthetic.outputs(examples=300, exits=40, seed=9, agreement=0.99)
    write_bundle(synthetic.draft(deep, "deep", title="Forty exits", images=()), folder / "deep")
    many = synthetic.outputs(examples=300, exits=3, classes=1001, seed=9, dtype=np.float16)
    write_bundle(synthetic.draft(many, "wide", images=()), folder / "wide")
    costly = replace(synthetic.outputs(examples=300, exits=3, recorded="confidence"), stage_cost={"macs": np.array([4.0, 3.0, 3.0])})
    write_bundle(synthetic.draft(costly, "costly", images=()), folder / "costly")
    tied = tied_outputs("constant first exit", 900, 5, 4, seed=0)
    write_bundle(synthetic.draft(tied, "tied", images=()), folder / "tied")
    timed = synthetic.draft(synthetic.outputs(examples=600, exits=4, seed=7), "timed", title="Timed", images=())
    add_measured(write_bundle(timed, folder / "timed"), [fresh(1), fresh(32, joules=True)])
    write_bundle(masked_draft("masked"), folder / "masked")
    write_bundle(masked_draft("masked-outputs", examples=60, with_truth=False), folder / "masked-outputs")
    written = synthetic.outputs(examples=90, exits=3, seed=11)
    sentences = tuple(f"Sentence <b>{number}</b> says good or bad things" for number in range(len(written.ids)))
    network = folder.parent / "weights" / "phrases.safetensors"  # as if they were its, so that it can be asked about words
    network.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "data" / "weights" / network.name, network)
    about = {"recipe": "phrases", "dataset": "phrases", "vocabulary": 100, "weights_sha256": sha256_of(network)}
    draft = synthetic.draft(written, "written", title="Sentences", images=(), texts=sentences, provenance=about)
    write_bundle(draft, folder / "written")
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
    with running([sys.executable, "-c", LAUNCH, "--port", "8790", "--no-browser", "--allow-host", FURTHER_NAME], environment) as url:
        yield Site(url, bundles)


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    expect.set_options(timeout=30_000)  # the same as for everything else: a busy machine is not a failure
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS.split())
        yield chromium
        chromium.close()


def faults_of(context: BrowserContext, *allowed: str) -> list[str]:
    """From now on, every script error and every request whose address begins with none of `allowed`."""
    faults: list[str] = []
    context.set_default_timeout(30_000)
    context.on("weberror", lambda error: faults.append(f"script error: {error.error}"))
    context.on("request", lambda request: None if request.url.startswith((*allowed, "blob:", "data:")) else faults.append(request.url))
    return faults


@contextmanager
def watched(context: BrowserContext, *allowed: str) -> Iterator[Page]:
    """A page that fails the test on any script error and on any request whose address begins with none of `allowed`."""
    faults = faults_of(context, *allowed)
    yield context.new_page()
    context.close()
    assert not faults, faults


def still(browser: Browser, width: int = 1440, height: int = 900) -> BrowserContext:
    """A window where nothing moves by itself: half the work for each page. Tests of what moves open one of their own."""
    return browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")


@dataclass(frozen=True)
class Shared:
    """A page that the tests of a file open one after the other, for scripts that are compiled already take half the time to load."""

    page: Page
    faults: list[str]

    @contextmanager
    def lent(self) -> Iterator[Page]:
        """As new, apart from its history; fails the test like a page that is `watched`."""
        self.page.goto("about:blank")
        self.page.set_viewport_size({"width": 1440, "height": 900})
        self.page.emulate_media(media="null", color_scheme="light", reduced_motion="reduce")
        self.page.mouse.up()
        self.page.mouse.move(0, 0)
        self.faults.clear()
        yield self.page
        self.page.goto("about:blank")
        assert not self.faults, self.faults


@pytest.fixture(scope="module")
def shared_page(browser: Browser) -> Iterator[Shared]:
    with still(browser) as context:
        yield Shared(context.new_page(), faults_of(context, "file:"))


@pytest.fixture(scope="module")
def shared_visitor(browser: Browser, site: Site) -> Iterator[Shared]:
    with still(browser) as context:
        yield Shared(context.new_page(), faults_of(context, site.url))


@pytest.fixture
def page(shared_page: Shared) -> Iterator[Page]:
    """For reports: nothing but the file may be requested."""
    with shared_page.lent() as page:
        yield page


@pytest.fixture
def visitor(shared_visitor: Shared) -> Iterator[Page]:
    """For the server: nothing may be requested elsewhere."""
    with shared_visitor.lent() as page:
        yield page


@pytest.fixture
def own_page(browser: Browser) -> Iterator[Page]:
    """For reports, in tests that leave something behind in it, such as a script that runs in every page."""
    with watched(still(browser), "file:") as page:
        yield page


@pytest.fixture
def own_visitor(browser: Browser, site: Site) -> Iterator[Page]:
    """For the server, in tests that leave something behind in it."""
    with watched(still(browser), site.url) as page:
        yield page


@pytest.fixture
def moving(browser: Browser) -> Iterator[Page]:
    """For reports, where the road moves and the cast slides."""
    with watched(browser.new_context(viewport={"width": 1440, "height": 900}), "file:") as page:
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
    assert page.evaluate(FACES) > 20
    page.wait_for_function(f"({WITHOUT})() === 0")


def press_slider(page: Page, cost: float) -> None:
    """Press the handle and move it to a cost, as a share of the full network's, without releasing it."""
    rail = page.evaluate(RAIL_ENDS)
    page.mouse.move(rail["handle"], rail["y"])
    page.mouse.down()
    page.mouse.move(rail["zero"] + cost * (rail["whole"] - rail["zero"]), rail["y"], steps=4)
    frame(page)


def press_keys(page: Page, key: str, times: int = 1) -> None:
    """Move the handle with the keyboard."""
    page.locator(SLIDER).focus()
    for _ in range(times):
        page.keyboard.press(key)
    frame(page)


def step(page: Page, sweep: Sweep) -> int:
    """The step of the budget in the address, once it is the one that the page shows."""
    costs = [f"{100 * cost:.1f}" for cost in sweep.cost]
    return page.wait_for_function(
        f"""([budgets, costs]) => {{
          const away = budgets.map((budget) => Math.abs(budget - {BUDGET}))
          const step = away.indexOf(Math.min(...away))
          return document.querySelector('{SLIDER}').getAttribute('aria-valuenow') === costs[step] && {{ step }}
        }}""",
        arg=[sweep.budgets.tolist(), costs],
    ).json_value()["step"]


def at_step(page: Page, sweep: Sweep, expected: int) -> None:
    """Wait until the budget in the address and on the page is that of a step."""
    page.wait_for_function(
        f"([budgets, expected]) => budgets.every((budget) => Math.abs(budgets[expected] - {BUDGET}) <= Math.abs(budget - {BUDGET}))",
        arg=[sweep.budgets.tolist(), expected],
    )
    assert step(page, sweep) == expected


def last_step(sweep: Sweep) -> int:
    """The first step from which on nothing changes, where the handle ends."""
    same = (sweep.cost == sweep.cost[-1]) & (sweep.accuracy == sweep.accuracy[-1])
    return 1 + int(np.flatnonzero(~same).max(initial=-1))


def whole_percent(share: float) -> str:
    """As JavaScript rounds it: halves away from zero."""
    return f"{Decimal(100 * float(share)).quantize(Decimal(1), ROUND_HALF_UP)}%"


def printed_shares(shares: NDArray[np.floating], digits: int = 1) -> list[str]:
    """As at the signs: percentages that add up to 100, by largest remainder. digits: 0 for more than six exits"""
    unit = 10**digits
    exact = 100 * unit * shares.astype(np.float32).astype(float)
    down = np.floor(exact + 1e-6).astype(int)
    up = np.argsort(down - exact, kind="stable")[: 100 * unit - down.sum()]
    down[up] += 1
    smallest = f"<{1 / unit:g}%"
    return [smallest if part == 0 and share > 0 else f"{part / unit:.{digits}f}%" for part, share in zip(down, shares, strict=True)]


def open_all(page: Page, exit: int) -> Locator:
    """Open the list of all examples of an exit, and return its tiles."""
    page.locator(COLUMN).nth(exit).locator(ALL).click()
    expect(page.locator(".offramp-grid-title .offramp-chip")).to_have_text(str(exit + 1))
    return page.locator(TILE)


def select(page: Page, what: str, value: str) -> None:
    """In the panel. what: "bundle", "policy" or "unit"; the last by its name or its title"""
    chip, panel = page.locator(f"[data-what={what}]"), page.locator(PANEL)
    if not panel.is_visible():
        chip.click()
    if what == "policy":
        panel.locator(f"input[value={value}]").check()
    else:
        panel.locator(f"[data-select='{'Bundle' if what == 'bundle' else 'Cost in'}']").select_option(value)


def selected(page: Page, what: str) -> str:
    """The title of what is selected."""
    return page.locator(f"[data-what={what}] .offramp-subject-title").text_content() or ""


def settled(page: Page, pattern: str) -> None:
    """Wait until the address matches a pattern."""
    page.wait_for_function("(pattern) => new RegExp(pattern).test(location.href)", arg=pattern)


@cache
def swept(bundles: Path, policy: str = "maxprob", bundle: str = "tiny") -> tuple[Outputs, Sweep]:
    """What the page should show at first."""
    outputs = open_bundle(str(bundles / bundle)).outputs
    return outputs, run_sweep(POLICIES[policy], outputs, STEPS, outputs.default_unit)
