"""A block that is disposed of shows nothing that comes later, and hears no key."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import FACE, still
from tests.browser.reports import write_report

# Two more blocks on the page of a report. The data of each is complete only when release() is called.
OPEN = """async () => {
  const [{ Explore }, { Address, memoryPlace }, { fileSource }] = await Promise.all(
    ["blocks/explore.js", "core/address.js", "hosts/file_source.js"].map((name) => import(`offramp/${name}`)))
  const data = JSON.parse(document.querySelector("[data-report-data]").textContent)
  window.blocks = ["budget=0.125", "budget=1"].map((query) => {
    const root = document.createElement("div")
    document.querySelector("main").append(root)
    const block = new Explore(root, { address: new Address(memoryPlace(query)), select: () => {} })
    const source = fileSource(document)
    const { promise, resolve: release } = Promise.withResolvers()
    const opened = block.open(data, { ...source, bundle: async () => (await promise, source.bundle()) })
    return { root, block, release, opened }
  })
}"""
RELEASE = "async (i) => { window.blocks[i].release(); await window.blocks[i].opened }"
STATE = """(i) => {
  const { root, block } = window.blocks[i]
  const tiles = root.querySelectorAll(".offramp-face, .offramp-tile").length
  return { step: block.view?.step ?? null, tiles, images: block.pictures?.known.size ?? 0 }
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("report"))


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """A report with two more blocks; any script error fails the test."""
    faults: list[str] = []
    with still(browser) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_selector(".offramp[data-ready=true]")
        page.evaluate(OPEN)
        yield page
    assert not faults, faults


def test_a_block_that_is_disposed_of_shows_nothing_that_comes_later(page: Page) -> None:
    page.evaluate("window.blocks[0].block.dispose()")
    page.evaluate(RELEASE, 0)
    assert page.evaluate(STATE, 0) == {"step": None, "tiles": 0, "images": 0}
    assert page.evaluate("window.blocks[0].root.dataset.ready") is None


def test_escape_does_nothing_in_a_block_that_is_disposed_of(page: Page) -> None:
    page.evaluate(RELEASE, 0)
    page.evaluate(f"window.blocks[0].root.querySelector('{FACE}').click()")
    page.evaluate("window.blocks[0].block.dispose()")
    before = page.evaluate("window.blocks[0].block.address.parameters()")
    page.evaluate("window.blocks[0].root.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))")
    assert "image" in before and page.evaluate("window.blocks[0].block.address.parameters()") == before
