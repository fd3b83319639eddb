"""The address of the page of a server: every view has one, Back and Forward lead through them, and nothing else changes it."""

import json
from typing import Any

from playwright.sync_api import Browser, Page, expect

from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from tests.browser.conftest import (
    FACE,
    FINISHED,
    REASON,
    SUBSETS,
    Site,
    explore,
    press_keys,
    press_slider,
    select,
    settled,
    step,
    still,
    swept,
    watched,
)
from tests.thorough import THOROUGH

#: Makes the page's Python run again, and waits until it has: it hears of an address that differs.
RUN_AGAIN = """(query) => new Promise((done) => {
  const app = document.querySelector('.stApp')
  let begun = false
  const observer = new MutationObserver(() => {
    if (app.dataset.testScriptState === 'running') begun = true
    else if (begun && app.dataset.testScriptState === 'notRunning') observer.disconnect(), done()
  })
  observer.observe(app, { attributeFilter: ['data-test-script-state'] })
  history.replaceState(history.state, '', query)
  document.dispatchEvent(new Event('offramp-moved'))
})"""
#: What a visitor sees: the address, the title of the page, the sentence, the filters, the cast, and the trace of the picked image.
STATE = """() => {
  const text = (selector) => document.querySelector(selector)?.textContent ?? null
  const place = (face) => [face.dataset.exit, face.className, face.ariaPressed].join()
  return JSON.stringify({
    address: location.search,
    title: [...document.querySelectorAll('h1')].map((title) => title.textContent),
    sentence: text('.offramp-sentence'),
    front: document.querySelector('.offramp-drawing')?.getAttribute('aria-label') ?? null,
    filters: [document.querySelector('.offramp-subset')?.value ?? null, text('.offramp-show [aria-pressed=true]')],
    cast: [...document.querySelectorAll('.offramp-face')].map(place).join(' '),
    trace: [document.querySelector('.offramp-trace-who')?.hidden === false ? text('.offramp-trace-name') : null, text('.offramp-steps')],
  })
}"""


def state(page: Page) -> dict[str, Any]:
    """Once it has stayed the same for a moment."""
    before, now = "", page.evaluate(STATE)
    while before != now:
        page.wait_for_timeout(200)
        before, now = now, page.evaluate(STATE)
    return json.loads(now)


def shows(page: Page, expected: dict[str, Any]) -> None:
    page.wait_for_function(f"(expected) => ({STATE})() === expected", arg=json.dumps(expected, ensure_ascii=False, separators=(",", ":")))


def open_view(page: Page, title: str) -> None:
    page.locator(".offramp-topbar nav a", has_text=title).click()


def pick(page: Page) -> None:
    page.locator(FACE).nth(2).click()
    expect(page.locator(".offramp-trace:not([data-idle])")).to_be_visible()
    page.wait_for_selector(f"{REASON} >> nth=0", state="attached")  # hidden in a narrow column
    settled(page, "image=")


def listen(page: Page) -> list[bytes | str]:
    """What the next page that is opened sends to the server, from then on."""
    sent: list[bytes | str] = []
    page.once("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    return sent


def drags_add_nothing_to_the_history_and_the_server_hears_of_none(page: Page, sent: list[bytes | str]) -> None:
    state(page)
    assert sent, "the page has a connection to listen to"
    entries = page.evaluate("history.length")
    sent.clear()
    for drag in range(30 if THOROUGH else 2):
        press_slider(page, 0.9 if drag % 2 else 0.2)
        page.mouse.up()
    settled(page, "budget=0.9")
    assert page.evaluate("history.length") == entries and not sent


def leaving_for_the_library_and_returning_changes_nothing(page: Page) -> None:
    press_keys(page, "Home")
    press_keys(page, "ArrowRight", 40)
    page.locator(".offramp-show button", has_text="Rescued").first.click()
    pick(page)
    seen = state(page)
    # At once after the last change: it must not be lost.
    page.keyboard.press("Escape")
    pick(page)
    open_view(page, "Library")
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    expect(page.locator('[data-testid="stException"]')).to_have_count(0)
    open_view(page, "Explore")
    shows(page, seen)


def pressing_back_quickly_does_not_end_the_connection(page: Page) -> None:
    for title in ("Library", "Explore") * (2 if THOROUGH else 1):
        open_view(page, title)
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_attached()
        page.locator(FINISHED).wait_for()
    for _ in range(4):
        page.evaluate("history.back()")
        page.wait_for_timeout(30)
    expect(page.locator(".offramp[data-ready=true]")).to_have_count(1)
    open_view(page, "Library")
    expect(page.get_by_role("heading", name="Library", exact=True)).to_be_visible()


def test_drags_and_other_views_leave_the_address_and_the_connection_as_they_were(visitor: Page, site: Site) -> None:
    """In one visit, as each would open the same page again."""
    sent = listen(visitor)
    explore(visitor, site)
    drags_add_nothing_to_the_history_and_the_server_hears_of_none(visitor, sent)
    leaving_for_the_library_and_returning_changes_nothing(visitor)
    pressing_back_quickly_does_not_end_the_connection(visitor)


def test_back_and_forward_and_a_link_show_the_same_again(browser: Browser, visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=imageless&budget=0.5")
    states = [state(visitor)]
    before = step(visitor, swept(site.bundles)[1])
    select(visitor, "policy", "single_threshold")
    settled(visitor, "policy=single_threshold")
    states.append(state(visitor))
    assert step(visitor, swept(site.bundles, "single_threshold")[1]) == before, "another policy keeps the budget"
    select(visitor, "bundle", "deep")
    settled(visitor, "bundle=deep")
    expect(visitor).to_have_title("Forty exits · Explore · Offramp")
    states.append(state(visitor))
    select(visitor, "unit", "latency_ms")
    settled(visitor, "unit=latency_ms")
    press_slider(visitor, 0.6)
    visitor.mouse.up()
    visitor.locator(".offramp-show button", has_text="Incorrect").click()
    visitor.locator(SUBSETS).select_option("2")
    states.append(state(visitor))
    assert "time" in states[-1]["sentence"]
    pick(visitor)
    states.append(state(visitor))
    link = visitor.url
    open_view(visitor, "Library")
    expect(visitor.get_by_role("heading", name="Library")).to_be_visible()
    expect(visitor).to_have_title("Library · Offramp")
    states.append(state(visitor))
    assert len({json.dumps(seen) for seen in states}) == 6
    for seen in reversed(states[:-1]):
        visitor.go_back()
        shows(visitor, seen)
    for seen in states[1:]:
        visitor.go_forward()
        shows(visitor, seen)
    # Another visitor
    with watched(still(browser), site.url) as other:
        other.goto(link)
        shows(other, states[4])


def test_an_invalid_address_is_mentioned_once_and_replaced(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=imageless&policy=nonsense&budget=7&class=<b>&show=maybe&image=²")
    notice = visitor.locator(".offramp-notice-address")
    invalid = ("“nonsense”", "“7”", "“<b>”", "“maybe”", "asks for the image “²”, which is not in the test split")
    for part in invalid:
        expect(notice).to_contain_text(part)
        assert visitor.locator("body").inner_text().count(part) == 1, part
    assert visitor.evaluate("location.search") == "?bundle=imageless&budget=1"
    visitor.reload()
    visitor.wait_for_selector(".offramp[data-ready=true]")
    assert state(visitor)["address"] == "?bundle=imageless&budget=1"
    expect(notice).to_have_count(0)
    # A policy that exists but cannot run here, with the reason, and a view that does not exist
    explore(visitor, site, "bundle=costly&policy=ztw&view=<b>")
    reason = POLICIES["ztw"].unavailable_reason(open_bundle(str(site.bundles / "costly")).outputs)
    expect(notice).to_contain_text(f"{reason}")
    expect(notice).to_contain_text(f"“{POLICIES['maxprob'].title}” instead")
    assert "policy" not in visitor.evaluate("location.search")
    expect(visitor.get_by_text("There is no view “<b>” here; showing “Explore” instead.")).to_have_count(1)


def test_what_python_runs_again_changes_neither_address_nor_view(visitor: Page, site: Site) -> None:
    """Of two bundles with the same title, neither may be replaced by the other."""
    explore(visitor, site, "bundle=imageless&budget=0.5")
    select(visitor, "bundle", "wide")
    settled(visitor, "bundle=wide")
    select(visitor, "policy", "entropy")
    settled(visitor, "policy=entropy")
    press_slider(visitor, 0.7)
    visitor.mouse.up()
    pick(visitor)
    seen, entries = state(visitor), visitor.evaluate("history.length")
    visitor.locator(".offramp").evaluate("(block) => { block.sameBlock = true }")
    address = seen.pop("address")
    for number in range(2):
        visitor.evaluate(RUN_AGAIN, f"{address}&number={number}")
        now = state(visitor)
        assert now.pop("address") == f"{address}&number={number}"
        assert now == seen and visitor.evaluate("history.length") == entries
    assert visitor.locator(".offramp").evaluate("(block) => block.sameBlock")
