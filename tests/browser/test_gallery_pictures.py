"""Images of the gallery and of the trace: however the budget moves and whatever fails, every tile gets its image."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from app.media import images_address, web_address
from app.store import STEPS
from engine.bundle.library import Entry, open_bundle
from tests.browser.conftest import Site, explore, frame

IMAGES = "**/offramp/images/**"
#: Tiles, and those of them whose image is not painted.
TILES = "document.querySelectorAll('.offramp-tile').length"
WITHOUT = """() => [...document.querySelectorAll('.offramp-tile')].filter((tile) => !tile.querySelector('img')?.naturalWidth).length"""


#: Makes every request for images slow.
SLOW = """const quick = fetch
window.fetch = async (address, ...rest) => {
  if (String(address).includes('/offramp/images/')) await new Promise((done) => setTimeout(done, 200))
  return quick(address, ...rest)
}"""


def all_have_images(page: Page) -> None:
    frame(page)
    assert page.evaluate(TILES) > 20
    page.wait_for_function(f"({WITHOUT})() === 0")


def drag(page: Page) -> None:
    """From the smallest budget to the largest, a move for every budget."""
    box = page.locator(".offramp-slider").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 12, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 12, y, steps=STEPS)
    page.mouse.up()


def press_keys(page: Page) -> None:
    page.locator(".offramp-slider").focus()
    page.keyboard.press("Home")
    for _ in range(STEPS - 1):
        page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("move", [drag, press_keys])
def test_after_a_fast_move_over_all_budgets_every_tile_has_its_image(page: Page, site: Site, move: Callable[[Page], None]) -> None:
    page.add_init_script(SLOW)
    explore(page, site, "bundle=tiny&budget=0.13")
    move(page)
    frame(page)
    assert page.locator(".offramp-slider").input_value() == str(STEPS - 1)
    all_have_images(page)
    # And back to the middle, where most tiles are.
    for _ in range(STEPS // 2):
        page.keyboard.press("ArrowLeft")
    all_have_images(page)


@pytest.mark.parametrize("failure", ["aborted", "503"])
def test_images_that_failed_are_fetched_again(page: Page, site: Site, failure: str) -> None:
    failed = []

    def fail(route: Route) -> None:
        if len(failed) == 4:
            return route.continue_()
        failed.append(route.request.url)
        return route.abort() if failure == "aborted" else route.fulfill(status=503, body="Busy.")

    page.route(IMAGES, fail)
    explore(page, site, f"bundle=tiny&image={open_bundle(str(site.bundles / 'tiny')).outputs.test().ids[0]}")
    all_have_images(page)
    expect(page.locator(".offramp-picture img")).to_have_js_property("complete", True)
    assert page.locator(".offramp-picture img").evaluate("(image) => image.naturalWidth") > 0
    assert len(failed) == 4


#: Runs the script alone: `pictures` keeps ten images, and `request` resolves with the address of an image and a function to release it.
ALONE = """async ([script, images]) => {
  const { Pictures } = await import(script)
  window.pictures = new Pictures(images, 10)
  window.request = (row) => new Promise((done) => {
    const drop = window.pictures.request(row, (address) => setTimeout(() => done({ address, drop })))
  })
}"""


def alone(page: Page, site: Site) -> None:
    """The script without the page around it."""
    page.goto(f"{site.url}/{web_address('core/pictures.js')}")
    page.evaluate(ALONE, [f"/{web_address('core/pictures.js')}", f"/{images_address(Entry('tiny', site.bundles / 'tiny'))}"])


def test_an_image_that_is_shown_is_never_dropped(page: Page, site: Site) -> None:
    alone(page, site)
    counts = page.evaluate("""async () => {
      const rows = (from, to) => Array.from({ length: to - from }, (_, i) => from + i)
      const exists = (image) => fetch(image.address).then(() => true, () => false)
      const count = async (images) => (await Promise.all(images.map(exists))).filter(Boolean).length
      const shown = await Promise.all(rows(0, 20).map(request))
      const passing = []
      for (const row of rows(20, 60)) {
        passing.push(await request(row))
        passing.at(-1).drop()
      }
      const kept = [await count(shown), await count(passing)]
      for (const image of shown) image.drop()
      await request(60)
      return [...kept, await count(shown), pictures.known.size]
    }""")
    # All that are shown, and of the others only the last; once none is shown, no more than ten.
    assert counts[0] == 20 and counts[1] <= 1 and counts[2] <= 10 and counts[3] == 10


def test_failures_are_followed_by_growing_pauses_until_it_gives_up(page: Page, site: Site) -> None:
    failed = []

    def fail(route: Route) -> None:
        failed.append(route.request.url)
        route.fulfill(status=503, body="Busy.")

    def later(milliseconds: int) -> int:
        """How many requests have failed that much later."""
        page.clock.run_for(milliseconds)
        while page.evaluate("pictures.busy"):
            page.wait_for_timeout(5)
        return len(failed)

    page.clock.install()
    alone(page, site)
    page.clock.pause_at(10**12 * 2)
    page.route(IMAGES, fail)
    page.evaluate("() => { request(3) }")
    assert later(1) == 1
    for tries, pause in enumerate([250, 500, 1000, 2000, 4000, 4000, 4000], 1):
        assert later(pause - 10) == tries and later(10) == tries + 1
    assert later(60_000) == 8, "until a retry"
    page.evaluate("pictures.retry()")
    assert later(1) == 9
    page.unroute(IMAGES)
    page.evaluate("() => { request(4).then((image) => window.other = image) }")
    assert later(4000) == 9
    later(1)
    assert page.evaluate("pictures.known.get(3).startsWith('blob:') && window.other.address.startsWith('blob:')")
