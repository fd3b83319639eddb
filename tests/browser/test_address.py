"""The address of the page of a server: every view has one, Back and Forward lead through them, and nothing else changes it."""

import json
from typing import Any

from playwright.sync_api import Browser, Page, WebSocket, expect

from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from tests.browser.conftest import Site, explore, frame, press_slider, settled, watched

#: What a visitor sees: the address, the title of the page, the sentence, the filters, and the trace of the picked image.
STATE = """() => {
  const text = (selector) => document.querySelector(selector)?.textContent ?? null
  return JSON.stringify({
    address: location.search,
    title: [...document.querySelectorAll('h1')].map((title) => title.textContent),
    sentence: text('.offramp-sentence'),
    front: document.querySelector('.offramp-drawing')?.getAttribute('aria-label') ?? null,
    filters: [document.querySelector('.offramp-class')?.value ?? null, text('.offramp-show [aria-pressed=true]')],
    trace: [text('.offramp-trace h3'), text('.offramp-steps')],
  })
}"""


def state(page: Page) -> dict[str, Any]:
    """Once it has stayed the same for a moment."""
    before, now = "", page.evaluate(STATE)
    while before != now:
        page.wait_for_timeout(500)
        before, now = now, page.evaluate(STATE)
    return json.loads(now)


def shows(page: Page, expected: dict[str, Any]) -> None:
    page.wait_for_function(f"(expected) => ({STATE})() === expected", arg=json.dumps(expected, ensure_ascii=False, separators=(",", ":")))


def select(page: Page, what: int, value: str) -> None:
    """what: 0 for the bundle, 1 for the policy, 2 for the unit"""
    page.locator(".offramp-control select").nth(what).select_option(value)


def open_view(page: Page, title: str) -> None:
    page.locator(".offramp-topbar nav a", has_text=title).click()


def pick(page: Page) -> None:
    page.locator(".offramp-tile").nth(2).click()
    expect(page.locator(".offramp-steps .offramp-reason").first).to_be_visible()
    settled(page, "image=")


def test_thirty_drags_add_nothing_to_the_history_and_the_server_hears_of_none(visitor: Page, site: Site) -> None:
    sent: list[bytes | str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(frame))

    visitor.on("websocket", listen)
    explore(visitor, site)
    state(visitor)
    assert sent, "the page has a connection to listen to"
    entries = visitor.evaluate("history.length")
    sent.clear()
    for drag in range(30):
        press_slider(visitor, 0.9 if drag % 2 else 0.2)
        visitor.mouse.up()
    settled(visitor, "budget=0.9")
    assert visitor.evaluate("history.length") == entries and not sent


def test_back_and_forward_show_the_same_again(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=tiny&budget=0.5")
    states = [state(visitor)]
    slider = visitor.locator(".offramp-slider")
    before = slider.input_value()
    select(visitor, 1, "single_threshold")
    settled(visitor, "policy=single_threshold")
    states.append(state(visitor))
    assert slider.input_value() == before, "another policy keeps the budget"
    select(visitor, 0, "deep")
    settled(visitor, "bundle=deep")
    states.append(state(visitor))
    pick(visitor)
    states.append(state(visitor))
    open_view(visitor, "Library")
    expect(visitor.get_by_role("heading", name="Library")).to_be_visible()
    states.append(state(visitor))
    assert len({json.dumps(seen) for seen in states}) == 5
    for seen in reversed(states[:-1]):
        visitor.go_back()
        shows(visitor, seen)
    for seen in states[1:]:
        visitor.go_forward()
        shows(visitor, seen)


def test_a_link_shows_the_same_to_another_visitor(browser: Browser, visitor: Page, site: Site) -> None:
    explore(visitor, site)
    select(visitor, 1, "entropy")
    settled(visitor, "policy=entropy")
    select(visitor, 2, "latency_ms")
    settled(visitor, "unit=latency_ms")
    press_slider(visitor, 0.6)
    visitor.mouse.up()
    visitor.locator(".offramp-show button", has_text="Incorrect").click()
    visitor.locator(".offramp-class").select_option("2")
    pick(visitor)
    seen = state(visitor)
    assert "time" in seen["sentence"]
    with watched(browser.new_context(viewport={"width": 1440, "height": 900}), site.url) as other:
        other.goto(visitor.url)
        shows(other, seen)


def test_leaving_for_the_library_and_returning_changes_nothing(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=tiny")
    visitor.locator(".offramp-slider").focus()
    for _ in range(40):
        visitor.keyboard.press("ArrowRight")
    visitor.locator(".offramp-show button", has_text="Correct").first.click()
    pick(visitor)
    seen = state(visitor)
    # At once after the last change: it must not be lost.
    visitor.keyboard.press("Escape")
    pick(visitor)
    for view in ("Library", "Methods"):
        open_view(visitor, view)
        expect(visitor.get_by_role("heading", name=view)).to_be_visible()
        expect(visitor.locator('[data-testid="stException"]')).to_have_count(0)
        open_view(visitor, "Explore")
        shows(visitor, seen)


def test_an_invalid_address_is_mentioned_once_and_replaced(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=tiny&policy=nonsense&budget=7&class=<b>&show=maybe&image=²")
    notice = visitor.locator(".offramp-notice-address")
    invalid = ("“nonsense”", "“7”", "“<b>”", "“maybe”", "asks for the image “²”, which is not in the test split")
    for part in invalid:
        expect(notice).to_contain_text(part)
        assert visitor.locator("body").inner_text().count(part) == 1, part
    assert visitor.evaluate("location.search") == "?bundle=tiny&budget=1"
    visitor.reload()
    visitor.wait_for_selector(".offramp[data-ready=true]")
    assert state(visitor)["address"] == "?bundle=tiny&budget=1"
    expect(notice).to_have_count(0)
    # A policy that exists but cannot run here, with the reason
    explore(visitor, site, "bundle=costly&policy=eenet")
    reason = POLICIES["eenet"].unavailable_reason(open_bundle(str(site.bundles / "costly")).outputs)
    expect(notice).to_contain_text(f"{reason}")
    expect(notice).to_contain_text(f"“{POLICIES['maxprob'].title}” instead")
    assert "policy" not in visitor.evaluate("location.search")
    # A view that does not exist
    explore(visitor, site, "bundle=tiny&view=<b>")
    expect(visitor.get_by_text("There is no view “<b>” here; showing “Explore” instead.")).to_have_count(1)


def test_what_python_runs_again_changes_neither_address_nor_view(visitor: Page, site: Site) -> None:
    """Of two bundles with the same title, neither may be replaced by the other."""
    explore(visitor, site, "bundle=tiny&budget=0.5")
    select(visitor, 0, "wide")
    settled(visitor, "bundle=wide")
    select(visitor, 1, "entropy")
    settled(visitor, "policy=entropy")
    press_slider(visitor, 0.7)
    visitor.mouse.up()
    pick(visitor)
    seen, entries = state(visitor), visitor.evaluate("history.length")
    visitor.locator(".offramp").evaluate("(block) => { block.sameBlock = true }")
    for visible in (True, False, True):
        visitor.get_by_text("Set a target instead of a budget").click()
        expect(visitor.get_by_label("Accuracy (%)")).to_have_count(int(visible))
        frame(visitor)
        assert state(visitor) == seen and visitor.evaluate("history.length") == entries
    assert visitor.locator(".offramp").evaluate("(block) => block.sameBlock")
