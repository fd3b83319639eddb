"""The front in a real browser: names of curves, cards of exits and runs, and what a finger does."""

import re
from collections.abc import Iterator
from itertools import product

import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect

from tests.browser.conftest import FACE, RAIL_ENDS, SLIDER, TRACE, Reports, frame, watched
from tests.thorough import variants

SPENT = f"Number(document.querySelector('{SLIDER}').getAttribute('aria-valuenow'))"
#: Pairs of a name and what it covers, and names that reach out of the chart.
OVERLAPS = """() => {
  const plot = document.querySelector('.offramp-plot').getBoundingClientRect()
  const box = (node, k) => ({name: node.textContent || `exit ${k + 1}`, ...node.getBoundingClientRect().toJSON()})
  const names = [...document.querySelectorAll('.offramp-curve-names .offramp-curve-name')].map(box)
  const exits = [...document.querySelectorAll('.offramp-exit rect')].map(box)
  const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left)
  const down = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
  const covered = (name, i) => [...names.slice(i + 1), ...exits].filter((other) => across(name, other) > 1 && down(name, other) > 1)
  const outside = names.filter((name) => across(name, plot) < name.width - 1 || down(name, plot) < name.height - 1)
  return [...names.flatMap((name, i) => covered(name, i).map((other) => [name.name, other.name])), ...outside.map((name) => name.name)]
}"""
#: The contrast of every text of the chart with the page.
CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
  }
  const linear = (part) => (part <= 0.04045 * 255 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)
  const luminance = (colour) => rgb(colour).map(linear).reduce((sum, part, i) => sum + [0.2126, 0.7152, 0.0722][i] * part, 0)
  const page = luminance(getComputedStyle(document.querySelector('.offramp')).getPropertyValue('--st-background-color'))
  const contrast = (colour) => (Math.max(luminance(colour), page) + 0.05) / (Math.min(luminance(colour), page) + 0.05)
  const texts = [...document.querySelectorAll('.offramp-front text:not(.offramp-exit text), .offramp-rail text, .offramp-curve-name')]
  return texts.map((text) => [text.textContent, contrast(getComputedStyle(text)[text.tagName === 'text' ? 'fill' : 'color'])])
}"""


@pytest.mark.parametrize(
    ("bundle", "width"),
    variants(list(product(["tiny", "family", "deep", "hostile"], [390, 1440])), ("hostile", 390), ("family", 1440)),
)
def test_names_of_curves_cover_no_exit_and_no_other_name(page: Page, report: Reports, bundle: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    report(page, bundle)
    assert page.evaluate(OVERLAPS) == []
    expect(page.locator(".offramp-curve-name")).to_have_count(5)


def test_texts_have_enough_contrast(page: Page, report: Reports) -> None:
    report(page, "imageless")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("() => document.getAnimations().length === 0")
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 12
        assert [(text, contrast) for text, contrast in contrasts if contrast < 4.5] == [], scheme


def test_the_name_of_a_curve_shows_and_hides_it(page: Page, report: Reports) -> None:
    report(page, "imageless")
    name = page.locator(".offramp-curve-name-calibration")
    curve = page.locator(".offramp-drawing .offramp-curve-calibration")
    expect(name).to_have_attribute("aria-pressed", "false")
    expect(curve).to_have_count(0)
    name.focus()
    page.keyboard.press("Enter")
    expect(curve).to_have_count(1)
    expect(name).to_have_attribute("aria-pressed", "true")
    expect(name).to_be_focused()
    page.keyboard.press("Enter")
    expect(curve).to_have_count(0)
    expect(page.locator(".offramp-front-key .offramp-curve-name-calibration")).to_be_focused()


def overlap(one: FloatRect, other: FloatRect) -> float:
    """The area in square pixels."""
    across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
    down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
    return max(across, 0) * max(down, 0)


@pytest.mark.parametrize("width", variants([390, 1440], 390))
def test_cards_cover_neither_an_exit_nor_the_dot(page: Page, report: Reports, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    report(page, "imageless", "#budget=0.4")
    spots = page.locator(".offramp-spot")
    expect(spots).to_have_count(4)
    for k in range(4):
        spots.nth(k).focus()
        expect(page.locator(".offramp-card")).to_contain_text(f"Exit {k + 1}")
        card = page.locator(".offramp-card").bounding_box()
        plot = page.locator(".offramp-plot").bounding_box()
        assert card["x"] >= plot["x"] and card["x"] + card["width"] <= plot["x"] + plot["width"]
        assert card["y"] >= plot["y"] and card["y"] + card["height"] <= plot["y"] + plot["height"]
        boxes = [exit.bounding_box() for exit in page.locator(".offramp-exit rect").all()]
        dot = page.locator(".offramp-dot").evaluate("(dot) => [dot.getBoundingClientRect().x, dot.getBoundingClientRect().y]")
        boxes.append({"x": dot[0] - 8, "y": dot[1] - 8, "width": 16, "height": 16})
        for box in boxes:
            assert overlap(card, box) == 0, (k, card, box)


def test_the_card_under_the_pointer_covers_no_exit(page: Page, report: Reports) -> None:
    report(page, "imageless", "#budget=0.4")
    exits = page.locator(".offramp-exit rect")
    expect(exits).to_have_count(4)
    for k in range(4):
        box = exits.nth(k).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.locator(".offramp-card")).to_contain_text(f"Exit {k + 1}")
        card = page.locator(".offramp-card").bounding_box()
        for other in (exit.bounding_box() for exit in exits.all()):
            assert overlap(card, other) == 0, (k, card, other)


def test_arrows_walk_the_exits_and_escape_hides_the_card_only(page: Page, report: Reports) -> None:
    report(page, "imageless")
    page.locator(FACE).first.click()
    trace, idle = page.locator(f"{TRACE}:not([data-idle])"), page.locator(f"{TRACE}[data-idle]")
    expect(trace).to_be_visible()
    page.locator(".offramp-spot").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".offramp-spot").nth(1)).to_be_focused()
    expect(page.locator(".offramp-card")).to_contain_text("Exit 2")
    assert "accuracy" in page.locator(".offramp-spot").nth(1).get_attribute("aria-label")
    page.keyboard.press("Escape")
    expect(page.locator(".offramp-card")).to_be_hidden()
    expect(trace).to_be_visible()
    page.keyboard.press("Escape")
    expect(idle).to_be_visible()


def test_the_pointer_shows_the_card_of_a_curve(page: Page, report: Reports) -> None:
    report(page, "imageless")
    at = page.evaluate(
        """() => {
          const curve = document.querySelector('.offramp-curve-oracle')
          const point = curve.getPointAtLength(curve.getTotalLength() / 2)
          const drawing = document.querySelector('.offramp-drawing').getBoundingClientRect()
          return [drawing.x + point.x, drawing.y + point.y]
        }"""
    )
    page.mouse.move(*at)
    expect(page.locator(".offramp-card")).to_contain_text("Oracle")
    expect(page.locator(".offramp-card")).to_contain_text("of the full network’s cost")
    page.mouse.move(5, 5)
    expect(page.locator(".offramp-card")).to_be_hidden()


def test_another_width_gets_another_drawing(page: Page, report: Reports) -> None:
    report(page, "imageless")
    wide = page.locator(".offramp-drawing").bounding_box()["width"]
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("(wide) => document.querySelector('.offramp-drawing').getBoundingClientRect().width < wide - 100", arg=wide)
    dot = page.locator(".offramp-dot").evaluate("(node) => node.getBoundingClientRect().x")
    rail = page.evaluate(RAIL_ENDS)
    cost = float(re.sub("%", "", page.locator(".offramp-cost").text_content())) / 100
    for x in (dot, rail["handle"]):
        assert (x - rail["zero"]) / (rail["whole"] - rail["zero"]) == pytest.approx(cost, abs=0.01)


@pytest.fixture
def phone(browser: Browser, report: Reports) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce")
    with watched(context, "file:") as page:
        report(page, "imageless", "#budget=0.4")
        page.locator(".offramp-front").evaluate("(front) => front.scrollIntoView({block: 'center'})")
        frame(page)
        yield page


#: Resolves once the page has stopped scrolling.
AT_REST = """async () => {
  const top = () => document.querySelector('.offramp-plot').getBoundingClientRect().top
  for (let before = NaN, now = top(); before !== now; [before, now] = [now, top()]) await new Promise((done) => setTimeout(done, 200))
}"""


def swipe(page: Page, start: tuple[float, float], move: tuple[float, float]) -> None:
    client = page.context.new_cdp_session(page)
    client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": start[0], "y": start[1]}]})
    for part in range(1, 11):
        x, y = (from_ + by * part / 10 for from_, by in zip(start, move, strict=True))
        client.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    frame(page)


def test_a_finger_scrolls_up_and_down(phone: Page) -> None:
    plot = phone.locator(".offramp-plot").bounding_box()
    middle = (plot["x"] + 0.4 * plot["width"], plot["y"] + 0.6 * plot["height"])
    before = phone.evaluate(SPENT)
    top = phone.locator(".offramp-plot").bounding_box()["y"]
    swipe(phone, middle, (0, -150))
    phone.wait_for_function("(top) => document.querySelector('.offramp-plot').getBoundingClientRect().top < top - 50", arg=top)
    assert phone.evaluate(SPENT) == before


def test_a_finger_drags_sideways(phone: Page) -> None:
    phone.evaluate(AT_REST)
    name = phone.locator(".offramp-curve-names .offramp-curve-name").first
    for start in (name.bounding_box(), phone.locator(".offramp-plot").bounding_box()):
        left = start["x"] + start["width"] / 3
        swipe(phone, (left, start["y"] + start["height"] / 2 - 1), (310 - left, 0))
        phone.wait_for_function(f"() => {SPENT} > 70")
        swipe(phone, (310, start["y"] + start["height"] / 2 - 1), (-220, 0))
        phone.wait_for_function(f"() => {SPENT} < 50")
    expect(name).to_have_attribute("aria-pressed", "true")


def test_a_tap_on_an_exit_shows_its_card_and_moves_nothing(phone: Page) -> None:
    before = phone.evaluate(SPENT)
    exit = phone.locator(".offramp-exit rect").nth(2).bounding_box()
    phone.touchscreen.tap(exit["x"] + 5, exit["y"] + 5)
    expect(phone.locator(".offramp-card")).to_contain_text("Exit 3")
    assert phone.evaluate(SPENT) == before
    phone.locator(".offramp-filter-label").first.tap()
    expect(phone.locator(".offramp-card")).to_be_hidden()
