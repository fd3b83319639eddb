"""The server ends under an open page and starts again: the page goes on without it, and what had to wait follows."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import (
    FACE,
    LAUNCH,
    REASON,
    SEEN,
    SLIDER,
    Site,
    all_have_images,
    at_step,
    explore,
    open_all,
    press_keys,
    running,
    select,
    settled,
    step,
    still,
    swept,
    watched,
)

DIALOG = '[data-testid="stDialog"]'
#: Counts in `window.dialogs` how often Streamlit has opened a dialog.
COUNT_DIALOGS = f"""() => {{
  let open = false
  window.dialogs = 0
  new MutationObserver(() => {{
    const now = document.querySelector('{DIALOG}') !== null
    if (now && !open) window.dialogs++
    open = now
  }}).observe(document.body, {{ childList: true, subtree: true }})
}}"""


def hit(page: Page, selector: str) -> bool:
    """Whether nothing covers the middle of an element, once it is scrolled to."""
    return bool(
        page.locator(selector).first.evaluate(
            """(node) => {
              node.scrollIntoView({ block: 'nearest', behavior: 'instant' })
              const { x, y, width, height } = node.getBoundingClientRect()
              return node.contains(document.elementFromPoint(x + width / 2, y + height / 2))
            }"""
        )
    )


def test_the_page_goes_on_without_its_server(browser: Browser, bundles: Path) -> None:
    environment = {**os.environ, "OFFRAMP_DATA": str(bundles.parent)}
    command = [sys.executable, "-c", LAUNCH, "--no-browser", "--port"]
    with ExitStack() as whole:
        with running([*command, "8690"], environment) as url:
            page = whole.enter_context(watched(still(browser), url))
            explore(page, Site(url, bundles))
            all_have_images(page)
            expect(page.locator(".offramp-notice")).to_have_count(0)
            page.evaluate(COUNT_DIALOGS)
            page.locator(SLIDER).focus()

        # The server has ended: one quiet line, Streamlit's dialog closed at once, and all that is on the page works.
        line = page.locator(".offramp-notice-connection")
        expect(line).to_contain_text("The server does not answer.")
        page.wait_for_function("window.dialogs === 1")
        expect(page.locator(DIALOG)).to_have_count(0)
        expect(page.locator(SLIDER)).to_be_focused()
        assert line.bounding_box()["height"] < 60
        _, expected = swept(bundles)
        before, first = page.evaluate(SEEN), step(page, expected)
        press_keys(page, "ArrowRight", 40)
        at_step(page, expected, first + 40)
        after = page.evaluate(SEEN)
        assert all(after[part] != before[part] for part in ("sentence", "bars", "road", "faces"))
        page.locator(".offramp-show button", has_text="Incorrect").click()
        tiles = open_all(page, 0)
        expect(tiles.first).to_be_visible()
        expect(tiles.first).to_have_attribute("data-correct", "false")  # what is highlighted comes first
        page.locator(FACE).first.click()
        expect(page.locator(".offramp-verdict")).to_contain_text("Leaves at")
        expect(page.locator(".offramp-steps")).to_contain_text("could not be fetched")
        assert hit(page, SLIDER) and hit(page, ".offramp-topbar nav a")
        expect(page.locator(DIALOG)).to_have_count(0)
        view = page.url

        # What is asked for meanwhile fails for the same reason, which is not said twice.
        select(page, "policy", "entropy")
        expect(page.locator(".offramp-notice-failure")).to_have_count(1)
        expect(page.locator(".offramp-notice-failure")).to_be_hidden()
        expect(line).to_be_visible()

        # It is back: the line goes, the predictions come, and the other views and policies can be opened.
        whole.enter_context(running([*command, str(urlsplit(url).port)], environment))
        expect(line).to_have_count(0)
        settled(page, "policy=entropy")
        expect(page.locator(REASON)).to_have_count(4)
        assert page.url.replace("&policy=entropy", "").replace("policy=entropy&", "") == view
        select(page, "policy", "single_threshold")
        settled(page, "policy=single_threshold")
        page.locator(".offramp-topbar nav a", has_text="Library").click()
        expect(page.get_by_role("heading", name="Library")).to_be_visible()
        expect(page.locator(DIALOG)).to_have_count(0)
