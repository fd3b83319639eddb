"""A large bundle opens on every view, and the page says what is a sample: before all examples have been streamed, and after."""

import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.views.registry import VIEWS
from tests.browser.conftest import FINISHED, ROOT, Site, drawn, explore, open_all
from tests.large import large_bundle
from tests.synthetic import outputs

QUERY = "bundle=large-one"
SAMPLE = "All figures are those of a stratified sample of 150 of the 600 test examples"
EXACT = "are those of all 600 test examples"


@pytest.fixture(scope="module")
def large(site: Site) -> Iterator[Site]:
    """The site, with a large bundle. It is taken away again: other tests look at the list of bundles."""
    folder = site.bundles / "large-one"
    large_bundle(outputs(examples=1800, seed=80, shuffled=True), folder)
    yield site
    shutil.rmtree(folder)
    shutil.rmtree(site.bundles.parent / "sweeps", ignore_errors=True)


def sweep(site: Site) -> None:
    command = [sys.executable, "-m", "engine", "sweep", str(site.bundles / "large-one"), "--policy", "maxprob", "--points", "3", "--keep"]
    environment = {"OFFRAMP_DATA": str(site.bundles.parent), "PATH": ""}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)


def test_every_view_says_what_is_a_sample(large: Site, visitor: Page) -> None:
    for view in VIEWS.values():
        visitor.goto(f"{large.url}/?view={view.url_path}&{QUERY}")
        if view.default:
            expect(drawn(visitor).get_by_text(SAMPLE)).to_be_visible()
        else:
            visitor.wait_for_selector(FINISHED)
            expect(visitor.get_by_text("stratified sample of 150 of 600 test examples")).to_be_visible()
    visitor.goto(f"{large.url}/?{QUERY}&fallback=1")
    expect(visitor.get_by_text(SAMPLE)).to_be_visible()


def test_figures_of_all_examples_take_the_place_of_those_of_the_sample(large: Site, visitor: Page) -> None:
    explore(visitor, large, QUERY)
    expect(visitor.get_by_text(SAMPLE)).to_be_visible()
    sweep(large)
    explore(visitor, large, QUERY)
    expect(visitor.get_by_text(EXACT)).to_be_visible()
    open_all(visitor, 0)
    expect(visitor.locator(".offramp-grid-title")).to_contain_text("of them in the sample")
