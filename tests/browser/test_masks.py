"""Where exits give masks, the trace shows the true one and that of every exit, hatched where it is incorrect."""

import numpy as np
from playwright.sync_api import Page, expect

from engine.bundle.library import open_bundle
from engine.datasets.base import IGNORED
from tests.browser.conftest import CELL, FACE, TRACE, Reports, Site, explore
from tests.browser.test_accessibility import violations

#: The colours of a picture by how many of its pixels have each, as [red, green, blue, opacity, number], the most frequent first.
COLOURS = """(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const counts = new Map()
  for (let i = 0; i < data.length; i += 4) {
    const colour = data.slice(i, i + 4).join()
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  return Object.fromEntries(counts)
}"""
HATCHED, CLEAR = ("20,24,28,255", "255,255,255,255"), "0,0,0,0"
SCALE = 4


def pictures_are_those_of_the_bundle(page: Page, site_bundles: str) -> None:
    bundle = open_bundle(site_bundles)
    assert bundle.masks is not None
    id = int(page.locator(f"{FACE}[aria-pressed=true]").get_attribute("data-id") or "")
    masks = bundle.masks[id]
    true, predicted = page.locator(f"{TRACE} .offramp-trace-masks canvas"), page.locator(f"{CELL} canvas")
    expect(true).to_have_attribute("aria-label", "True mask")
    expect(predicted).to_have_count(len(masks.exits))
    counts = masks.truth != IGNORED
    colours = true.evaluate(COLOURS)
    assert colours[CLEAR] == SCALE**2 * (~counts).sum() and not set(HATCHED) & set(colours)
    assert sorted(colours.values()) == sorted(SCALE**2 * np.unique(masks.truth, return_counts=True)[1])
    for exit, mask in enumerate(masks.exits):
        incorrect = int(((mask != masks.truth) & counts).sum())
        colours = predicted.nth(exit).evaluate(COLOURS)
        assert [colours.get(colour, 0) for colour in HATCHED] == [SCALE * incorrect, SCALE * incorrect], "one line in four of each"
        label = predicted.nth(exit).get_attribute("aria-label")
        assert label == f"Predicted mask; {100 * incorrect / counts.sum():.1f}% of its pixels, hatched, differ from the true mask"


def test_masks_are_shown_in_a_report(page: Page, report: Reports) -> None:
    report(page, "masked", "#budget=0.5")
    page.locator(FACE).first.click()
    pictures_are_those_of_the_bundle(page, str(report.bundles / "masked"))
    expect(page.locator(".offramp-trace-masks span")).to_have_text(["ground", "disc", "other disc"])
    assert not violations(page, TRACE)
    page.keyboard.press("Escape")
    expect(page.locator(f"{TRACE} canvas")).to_have_count(0)


def test_masks_are_shown_by_a_server(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=masked&budget=0.5")
    visitor.locator(FACE).nth(3).click()
    pictures_are_those_of_the_bundle(visitor, str(site.bundles / "masked"))
    printed = visitor.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == 1, (
        "the example fits on the page, and nothing of Streamlit's follows"
    )


def test_without_the_true_masks_those_of_the_exits_are_shown(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=masked-outputs&budget=0.5")
    visitor.locator(FACE).nth(3).click()
    key, predicted = visitor.locator(f"{TRACE} .offramp-trace-masks"), visitor.locator(f"{CELL} canvas")
    expect(key).to_contain_text("true mask: with its data set, which is not on this computer")
    expect(key.locator("canvas")).to_have_count(0)
    expect(predicted).to_have_count(3)
    for exit in range(3):
        expect(predicted.nth(exit)).to_have_attribute("aria-label", "Predicted mask")
        assert not set(HATCHED) & set(predicted.nth(exit).evaluate(COLOURS))
    assert not violations(visitor, TRACE)
