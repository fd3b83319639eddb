"""Real runs in a real browser: they are marked on the front, their numbers can be read, and their units can be selected."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from engine.bundle.bundle import add_measured, write_bundle
from tests import synthetic
from tests.browser.conftest import Site, explore, frame
from tests.measured import DEVICE, SPEED_UPS, fresh

TRACES = """[...document.querySelectorAll('.offramp-plot .scatterlayer .trace')]
  .filter((trace) => trace.__data__[0].trace.name.startsWith('Measured'))"""
MARKS = f"""() => {TRACES}.flatMap((trace) => [...trace.querySelectorAll('.point')].map((point) => {{
  const box = point.getBoundingClientRect()
  const plot = document.querySelector('.offramp-plot .nsewdrag').getBoundingClientRect()
  const inside = box.width > 0 && box.left >= plot.left && box.right <= plot.right && box.top >= plot.top && box.bottom <= plot.bottom
  return {{x: box.x + box.width / 2, y: box.y + box.height / 2, inside}}
}}))"""
LABELS = f"() => {TRACES}.flatMap((trace) => [...trace.querySelectorAll('text')].map((text) => text.textContent))"


@pytest.fixture(scope="module", autouse=True)
def measured_bundle(site: Site) -> Iterator[None]:
    folder = write_bundle(synthetic.draft(synthetic.outputs(examples=600, exits=4, seed=7), "timed", title="Timed"), site.bundles / "timed")
    add_measured(folder, [fresh(1), fresh(32, joules=True)])
    yield


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_marks_are_on_the_chart_and_labelled(browser: Browser, site: Site, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = explore(context.new_page(), site, "bundle=timed")
    marks = page.evaluate(MARKS)
    assert len(marks) == 6 and all(mark["inside"] for mark in marks)
    assert page.evaluate(LABELS) == ["1"] * 3 + ["32"] * 3
    assert page.locator(".offramp-plot .legendtext", has_text="Measured").count() == 1
    sentences = page.locator(".offramp-speedup p")
    expect(sentences).to_have_count(2)
    expect(sentences.nth(1)).to_contain_text("early exit is 2.0x faster at a 25% budget")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_a_mark_shows_its_numbers(page: Page, site: Site) -> None:
    explore(page, site, "bundle=timed&unit=ms_batch_32")
    first = page.evaluate(MARKS)[0]
    page.mouse.move(first["x"], first["y"])
    hover = page.locator(".offramp-plot .hoverlayer")
    speed_up = f"{SPEED_UPS[32][0]:.1f}x faster"
    for fact in ("batch 32, 25% budget", speed_up, "from stage times", "2,000 test images", "timed on 512", DEVICE):
        expect(hover).to_contain_text(fact)


def test_a_measured_unit_shows_its_own_runs(page: Page, site: Site) -> None:
    explore(page, site, "bundle=timed")
    page.locator('[data-testid="stSelectbox"]').nth(2).click()
    page.get_by_role("option", name=f"Milliseconds per image, batch 32, {DEVICE}", exact=True).click()
    page.wait_for_function("location.search.includes('unit=ms_batch_32')")
    page.wait_for_function(f"({LABELS})().length === 3")
    assert page.evaluate(LABELS) == ["32"] * 3
    expect(page.locator(".offramp-speedup p")).to_have_count(1)
    expect(page.locator(".offramp-plot .g-xtitle")).to_contain_text("time at batch 32")
    page.get_by_text("The numbers").click()
    expect(page.get_by_text("Measured with real early exits")).to_be_visible()


def test_energy_has_no_runs_to_show(page: Page, site: Site) -> None:
    explore(page, site, "bundle=timed&unit=joules_batch_32")
    assert page.evaluate(MARKS) == []
    expect(page.locator(".offramp-speedup p")).to_have_count(0)
    expect(page.locator(".offramp-plot .g-xtitle")).to_contain_text("energy at batch 32")


def test_basic_controls_say_the_same(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/?bundle=timed&fallback=1&unit=ms_batch_32")
    expect(page.get_by_text("early exit is 2.0x faster at a 25% budget")).to_be_visible()


#: The area of marks and of their numbers that the dot's label would hide at each corner, and the corner it is at.
HIDDEN = f"""() => {{
  const dot = document.querySelector('.offramp-dot')
  const points = [...document.querySelectorAll('.offramp-plot .scatterlayer .point')]
  const numbers = {TRACES}.flatMap((trace) => [...trace.querySelectorAll('text')])
  const marks = [...points, ...numbers].map((mark) => mark.getBoundingClientRect())
  const across = (a, b) => Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left))
  const down = (a, b) => Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))
  const plot = document.querySelector('.offramp-plot .nsewdrag').getBoundingClientRect()
  const current = dot.dataset.corner
  const at = Object.fromEntries(['up right', 'up left', 'down right', 'down left'].map((corner) => {{
    dot.dataset.corner = corner
    const label = dot.firstElementChild.getBoundingClientRect()
    const inside = across(label, plot) * down(label, plot) > 0.9 * label.width * label.height
    return [corner, inside ? marks.reduce((sum, mark) => sum + across(label, mark) * down(label, mark), 0) : Infinity]
  }}))
  dot.dataset.corner = current
  return {{current, at}}
}}"""


@pytest.mark.parametrize("width", [390, 1440])
def test_the_dots_label_hides_as_few_marks_as_it_can(browser: Browser, site: Site, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = explore(context.new_page(), site, "bundle=timed")
    corners = set()
    for step in range(0, 201, 5):
        page.locator(".offramp-slider").fill(str(step))
        frame(page)
        hidden = page.evaluate(HIDDEN)
        # what Plotly draws is a few pixels smaller or larger than the estimate
        assert hidden["at"][hidden["current"]] <= min(hidden["at"].values()) + 60, (step, hidden)
        corners.add(hidden["current"])
    assert len(corners) > 1
    context.close()
