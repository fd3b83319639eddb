"""What only a server shows: other bundles, targets, stock widgets, the other views, a link to copy, and images that fail on the way."""

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

import app.views  # noqa: F401  registers the views
from app.store import STEPS
from app.views.registry import in_order
from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from engine.targets import Promise, by_guarantee
from tests.browser.conftest import (
    ALL,
    CELL,
    COLUMN,
    DAMAGED,
    FACE,
    FINISHED,
    IMAGE,
    PANEL,
    Site,
    all_have_images,
    explore,
    press_keys,
    select,
    settled,
    still,
    swept,
    watched,
)
from tests.browser.test_accessibility import violations
from tests.measured import DEVICE
from tests.thorough import variants

#: Parts of the page that must be within the window.
PARTS = ".offramp-topbar, .offramp-controls, .offramp-slider, .offramp-plot, .offramp-columns, .offramp-gallery"


@pytest.mark.parametrize(("width", "height"), variants([(1440, 900), (390, 844)], (1440, 900)))
def test_every_view_is_accessible(browser: Browser, site: Site, width: int, height: int) -> None:
    context = still(browser, width, height)
    with watched(context, site.url) as page:
        explore(page, site, "bundle=family")  # letters in place of images, and warnings about the damaged bundles
        alerts = page.locator('[data-testid="stAlert"]').all_text_contents()
        for name in DAMAGED:
            assert sum(name in alert for alert in alerts) == 1, name
        assert not page.locator("text=Traceback").count()
        page.get_by_text("The numbers", exact=True).click()
        page.locator('[data-testid="stDataFrame"]').wait_for()
        page.locator(FACE).first.click()
        page.locator(COLUMN).first.locator(ALL).click()
        expect(page.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(3)
        broken = violations(page)
        page.get_by_text("Basic controls").click(trial=True)  # nothing covers the end of the page
        boxes = [part.bounding_box() for part in page.locator(PARTS).all()]
        assert len(boxes) == 6 and all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes if box)
        for view in in_order():
            fallback = "&bundle=tiny&fallback=1" if view.default else ""
            page.goto(f"{site.url}/?view={view.url_path}{fallback}")
            page.get_by_role("heading", level=1, name=view.title).wait_for()
            page.locator(FINISHED).wait_for()
            page.locator("summary").evaluate_all("(summaries) => summaries.forEach((summary) => summary.click())")
            page.locator("details:not([open])").wait_for(state="detached")
            page.locator(FINISHED).wait_for()
            broken += violations(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view.title
    assert not broken, "\n\n".join(broken)


def test_a_guarantee_leads_to_its_policy_and_budget(visitor: Page, site: Site) -> None:
    outputs, sweep = swept(site.bundles, "risk_control")
    expected = by_guarantee(outputs, Promise(0.1, 0.9))
    step = int(np.argmax(sweep.planned_cost >= expected.planned_cost - 1e-9))
    explore(visitor, site)
    visitor.locator("[data-what=policy]").click()
    panel = visitor.locator(PANEL)
    panel.get_by_role("button", name="Guarantee").click()
    panel.locator("input[name=errors]").fill("10")
    panel.locator("input[name=errors]").press("Enter")
    settled(visitor, "policy=risk_control")
    assert f"budget={round(float(sweep.budgets[step]), 4)}" in visitor.url
    expect(panel).to_contain_text(f"{100 * expected.test.accuracy:.1f}% accuracy at {100 * expected.test.cost:.1f}% of the compute")
    expect(panel.locator("input[value=risk_control]")).to_be_checked()
    panel.locator("input[value=maxprob]").hover()
    expect(panel.locator("article h2")).to_have_text(POLICIES["maxprob"].title)
    visitor.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_basic_controls_show_the_same(visitor: Page, site: Site) -> None:
    _, expected = swept(site.bundles)
    visitor.goto(f"{site.url}/?bundle=tiny&fallback=1&budget=0.5")
    step = int(np.abs(expected.budgets - 0.5).argmin())
    expect(visitor.locator("h2").first).to_contain_text(f"{100 * expected.accuracy[step]:.1f}% accuracy")
    visitor.wait_for_selector('[data-testid="stImage"] img')
    visitor.goto(f"{site.url}/?bundle=timed&fallback=1&unit=ms_batch_32")
    expect(visitor.get_by_text("early exit is 2.0x faster at a 25% budget")).to_be_visible()


def test_names_in_other_peoples_files_stay_text(visitor: Page, site: Site) -> None:
    """The fixture fails on the request that an image or script in a name would make."""
    explore(visitor, site, "bundle=hostile&show=![x](http://127.0.0.1:9/lure.png)")
    visitor.locator(FACE).first.click()
    expect(visitor.locator(".offramp-verdict")).to_contain_text("<script>")
    visitor.goto(f"{site.url}/?bundle=hostile&fallback=1")
    expect(visitor.locator("h2").first).to_contain_text("accuracy")
    visitor.goto(f"{site.url}/?view=library")
    expect(visitor.get_by_text("<script>").first).to_be_visible()
    assert visitor.title() != "lured"


def test_a_measured_unit_can_be_selected_and_has_a_table(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=timed")
    select(visitor, "unit", f"Milliseconds per image, batch 32, {DEVICE}")
    settled(visitor, "unit=ms_batch_32")
    visitor.get_by_role("button", name="Show measured runs").click()
    expect(visitor.locator(".offramp-run-label")).to_have_text(["32"] * 3)
    expect(visitor.locator(".offramp-sentence")).to_contain_text("of the time at batch 32")
    visitor.get_by_text("The numbers", exact=True).click()
    expect(visitor.get_by_text("Measured with real early exits")).to_be_visible()


#: Makes every request for images slow.
SLOW = """const quick = fetch
window.fetch = async (address, ...rest) => {
  if (String(address).includes('/offramp/images/')) await new Promise((done) => setTimeout(done, 200))
  return quick(address, ...rest)
}"""


def test_images_that_were_slow_and_failed_are_fetched_again(own_visitor: Page, site: Site) -> None:
    failed = []

    def fail(route: Route) -> None:
        if len(failed) == 4:
            return route.continue_()
        failed.append(route.request.url)
        return route.abort() if len(failed) % 2 else route.fulfill(status=503, body="Busy.")

    own_visitor.add_init_script(SLOW)
    own_visitor.route("**/offramp/images/**", fail)
    explore(own_visitor, site, f"bundle=tiny&budget=0.13&image={open_bundle(str(site.bundles / 'tiny')).outputs.test().ids[0]}")
    own_visitor.locator(COLUMN).first.locator(ALL).click()
    press_keys(own_visitor, "ArrowRight", STEPS // 4)  # most images of the list come into view and leave it before they have arrived
    all_have_images(own_visitor)
    own_visitor.wait_for_function(
        "() => document.querySelector('.offramp-tile') && !document.querySelector('.offramp-tile .offramp-plate')"
    )
    expect(own_visitor.locator(IMAGE)).to_have_js_property("complete", True)
    assert own_visitor.locator(IMAGE).evaluate("(image) => image.naturalWidth") > 0
    assert len(failed) == 4


def test_the_link_is_copied_or_shown_to_be_copied(browser: Browser, site: Site) -> None:
    context = still(browser)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    with watched(context, site.url) as page:
        explore(page, site, "bundle=imageless")
        press_keys(page, "End")
        settled(page, "budget=1")
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == page.url
        expect(page.get_by_role("button", name="Copy link")).to_be_visible()
        page = context.new_page()
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new DOMException('Refused.', 'NotAllowedError'))")
        explore(page, site, "bundle=imageless&budget=0.5")
        page.get_by_role("button", name="Copy link").click()
        field = page.get_by_label("Link to this view")
        expect(field).to_have_value(page.url)
        assert page.evaluate("getSelection().toString()") == page.url
        page.keyboard.press("Tab")
        expect(field).to_have_count(0)
