"""How fast the page follows the slider: the live block compared with the stock slider and images, in one run, in a real Chromium.

    python benchmarks/page.py [--bundle doodles] [--moves 30] [--data DIR]

Two times are measured, each from the moment the browser receives the input until the result is painted:
drag to paint         from a move of the held handle until the sentence, dot and bars of the new budget are on the screen
release to gallery    from letting go at a distant budget until every image of that budget is loaded and on the screen
The stock slider sends nothing while it is held, so it has no drag time. That is the finding, not a gap in the table.
"""

import os
import platform
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/page.py`

from benchmarks.options import Options, run
from engine.bundle.library import open_bundle
from engine.commands.arguments import positive
from engine.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
FLAGS = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"

#: Times every move of the live block: from the input's own time stamp to the first task after the frame that shows it.
WATCH_DRAG = """() => {
  window.times = []
  let moved = null
  document.querySelector('.offramp-slider').addEventListener('input', (event) => (moved = event.timeStamp), true)
  const after = new MessageChannel()
  after.port1.onmessage = ({ data }) => window.times.push(performance.now() - data)
  new MutationObserver(() => {
    if (moved === null) return
    after.port2.postMessage(moved)
    moved = null
  }).observe(document.querySelector('.offramp-sentence'), { childList: true })
}"""

#: Resolves with the milliseconds from the next release to a screen full of new images, all loaded and no longer changing.
WATCH_RELEASE = """(selector) => {
  const shown = () => [...document.querySelectorAll(selector)].map((part) => part.dataset.id ?? part.src).join()
  const images = () => [...document.querySelectorAll(`${selector} img`), ...document.querySelectorAll(`${selector}`)]
  const loaded = () => images().every((part) => part.tagName !== 'IMG' || (part.complete && part.naturalWidth))
  const whole = () => document.querySelectorAll('.offramp-tile em').length === 0
  const before = shown()
  window.elapsed = new Promise((resolve) => addEventListener('pointerup', (event) => {
    let since = null, last = null
    const look = () => {
      const now = shown()
      if (now === before || now !== last || !loaded() || !whole()) since = null
      else since ??= performance.now()
      last = now
      if (since !== null && performance.now() - since > 400) resolve(since - event.timeStamp)
      else requestAnimationFrame(look)
    }
    look()
  }, { capture: true, once: true }))
}"""


@contextmanager
def server() -> Iterator[str]:
    command = [sys.executable, "-m", "app.serve", "--port", "8795", "--no-browser"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield next(match[1] for line in process.stdout or () if (match := re.search(r"Offramp is at (\S+)", line)))
        finally:
            process.terminate()


def slider(page: "Page", selector: str) -> dict[str, float]:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box


def drag(page: "Page", moves: int) -> list[float]:
    """Hold the handle of the live block and move it to and fro. Returns the milliseconds from each move to paint."""
    page.evaluate(WATCH_DRAG)
    box = slider(page, ".offramp-slider")
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for i in range(moves):
        page.mouse.move(box["x"] + box["width"] * (0.5 + 0.4 * np.sin(i / 3)), y)
        page.wait_for_timeout(60)
    page.mouse.up()
    return page.evaluate("window.times")


def held_updates(page: "Page", selector: str, sign: str, moves: int) -> int:
    """How often the text at `sign` changes while the handle is held."""
    box = slider(page, selector)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.wait_for_timeout(1500)  # changes caused by the first touch are not counted
    seen, last = 0, page.locator(sign).first.text_content()
    for i in range(moves):
        page.mouse.move(box["x"] + box["width"] * (0.5 + 0.4 * np.sin(i / 3)), y)
        page.wait_for_timeout(60)
        now = page.locator(sign).first.text_content()
        seen, last = seen + (now != last), now
    page.mouse.up()
    page.wait_for_timeout(1500)
    return seen


def releases(page: "Page", selector: str, images: str, moves: int) -> list[float]:
    """Click on distant places of the track, each time waiting for all images. Returns the milliseconds that each click took."""
    rng = random.Random(1)
    times, at = [], 0.5
    for _ in range(moves):
        # Far enough that most images change, but still on the track.
        at = (at + rng.uniform(0.25, 0.75)) % 1
        box = slider(page, selector)
        page.mouse.move(box["x"] + box["width"] * (0.05 + 0.9 * at), box["y"] + box["height"] / 2)
        page.evaluate(WATCH_RELEASE, images)
        page.mouse.down()
        page.mouse.up()
        times.append(page.evaluate("window.elapsed"))
    return times


def row(name: str, times: list[float], baseline: float | None = None) -> float:
    p50, p95 = np.percentile(times, [50, 95])
    ratio = "" if baseline is None else f"   {baseline / p50:5.1f} times faster than stock"
    print(f"  {name:<46} p50 {p50:7.0f} ms   p95 {p95:7.0f} ms   ({len(times)} times){ratio}")
    return float(p50)


def chromium() -> str:
    """The path of the system's browser. None is downloaded."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    raise UserError("The page is timed in Chromium or Chrome, and neither was found; install one, for example with apt install chromium.")


def main() -> None:
    parser = Options("page", __doc__)
    parser.add_argument("--bundle", default="doodles", metavar="NAME", help="a bundle with images (default: doodles)")
    parser.add_argument("--moves", type=positive, default=30, metavar="N", help="moves of each kind (default: 30)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: the repository's)")
    given = parser.parse_args()
    if given.data:
        os.environ["OFFRAMP_DATA"] = str(given.data.resolve())  # for the server too
    open_bundle(given.bundle)  # fails early if the bundle is missing
    path = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as missing:
        raise UserError("The page is timed with playwright, which is not installed; `python3 run_tests.py` installs it.") from missing
    with server() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/?bundle={given.bundle}&fallback=1")
        page.wait_for_selector('[data-testid="stImage"] img')
        page.wait_for_timeout(2000)
        images = '[data-testid="stImage"] img'
        track = '[data-testid="stSlider"] > div'
        stock = releases(page, track, images, given.moves)
        stock_held = held_updates(page, track, "h3", given.moves)
        shown = page.locator(images).count()
        page.goto(f"{url}/?bundle={given.bundle}")
        page.wait_for_selector('.offramp[data-ready="true"]')
        page.wait_for_selector(".offramp-dot:not([hidden])", state="attached")
        page.wait_for_timeout(2000)
        live = releases(page, ".offramp-slider", ".offramp-tile", given.moves)
        tiles = page.locator(".offramp-tile").count()
        live_held = held_updates(page, ".offramp-slider", ".offramp-sentence", given.moves)
        dragged = drag(page, 2 * given.moves)
        print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Chromium {browser.version} headless, bundle {given.bundle}")
        print(f"stock slider, stock charts, {shown} images by st.image")
        print(f"  updates while the handle is held, of {given.moves} moves: {stock_held}")
        baseline = row("release to gallery", stock)
        print(f"live block, {tiles} images")
        print(f"  updates while the handle is held, of {given.moves} moves: {live_held}")
        row("drag to paint (sentence, dot, bars, gallery)", dragged)
        row("release to gallery, every image loaded", live, baseline)
        browser.close()


if __name__ == "__main__":
    run(main)
