"""Every shipped bundle opens on every view of the live page, with a handle to drag and examples to pick."""

import os
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import FACE, LAUNCH, ROOT, TRACE, Site, explore, running, still, watched

SHIPPED = ROOT / "data" / "bundles"
NAMES = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server of the shipped data, without data sets."""
    environment = {**os.environ, "OFFRAMP_DATA": str(ROOT / "data"), "OFFRAMP_DATASETS": str(tmp_path_factory.mktemp("datasets"))}
    with running([sys.executable, "-c", LAUNCH, "--port", "8795", "--no-browser"], environment) as url:
        yield Site(url, SHIPPED)


@pytest.fixture(scope="module")
def page(browser: Browser, shipped: Site) -> Iterator[Page]:
    with watched(still(browser), shipped.url) as page:
        yield page


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_in_explore(page: Page, shipped: Site, name: str) -> None:
    explore(page, shipped, f"bundle={name}&budget=0.6")
    slider = page.get_by_role("slider").first
    before = slider.get_attribute("aria-valuetext") or ""
    slider.press("End")
    expect(slider).not_to_have_attribute("aria-valuetext", before)
    page.locator(FACE).first.click()
    expect(page.locator(f"{TRACE}:not([data-idle])")).to_be_visible()


def test_all_open_in_the_library(page: Page, shipped: Site) -> None:
    page.goto(f"{shipped.url}/?view=library")
    expect(page.get_by_text("All checksums match.")).to_have_count(len(NAMES))
