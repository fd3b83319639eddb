"""Every text on Explore can be read, in every size of window: none is cut off, over another one, or outside the window."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from engine.bundle.bundle import write_bundle
from tests import synthetic
from tests.browser.conftest import CELL, COLUMN, FACE, SLIDER, TILE, TRACE, Reports, frame
from tests.thorough import variants

#: A function that returns a sentence for each text that cannot be read.
FAULTS = (Path(__file__).parent / "texts.js").read_text(encoding="utf-8")
#: Of the windows that people show it in; the last one is a phone.
SIZES = ((1920, 1080), (1440, 900), (1280, 600), (390, 664))
TABLETS = ((1024, 768), (820, 1180))
#: What a window of 1440 x 900 holds when it is zoomed to 200%.
ZOOMED = (720, 450)
#: Part of the window that may be taken by what stays in it while the page scrolls.
MOST_STICKY = 0.25
STICKY = """() => [...document.querySelectorAll('.offramp *')].filter((node) => {
  return ['fixed', 'sticky'].includes(getComputedStyle(node).position) && !node.closest('dialog') && node.checkVisibility()
}).reduce((sum, node) => sum + node.getBoundingClientRect().height, 0)"""
MIDDLE = 0.5
#: Shows another view, the part of the address from # on.
SHOW = """(view) => new Promise((done) => {
  if (location.hash === `#${view}`) done()
  addEventListener('hashchange', done, { once: true })
  location.hash = view
})"""
ANIMALS = ("albatross", "butterfly", "cormorant", "dragonfly", "jellyfish", "sandpiper")
LONG = tuple(f"{animal} of the northern temperate regions" for animal in ANIMALS)

#: What each bundle is made of: its outputs, and what it is called and holds.
BUNDLES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "two": ({"exits": 2}, {}),
    "five": ({"exits": 5}, {}),
    "twelve": ({"exits": 12}, {}),
    "family": ({"exits": 4, "kind": "family"}, {"exit_names": ("Small", "Medium", "Large", "Extra large")}),
    "long": ({"exits": 5}, {"class_names": LONG, "exit_names": tuple(f"The exit behind residual block number {k}" for k in range(5))}),
    "bare": ({"exits": 3}, {"class_names": ANIMALS, "images": ()}),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    folder = tmp_path_factory.mktemp("texts")
    for seed, (name, (outputs, held)) in enumerate(BUNDLES.items()):
        write_bundle(synthetic.draft(synthetic.outputs(examples=300, seed=seed, **outputs), name, **held), folder / name)
    return Reports(folder, folder)


def show(page: Page, view: str) -> None:
    page.evaluate(SHOW, view)
    cells, tiles = page.locator(f"{CELL}:not(.offramp-gate)"), page.locator(TILE)
    if "image=" in view:
        expect(cells).to_have_count(page.locator(COLUMN).count())
    if "grid=" in view:
        expect(tiles.first).to_be_visible()


def faults(page: Page) -> list[str]:
    """Of the texts as they are now."""
    frame(page)
    return page.evaluate(FAULTS)


@pytest.mark.parametrize("bundle", variants(list(BUNDLES), "twelve", "long"))
def test_every_text_can_be_read(page: Page, written: Reports, bundle: str) -> None:
    written(page, bundle, f"#budget={MIDDLE}")
    image, exit, label = (page.locator(FACE).first.get_attribute(name) for name in ("data-id", "data-exit", "title"))
    picked = f"budget={MIDDLE}&image={image}"
    least = float(page.locator(SLIDER).get_attribute("aria-valuemin") or 0) / 100
    views = [
        *(f"budget={budget}" for budget in (least, MIDDLE, 1)),
        picked,
        f"{picked}&grid={1 + int(exit or 0)}&class={quote(label or '')}",
    ]
    seen: dict[str, str] = {}  # the first view and size for each fault
    schemes: tuple[tuple[Literal["light", "dark"], list[str]], ...] = (("light", views), ("dark", views[-1:]))
    for scheme, shown in schemes:
        page.emulate_media(color_scheme=scheme)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            for view in shown:
                show(page, view)
                for fault in faults(page):
                    seen.setdefault(fault, f"{width}x{height}, {scheme}, {view}")
    assert seen == {}


def test_at_200_percent_little_of_the_window_is_taken_by_what_stays_there(page: Page, written: Reports) -> None:
    written(page, "five")
    width, height = ZOOMED
    page.set_viewport_size({"width": width, "height": height})
    for view in ("budget=0.5", "budget=0.5&grid=1"):
        show(page, view)
        assert faults(page) == []
        assert 0 < page.evaluate(STICKY) <= MOST_STICKY * height, view
        page.locator(f"{FACE}, {TILE}").first.click()
        expect(page.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(5)
        assert faults(page) == []
        assert 0 < page.evaluate(STICKY) <= MOST_STICKY * height, view
        expect(page.locator(TRACE)).to_be_in_viewport(ratio=0.9)


def test_a_tablet_shortens_no_title(page: Page, written: Reports) -> None:
    written(page, "five")
    for width, height in TABLETS:
        page.set_viewport_size({"width": width, "height": height})
        assert faults(page) == []
        titles = page.locator(".offramp-subject-title").evaluate_all(
            "(titles) => titles.map((node) => node.scrollWidth - node.clientWidth)"
        )
        assert len(titles) == 3 and max(titles) <= 0, width


def test_faults_are_noticed(page: Page, written: Reports) -> None:
    written(page, "two")
    assert faults(page) == []
    for style, text, fault in (
        ("position: absolute; left: 60px; top: 70px", "over the sentence", "overlap"),
        ("width: 4em; overflow: hidden; white-space: nowrap", "longer than its box", "is cut off at a side"),
        ("width: 4em; overflow: hidden; white-space: nowrap; text-overflow: ellipsis", "nowhere else", "is cut off at a side"),
        ("width: 2em; overflow: hidden; white-space: nowrap; text-overflow: ellipsis", "a title", "is shortened to nothing"),
        ("height: 0.9em; overflow: hidden", "lower than its letters", "is cut off above or below"),
        ("height: 1.4em; overflow: hidden; width: 6em", "two lines where one fits", "is cut off above or below"),
        ("position: absolute; right: -2em", "beyond the window", "is outside the window"),
        ("position: fixed; bottom: 0; width: 100%; height: 200px; background: white", "a bar", "cannot be scrolled into sight"),
    ):
        page.evaluate(
            """([style, text]) => {
              const node = document.createElement('div')
              node.className = 'offramp-fault'
              node.style.cssText = style
              node.textContent = text
              if (text === 'a title') node.title = text
              document.querySelector('.offramp').append(node)
            }""",
            [style, text],
        )
        noticed = faults(page)
        assert any(fault in sentence and (text in sentence or "scrolled" in fault) for sentence in noticed), (text, noticed)
        page.evaluate("document.querySelector('.offramp-fault').remove()")
    assert faults(page) == []
