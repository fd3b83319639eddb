"""Real runs in a real browser: they are marked on the front, and their numbers can be read."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Reports, Site, explore, press_keys
from tests.measured import DEVICE, SPEED_UPS
from tests.thorough import THOROUGH, variants

MARKS = """() => [...document.querySelectorAll('.offramp-drawing > .offramp-run')].map((mark) => {
  const box = mark.getBoundingClientRect()
  const plot = document.querySelector('.offramp-drawing').getBoundingClientRect()
  const inside = box.width > 0 && box.left >= plot.left && box.right <= plot.right && box.top >= plot.top && box.bottom <= plot.bottom
  return {x: box.x + box.width / 2, y: box.y + box.height / 2, inside}
})"""
LABELS = "() => [...document.querySelectorAll('.offramp-run-label')].map((text) => text.textContent)"


def show_runs(page: Page) -> None:
    page.get_by_role("button", name="Show measured runs").click()


@pytest.mark.parametrize("scheme", variants(["light", "dark"], "light"))
@pytest.mark.parametrize("width", variants([390, 1440], 390))
def test_the_marks_are_on_the_chart_and_labelled(page: Page, report: Reports, scheme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    report(page, "timed")
    expect(page.locator(".offramp-speedup p")).to_have_count(2)
    expect(page.get_by_role("button", name="Show measured runs")).to_have_count(0)  # times are not drawn on an axis of compute
    report(page, "timed", unit="ms_batch_32")
    assert page.evaluate(MARKS) == [], "until they are asked for"
    show_runs(page)
    marks = page.evaluate(MARKS)
    assert len(marks) == 3 and all(mark["inside"] for mark in marks)
    assert page.evaluate(LABELS) == ["32"] * 3
    expect(page.locator(".offramp-curve-name-policy")).to_contain_text("predicted")
    assert page.locator(".offramp-device", has_text="Measured").count() == 1
    sentences = page.locator(".offramp-speedup p")
    expect(sentences).to_have_count(1)
    expect(sentences.first).to_contain_text("early exit is 2.0x faster at a 25% budget")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_mark_shows_its_numbers(page: Page, report: Reports) -> None:
    report(page, "timed", unit="ms_batch_32")
    show_runs(page)
    first = page.evaluate(MARKS)[0]
    page.mouse.move(first["x"], first["y"])
    card = page.locator(".offramp-card")
    speed_up = f"{SPEED_UPS[32][0]:.1f}x faster"
    for fact in ("batch 32, 25% budget", speed_up, "from stage times", "2,000 test images", "timed on 512", DEVICE):
        expect(card).to_contain_text(fact)


def test_a_measured_unit_shows_its_own_runs(page: Page, report: Reports) -> None:
    report(page, "timed", unit="ms_batch_32")
    show_runs(page)
    assert page.evaluate(LABELS) == ["32"] * 3
    expect(page.locator(".offramp-speedup p")).to_have_count(1)
    expect(page.locator(".offramp-sentence")).to_contain_text("of the time at batch 32")
    page.get_by_role("button", name="Hide measured runs").click()
    assert page.evaluate(MARKS) == []


def test_another_axis_that_comes_with_the_runs_is_explained(visitor: Page, site: Site) -> None:
    explore(visitor, site, "bundle=timed&budget=0.5")
    visitor.get_by_role("button", name="Show measured runs, on an axis of time").click()
    why = visitor.locator(".offramp-runs-why")
    expect(why).to_have_text(f"Axis and costs are now in “Milliseconds per image, batch 1, {DEVICE}”, in which these runs are measured.")
    visitor.get_by_role("button", name="Hide measured runs").click()
    expect(why).to_have_count(0)
    visitor.get_by_role("button", name="Show measured runs").click()
    expect(visitor.get_by_role("button", name="Hide measured runs")).to_be_visible()
    expect(why).to_have_text("")


def test_energy_has_no_runs_to_show(page: Page, report: Reports) -> None:
    report(page, "timed", unit="joules_batch_32")
    assert page.evaluate(MARKS) == []
    expect(page.locator(".offramp-speedup p")).to_have_count(0)
    expect(page.get_by_role("button", name="Show measured runs")).to_have_count(0)
    expect(page.locator(".offramp-sentence")).to_contain_text("of the energy at batch 32")


#: The area of markers and names that the dot's label hides, and what it would hide at the four corners of the dot, inside the chart.
HIDDEN = """() => {
  const label = document.querySelector('.offramp-dot-label').getBoundingClientRect()
  const dot = document.querySelector('.offramp-dot').getBoundingClientRect()
  const plot = document.querySelector('.offramp-drawing').getBoundingClientRect()
  const texts = '.offramp-exit rect, .offramp-drawing > .offramp-run, .offramp-run-label, .offramp-curve-names .offramp-curve-name'
  const marks = [...document.querySelectorAll(texts)].map((mark) => mark.getBoundingClientRect())
  const across = (a, b) => Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left))
  const down = (a, b) => Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))
  const area = (box) => marks.reduce((sum, mark) => sum + across(box, mark) * down(box, mark), 0)
  const corners = [[1, -1], [-1, -1], [1, 1], [-1, 1]].map(([x, y]) => {
    const left = dot.x + x * 12 - (x < 0 ? label.width : 0)
    const top = dot.y + y * 10 - (y < 0 ? label.height : 0)
    return {left, top, right: left + label.width, bottom: top + label.height}
  })
  const inside = corners.filter((box) => across(box, plot) * down(box, plot) > 0.99 * label.width * label.height)
  return {
    side: [Math.sign(label.x + label.width / 2 - dot.x), Math.sign(label.y + label.height / 2 - dot.y)].join(),
    now: area(label),
    corners: inside.map(area),
    outside: label.width * label.height - across(label, plot) * down(label, plot),
  }
}"""


@pytest.mark.parametrize("width", variants([390, 1440], 1440))
def test_the_dots_label_hides_as_few_marks_as_it_can(page: Page, report: Reports, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    report(page, "timed", unit="ms_batch_32")
    show_runs(page)
    press_keys(page, "Home")
    sides = set()
    key, times = ("ArrowRight", 5) if THOROUGH else ("PageUp", 1)
    for step in range(0, 201, 5 if THOROUGH else 10):
        press_keys(page, key, times)
        hidden = page.evaluate(HIDDEN)
        # glyphs are a few pixels smaller or larger than the estimate
        assert hidden["now"] <= min(hidden["corners"]) + 30 and hidden["outside"] < 1, (step, hidden)
        sides.add(hidden["side"])
    assert len(sides) > 1
