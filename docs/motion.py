"""docs/road.webp: the handle is dragged from the cheapest budget to the full network and back, and examples slide to other exits.

The film is made frame by frame, with the page's animations advanced by hand: it is smooth however slow the machine is.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WINDOW = (940, 590)  # px: texts of 13 px are still 11 px high in README.md
FRAME = 66  # ms
HOLD, WAY = 10, 62  # frames at either end, and from one end to the other
QUALITY = 55  # 1.9 MB
#: All examples of the cast have their images.
READY = "() => document.querySelector('.offramp[data-ready=true] .offramp-face') && !document.querySelector('.offramp-face .offramp-plate')"
#: Advance every animation by some ms.
ADVANCE = """(ms) => {
  for (const animation of document.getAnimations()) {
    const { endTime } = animation.effect.getComputedTiming()
    if (endTime === Infinity || animation.playState === 'finished') continue
    animation.pause()
    const time = Number(animation.currentTime ?? 0) + ms
    if (time >= endTime) animation.finish()
    else animation.currentTime = time
  }
}"""
#: Where the cheapest budget and the full network are on the rail, and the height of the handle, in pixels of the window.
ENDS = """() => {
  const handle = document.querySelector('.offramp-slider').getBoundingClientRect()
  const zero = document.querySelector('.offramp-rail-filled').getBoundingClientRect().left
  const mark = document.querySelector('.offramp-rail-mark').getBoundingClientRect()
  return { low: zero, high: mark.left + mark.width / 2, handle: handle.left + handle.width / 2, y: handle.top + handle.height / 2 }
}"""


def places(low: float, high: float) -> list[float]:
    """Where the handle is in each frame: slower where it sets off, and where a budget is small, since most examples move there."""
    eased = [(1 - math.cos(math.pi * i / WAY)) / 2 for i in range(WAY + 1)]
    there = [low + (high - low) * share**1.5 for share in eased]
    return [*there, *[there[-1]] * HOLD, *there[::-1], *[there[0]] * HOLD]  # at rest where it begins again


def frames(page: Page) -> list[Image.Image]:
    """Drag the handle, and take a picture of every frame."""
    ends = page.evaluate(ENDS)
    page.mouse.move(ends["handle"], ends["y"])
    page.mouse.down()
    page.mouse.move(ends["low"], ends["y"], steps=5)
    _painted(page)
    page.evaluate(ADVANCE, 1e6)
    cheapest = page.evaluate(ENDS)["handle"]
    taken: list[Image.Image] = []
    for x in places(cheapest, ends["high"]):
        page.mouse.move(x, ends["y"])
        _painted(page)
        page.evaluate(ADVANCE, FRAME)
        taken.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    page.mouse.up()
    return taken


def film(browser: Browser, url: str, file: Path) -> None:
    with browser.new_context(viewport={"width": WINDOW[0], "height": WINDOW[1]}, color_scheme="light") as context:
        page = context.new_page()
        page.goto(f"{url}/?present=1&budget=1")  # names of curves are placed for the budget that comes first: there they are clear of it
        page.wait_for_function(READY)
        first, *rest = frames(page)
    first.save(file, save_all=True, append_images=rest, duration=FRAME, loop=0, quality=QUALITY, method=4, minimize_size=True)


def _painted(page: Page) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
