"""A large bundle opens on every view with the figures of its sample, which are replaced by those of all examples once they are known."""

import shutil
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page, Route, expect

from app.views.registry import VIEWS
from tests.browser.conftest import FINISHED, Site, drawn, explore, open_all, press_keys, select
from tests.large import large_bundle
from tests.synthetic import outputs

QUERY = "bundle=large-one"
SAMPLE = "All figures are those of a stratified sample of 150 of the 600 test examples"
COMPUTING = "The figures of all test examples are being computed"
EXACT = "are those of all 600 test examples"


@pytest.fixture(scope="module")
def large(site: Site) -> Iterator[Site]:
    """The site, with a large bundle. It is taken away again: other tests look at the list of bundles."""
    folder = site.bundles / "large-one"
    large_bundle(outputs(examples=1800, seed=80, shuffled=True), folder)
    yield site
    shutil.rmtree(folder)
    shutil.rmtree(site.bundles.parent / "sweeps", ignore_errors=True)


class Held:
    """Holds what the page asks of the figures of all examples until the test lets it go."""

    def __init__(self, page: Page) -> None:
        self.routes: list[Route] = []
        page.route("**/offramp/exact?*", lambda route: self.routes.append(route))

    def let_go(self, page: Page) -> None:
        for route in self.routes:
            with suppress(Error):  # the page may no longer wait for it
                route.continue_()
        page.unroute("**/offramp/exact?*")


def test_every_view_says_what_is_a_sample(large: Site, visitor: Page) -> None:
    Held(visitor)
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
    held = Held(visitor)
    explore(visitor, large, f"{QUERY}&budget=0.5")
    expect(visitor.get_by_text(SAMPLE)).to_contain_text(COMPUTING)
    expect(visitor.locator(".offramp-nothing-text")).to_have_css("opacity", "0")
    facts = visitor.locator(".offramp-facts")
    expect(facts).to_contain_text("Of a sample of 150 (all: 0% done)")
    # The page does not wait for them. What is chosen until then stays, and so does what the address holds.
    press_keys(visitor, "ArrowRight", 3)
    visitor.locator(".offramp-subset").select_option(index=1)
    visitor.wait_for_url("**class=*")
    address = visitor.url
    held.let_go(visitor)
    expect(visitor.get_by_text(EXACT)).to_be_visible(timeout=60_000)
    expect(visitor.get_by_text(COMPUTING)).to_have_count(0)
    expect(facts).not_to_contain_text("sample")
    assert visitor.url == address
    expect(visitor.locator(".offramp-subset option").first).to_have_text("all 600")
    classes = visitor.locator(".offramp-subset optgroup[label=Class] option").all_inner_texts()
    assert sum(int(text.rsplit("(", 1)[1].rstrip(")")) for text in classes) == 600
    # They are there at once on the next visit, and without our own controls too.
    explore(visitor, large, QUERY)
    expect(visitor.get_by_text(EXACT)).to_be_visible()
    open_all(visitor, 0)
    expect(visitor.locator(".offramp-grid-title")).to_contain_text("of them in the sample")
    visitor.goto(f"{large.url}/?{QUERY}&fallback=1")
    expect(visitor.get_by_text(EXACT)).to_be_visible()


def test_what_is_chosen_next_ends_the_computation(large: Site, visitor: Page) -> None:
    held = Held(visitor)
    explore(visitor, large, f"{QUERY}&policy=margin")
    expect(visitor.get_by_text(COMPUTING)).to_be_visible()
    with visitor.expect_event("requestfailed", lambda request: "offramp/exact" in request.url and "policy=margin" in request.url):
        select(visitor, "policy", "entropy")
    held.let_go(visitor)
    expect(visitor.get_by_text(EXACT)).to_be_visible(timeout=60_000)
    assert "policy=entropy" in visitor.url


def test_a_bundle_that_is_replaced_meanwhile_is_not_shown_unasked(large: Site, visitor: Page) -> None:
    held = Held(visitor)
    explore(visitor, large, f"{QUERY}&policy=single_threshold&budget=0.5")
    expect(visitor.get_by_text(COMPUTING)).to_be_visible()
    before = visitor.locator(".offramp-sentence").inner_text()
    large_bundle(outputs(examples=1800, seed=81, shuffled=True), large.bundles / "large-one")
    notice = visitor.locator(".offramp-notice-changed")
    expect(notice).to_contain_text("This page still shows it as it was.", timeout=20_000)
    held.let_go(visitor)
    expect(visitor.get_by_text(COMPUTING)).to_have_count(0, timeout=60_000)
    expect(visitor.locator(".offramp-facts")).to_contain_text("Of a sample of 150 ·")
    expect(notice).to_be_visible()
    assert visitor.locator(".offramp-sentence").inner_text() == before
    notice.get_by_role("button", name="Show it as it is now").click()
    expect(visitor.get_by_text(EXACT)).to_be_visible(timeout=60_000)
    expect(notice).to_have_count(0)


def test_a_failure_is_said_and_the_sample_stays(large: Site, visitor: Page) -> None:
    visitor.route("**/offramp/exact?*", lambda route: route.fulfill(status=404, body="The disk is on fire."))
    explore(visitor, large, f"{QUERY}&policy=energy")
    expect(visitor.get_by_text("The page could not do so: The disk is on fire.")).to_be_visible()
    expect(visitor.get_by_text(SAMPLE)).to_contain_text("python -m engine sweep large-one --policy energy --keep makes them exact")
