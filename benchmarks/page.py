"""How fast the page answers the hand: the live block against the stock slider with stock pictures, in one run, in a real Chromium.

    python benchmarks/page.py [--bundle doodles] [--moves 30] [--data DIR]

Two times, each from the moment the browser took the input until what it caused was painted:
drag to paint         a move of the held handle -> sentence, dot and bars of the new budget on the screen
release to gallery    letting go far from where one was -> every picture of the new budget loaded and on the screen
The stock slider sends nothing while it is held, so it has no first time: that is the finding, not a gap in the table.
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

#: Resolves with the milliseconds from the next release to a screen full of other pictures, all loaded and no longer changing.
WATCH_RELEASE = """(selector) => {
  const shown = () => [...document.querySelectorAll(selector)].map((part) => part.dataset.id ?? part.src).join()
  const pictures = () => [...document.querySelectorAll(`${selector} img`), ...document.querySelectorAll(`${selector}`)]
  const loaded = () => pictures().every((part) => part.tagName !== 'IMG' || (part.complete && part.naturalWidth))
  const whole = () => document.querySelectorAll('.offramp-tile em').length === 0
  const before = shown()
  window.answer = new Promise((resolve) => addEventListener('pointerup', (event) => {
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
    """Hold the handle of the live block and move it about."""
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
    """How often what is shown changes while the handle is held."""
    box = slider(page, selector)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.wait_for_timeout(1500)  # what the pointer's first touch set off is not counted
    seen, last = 0, page.locator(sign).first.text_content()
    for i in range(moves):
        page.mouse.move(box["x"] + box["width"] * (0.5 + 0.4 * np.sin(i / 3)), y)
        page.wait_for_timeout(60)
        now = page.locator(sign).first.text_content()
        seen, last = seen + (now != last), now
    page.mouse.up()
    page.wait_for_timeout(1500)
    return seen


def releases(page: "Page", selector: str, pictures: str, moves: int) -> list[float]:
    """Click far away on the track, again and again; each click waits for its pictures."""
    dice = random.Random(1)
    times, at = [], 0.5
    for _ in range(moves):
        # Far enough that most pictures are others, somewhere on the track all the same.
        at = (at + dice.uniform(0.25, 0.75)) % 1
        box = slider(page, selector)
        page.mouse.move(box["x"] + box["width"] * (0.05 + 0.9 * at), box["y"] + box["height"] / 2)
        page.evaluate(WATCH_RELEASE, pictures)
        page.mouse.down()
        page.mouse.up()
        times.append(page.evaluate("window.answer"))
    return times


def row(name: str, times: list[float], baseline: float | None = None) -> float:
    p50, p95 = np.percentile(times, [50, 95])
    ratio = "" if baseline is None else f"   {baseline / p50:5.1f} times faster than stock"
    print(f"  {name:<46} p50 {p50:7.0f} ms   p95 {p95:7.0f} ms   ({len(times)} times){ratio}")
    return float(p50)


def chromium() -> str:
    """The system's own: none is downloaded."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    raise UserError("The page is timed in Chromium or Chrome, and neither was found; install one, for example with apt install chromium.")


def main() -> None:
    parser = Options("page", __doc__)
    parser.add_argument("--bundle", default="doodles", metavar="NAME", help="one with pictures (default: doodles)")
    parser.add_argument("--moves", type=positive, default=30, metavar="N", help="of each kind (default: 30)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: the repository's)")
    given = parser.parse_args()
    if given.data:
        os.environ["OFFRAMP_DATA"] = str(given.data.resolve())  # the server's too
    open_bundle(given.bundle)  # or says at once that it is not there
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
        pictures = '[data-testid="stImage"] img'
        track = '[data-testid="stSlider"] > div'
        stock = releases(page, track, pictures, given.moves)
        stock_held = held_updates(page, track, "h3", given.moves)
        shown = page.locator(pictures).count()
        page.goto(f"{url}/?bundle={given.bundle}")
        page.wait_for_selector('.offramp[data-ready="true"]')
        page.wait_for_selector(".offramp-dot:not([hidden])", state="attached")
        page.wait_for_timeout(2000)
        live = releases(page, ".offramp-slider", ".offramp-tile", given.moves)
        tiles = page.locator(".offramp-tile").count()
        live_held = held_updates(page, ".offramp-slider", ".offramp-sentence", given.moves)
        dragged = drag(page, 2 * given.moves)
        print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Chromium {browser.version} headless, bundle {given.bundle}")
        print(f"stock slider, stock charts, {shown} st.image pictures")
        print(f"  updates while the handle is held, of {given.moves} moves: {stock_held}")
        baseline = row("release to gallery", stock)
        print(f"live block, {tiles} pictures")
        print(f"  updates while the handle is held, of {given.moves} moves: {live_held}")
        row("drag to paint (sentence, dot, bars, gallery)", dragged)
        row("release to gallery, every picture loaded", live, baseline)
        browser.close()


if __name__ == "__main__":
    run(main)
