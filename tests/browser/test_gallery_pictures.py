"""Images of the gallery and of the trace: however the budget moves and whatever fails, every tile gets its image."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from app.store import STEPS
from tests.browser.conftest import ALL, COLUMN, RAIL_ENDS, SLIDER, Reports, all_have_images, at_step, last_step, press_keys, swept
from tests.thorough import THOROUGH, variants

#: In a tile that has no image yet.
PLATE = ".offramp-tile .offramp-plate"


def drag(page: Page) -> None:
    """From the smallest budget to the largest; in a thorough run, a move for every budget."""
    page.wait_for_timeout(800)  # a list that is opened scrolls into view
    page.evaluate("scrollTo(0, 0)")
    rail = page.evaluate(RAIL_ENDS)
    page.mouse.move(rail["zero"], rail["y"])
    page.mouse.down()
    page.mouse.move(rail["whole"], rail["y"], steps=STEPS if THOROUGH else STEPS // 4)
    page.mouse.up()
    page.locator(SLIDER).focus()


def every_key(page: Page) -> None:
    press_keys(page, "Home")
    press_keys(page, "ArrowRight", STEPS - 1)


@pytest.mark.parametrize("move", variants([drag, every_key], drag))
def test_after_a_fast_move_over_all_budgets_every_tile_has_its_image(page: Page, report: Reports, move: Callable[[Page], None]) -> None:
    report(page, "tiny", "#budget=0.13")
    _, expected = swept(report.bundles)
    page.locator(COLUMN).first.locator(ALL).click()
    move(page)
    at_step(page, expected, last_step(expected))
    all_have_images(page)
    page.locator(COLUMN).last.locator(ALL).click()
    page.wait_for_function(f"() => document.querySelectorAll('.offramp-tile').length > 20 && !document.querySelector('{PLATE}')")
    # And back to the middle, where most exits have tiles.
    press_keys(page, "PageDown", STEPS // 20)
    all_have_images(page)
    page.wait_for_function(f"() => document.querySelector('.offramp-tile') && !document.querySelector('{PLATE}')")


#: `pictures` keeps ten images, and `request` resolves with the address of an image and a function to release it. Images come from
#: `fetchImages`, a batch at a time.
ALONE = """async () => {
  const { Pictures } = await import('offramp/core/pictures.js')
  window.batches = 0
  window.failing = false
  const fetchImages = async (rows) => {
    batches++
    if (failing) throw new Error('Busy.')
    return rows.map((row) => new Blob([String(row)]))
  }
  const make = URL.createObjectURL, end = URL.revokeObjectURL
  window.existing = new Set()
  URL.createObjectURL = (blob) => (existing.add(make(blob)), [...existing].at(-1))
  URL.revokeObjectURL = (address) => (existing.delete(address), end(address))
  window.pictures = new Pictures({ key: 'alone', fetch: fetchImages }, 10)
  window.request = (row) => new Promise((done) => {
    const drop = pictures.request(row, (address) => setTimeout(() => done({ address, drop })))
  })
}"""


def test_an_image_that_is_shown_is_never_dropped(page: Page, report: Reports) -> None:
    report(page, "tiny")
    page.evaluate(ALONE)
    counts = page.evaluate("""async () => {
      const rows = (from, to) => Array.from({ length: to - from }, (_, i) => from + i)
      const count = (images) => images.filter(({ address }) => existing.has(address)).length
      const shown = await Promise.all(rows(0, 20).map(request))
      const passing = []
      for (const row of rows(20, 60)) {
        passing.push(await request(row))
        passing.at(-1).drop()
      }
      const kept = [count(shown), count(passing)]
      for (const image of shown) image.drop()
      await request(60)
      return [...kept, count(shown), pictures.known.size]
    }""")
    # All that are shown, and of the others only the last; once none is shown, no more than ten.
    assert counts[0] == 20 and counts[1] <= 1 and counts[2] <= 10 and counts[3] == 10


def test_failures_are_followed_by_growing_pauses_until_it_gives_up(own_page: Page, report: Reports) -> None:
    def later(milliseconds: int) -> int:
        """How many batches have been asked for that much later."""
        own_page.clock.run_for(milliseconds)
        while own_page.evaluate("pictures.busy"):
            own_page.wait_for_timeout(5)
        return int(own_page.evaluate("batches"))

    report(own_page, "tiny")
    own_page.clock.install()
    own_page.evaluate(ALONE)
    own_page.clock.pause_at(10**12 * 2)
    own_page.evaluate("() => { failing = true; request(3) }")
    assert later(1) == 1
    for tries, pause in enumerate([250, 500, 1000, 2000, 4000, 4000, 4000], 1):
        assert later(pause - 10) == tries and later(10) == tries + 1
    assert later(60_000) == 8, "until a retry"
    own_page.evaluate("pictures.retry()")
    assert later(1) == 9
    own_page.evaluate("() => { failing = false; request(4).then((image) => window.other = image) }")
    assert later(4000) == 10
    later(1)
    assert own_page.evaluate("pictures.known.get(3).startsWith('blob:') && window.other.address.startsWith('blob:')")
