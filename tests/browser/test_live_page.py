"""What only a server shows: other bundles, targets, stock widgets, the other views, a link to copy, and images that fail on the way."""

import numpy as np
from playwright.sync_api import Browser, Page, Route, expect

from app.store import STEPS
from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from engine.targets import by_accuracy_floor
from tests.browser.conftest import DAMAGED, Site, all_have_images, explore, settled, swept, watched
from tests.measured import DEVICE


def test_damaged_bundles_have_a_warning_and_the_others_open(visitor: Page, site: Site) -> None:
    explore(visitor, site)
    alerts = visitor.locator('[data-testid="stAlert"]').all_text_contents()
    for name in DAMAGED:
        assert sum(name in alert for alert in alerts) == 1, name
    assert not visitor.locator("text=Traceback").count()


def test_a_minimum_accuracy_leads_to_a_budget(visitor: Page, site: Site) -> None:
    outputs, sweep = swept(site.bundles)
    tuned = sweep.calibration_accuracy
    floor = 100 * float(tuned.min() + tuned.max()) / 2
    explore(visitor, site)
    visitor.get_by_text("Set a target").click()
    visitor.get_by_label("Accuracy (%)").fill(f"{floor:.1f}")
    visitor.get_by_label("Accuracy (%)").press("Enter")
    target = by_accuracy_floor(POLICIES["maxprob"], outputs, round(floor, 1) / 100)
    tuned = f"{100 * target.calibration.accuracy:.1f}% accuracy at {100 * target.calibration.cost:.1f}% of the compute on calibration"
    expect(visitor.get_by_text("where it was tuned")).to_contain_text(tuned)
    visitor.get_by_role("button", name="Show on the front").click()
    settled(visitor, f"budget={target.planned_cost:.4f}")
    step = (target.planned_cost - 0.125) / 0.875 * (STEPS - 1)
    visitor.wait_for_function("(step) => Math.abs(Number(document.querySelector('.offramp-slider')?.value) - step) <= 1", arg=step)


def test_basic_controls_show_the_same(visitor: Page, site: Site) -> None:
    _, expected = swept(site.bundles)
    visitor.goto(f"{site.url}/?bundle=tiny&fallback=1&budget=0.5")
    step = int(np.abs(expected.budgets - 0.5).argmin())
    expect(visitor.locator("h3").first).to_contain_text(f"{100 * expected.accuracy[step]:.1f}% accuracy")
    visitor.wait_for_selector('[data-testid="stImage"] img')
    visitor.goto(f"{site.url}/?bundle=timed&fallback=1&unit=ms_batch_32")
    expect(visitor.get_by_text("early exit is 2.0x faster at a 25% budget")).to_be_visible()


def test_names_in_other_peoples_files_stay_text(visitor: Page, site: Site) -> None:
    """The fixture fails on the request that an image or script in a name would make."""
    explore(visitor, site, "bundle=hostile&show=![x](http://127.0.0.1:9/lure.png)")
    visitor.locator(".offramp-tile").first.click()
    expect(visitor.locator(".offramp-verdict")).to_contain_text("<script>")
    visitor.goto(f"{site.url}/?bundle=hostile&fallback=1")
    expect(visitor.locator("h3").first).to_contain_text("accuracy")
    visitor.goto(f"{site.url}/?view=library")
    expect(visitor.get_by_text("<script>").first).to_be_visible()
    assert visitor.title() != "lured"


def test_a_measured_unit_can_be_selected_and_has_a_table(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=timed")
    visitor.locator(".offramp-control select").nth(2).select_option(label=f"Milliseconds per image, batch 32, {DEVICE}")
    settled(visitor, "unit=ms_batch_32")
    expect(visitor.locator(".offramp-run-label")).to_have_text(["32"] * 3)
    expect(visitor.locator(".offramp-cost-title")).to_contain_text("time at batch 32")
    visitor.get_by_text("The numbers").click()
    expect(visitor.get_by_text("Measured with real early exits")).to_be_visible()


#: Makes every request for images slow.
SLOW = """const quick = fetch
window.fetch = async (address, ...rest) => {
  if (String(address).includes('/offramp/images/')) await new Promise((done) => setTimeout(done, 200))
  return quick(address, ...rest)
}"""


def test_images_that_were_slow_and_failed_are_fetched_again(visitor: Page, site: Site) -> None:
    failed = []

    def fail(route: Route) -> None:
        if len(failed) == 4:
            return route.continue_()
        failed.append(route.request.url)
        return route.abort() if len(failed) % 2 else route.fulfill(status=503, body="Busy.")

    visitor.add_init_script(SLOW)
    visitor.route("**/offramp/images/**", fail)
    explore(visitor, site, f"bundle=tiny&budget=0.13&image={open_bundle(str(site.bundles / 'tiny')).outputs.test().ids[0]}")
    visitor.locator(".offramp-slider").focus()
    for _ in range(STEPS // 2):  # most images come into view and leave it again before they have arrived
        visitor.keyboard.press("ArrowRight")
    all_have_images(visitor)
    expect(visitor.locator(".offramp-picture img")).to_have_js_property("complete", True)
    assert visitor.locator(".offramp-picture img").evaluate("(image) => image.naturalWidth") > 0
    assert len(failed) == 4


def test_it_fits_a_phone(visitor: Page, site: Site) -> None:
    visitor.set_viewport_size({"width": 390, "height": 844})
    explore(visitor, site)
    assert visitor.evaluate("document.documentElement.scrollWidth <= innerWidth")
    parts = ".offramp-topbar, .offramp-controls, .offramp-slider, .offramp-plot, .offramp-gallery"
    boxes = [part.bounding_box() for part in visitor.locator(parts).all()]
    assert len(boxes) == 5 and all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes if box)


def test_the_link_is_copied_or_shown_to_be_copied(browser: Browser, site: Site) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    with watched(context, site.url) as page:
        explore(page, site, "bundle=tiny")
        page.locator(".offramp-slider").focus()
        page.keyboard.press("End")
        settled(page, "budget=1")
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == page.url
        expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    with watched(browser.new_context(viewport={"width": 1440, "height": 900}), site.url) as page:
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new DOMException('Refused.', 'NotAllowedError'))")
        explore(page, site, "bundle=tiny&budget=0.5")
        page.get_by_role("button", name="Copy link").click()
        field = page.get_by_label("Link to this view")
        expect(field).to_have_value(page.url)
        assert page.evaluate("getSelection().toString()") == page.url
        page.keyboard.press("Tab")
        expect(field).to_have_count(0)
