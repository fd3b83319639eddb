"""How fast the page loads and follows the slider, compared with the stock slider and with an earlier version, in a real Chromium.

    python benchmarks/page.py [--against REF] [--bundle doodles] [--moves 30] [--loads 5] [--examples 10000,50000]
                              [--only stock loading steps] [--data DIR] [--save]

First the live block is compared with the stock slider and images. Both times run from the moment the browser receives the input until
the result is painted:
drag to paint         from a move of the held handle until the sentence, dot, road and cast of the new budget are on the screen
release to gallery    from letting go at a distant budget until every image is at its exit at that budget, loaded and on the screen
The stock slider sends nothing while it is held, so it has no drag time. That is the finding, not a gap in the table.

Then come the costs of loading the page with an empty cache, and the CPU time of a drag step on large generated bundles. With --against,
both are measured on an earlier commit as well: its dashboard and this one run side by side on the same data, and the loads take turns, so
that other programs on the machine slow both equally and the ratios are reliable.
"""

import os
import platform
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/page.py`

from benchmarks import page_loading, page_steps
from benchmarks.dashboard import MISSING, READY, ROOT, SCREEN, TILES, TRACK, chromium, dashboard
from benchmarks.options import run
from benchmarks.report import Report
from benchmarks.versions import Version, checkout
from engine.bundle.library import open_bundle
from engine.commands.arguments import positive, sizes
from engine.paths import data_root, datasets_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Page

PORT = 8795
PARTS = ("stock", "loading", "steps")

#: Times every move of the live block: from the input's own time stamp to the first task after the frame that shows it.
WATCH_DRAG = """() => {
  window.times = []
  let moved = null
  document.addEventListener('pointermove', (event) => (moved = event.timeStamp), true)
  const after = new MessageChannel()
  after.port1.onmessage = ({ data }) => window.times.push(performance.now() - data)
  new MutationObserver(() => {
    if (moved === null) return
    after.port2.postMessage(moved)
    moved = null
  }).observe(document.querySelector('.offramp-sentence'), { childList: true })
}"""

#: Resolves with the milliseconds from the next release to the images of the new budget, at their exits, all loaded and no longer changing.
WATCH_RELEASE = """([selector, missing]) => {
  const place = ({ dataset, src }) => (dataset.id === undefined ? src : `${dataset.id} ${dataset.exit}`)
  const parts = () => [...document.querySelectorAll(selector)]
  const shown = () => parts().map(place).join()
  const images = () => parts().map((part) => (part.tagName === 'IMG' ? part : part.querySelector('img')))
  const loaded = () => images().every((image) => image?.complete && image.naturalWidth)
  const whole = () => document.querySelectorAll(missing).length === 0
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


def slider(page: "Page", selector: str) -> "FloatRect":
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box


def drag(page: "Page", moves: int) -> list[float]:
    """Hold the handle of the live block and move it to and fro. Returns the milliseconds from each move to paint."""
    page.evaluate(WATCH_DRAG)
    box = slider(page, TRACK)
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
        page.evaluate(WATCH_RELEASE, [images, MISSING])
        page.mouse.down()
        page.mouse.up()
        times.append(page.evaluate("window.elapsed"))
    return times


def row(name: str, times: list[float], baseline: float | None = None) -> str:
    p50, p95 = np.percentile(times, [50, 95])
    ratio = "" if baseline is None else f"   {baseline / p50:5.1f} times faster than stock"
    return f"  {name:<46} p50 {p50:7.0f} ms   p95 {p95:7.0f} ms   ({len(times)} times){ratio}"


def against_stock(report: Report, browser: "Browser", bundle: str, moves: int) -> None:
    """Compare the live block with the stock slider and images."""
    with dashboard(ROOT, PORT) as (url, _):
        page = browser.new_page(viewport=SCREEN)
        page.goto(f"{url}/?bundle={bundle}&fallback=1")
        images = '[data-testid="stImage"] img'
        page.wait_for_selector(images)
        page.wait_for_timeout(2000)
        track = '[data-testid="stSlider"] > div'
        stock = releases(page, track, images, moves)
        stock_held = held_updates(page, track, "h2", moves)
        shown = page.locator(images).count()
        page.goto(f"{url}/?bundle={bundle}")
        page.wait_for_selector(READY)
        page.wait_for_timeout(3000)
        live = releases(page, TRACK, TILES, moves)
        tiles = page.locator(TILES).count()
        live_held = held_updates(page, TRACK, ".offramp-sentence", moves)
        dragged = drag(page, 2 * moves)
        page.close()
    report.say(
        f"stock slider, stock charts, {shown} images by st.image",
        f"  updates while the handle is held, of {moves} moves: {stock_held}",
        row("release to gallery", stock),
        f"live block, {tiles} images",
        f"  updates while the handle is held, of {moves} moves: {live_held}",
        row("drag to paint (sentence, dot, road, cast)", dragged),
        row("release to gallery, every image loaded", live, float(np.median(stock))),
    )


@contextmanager
def dashboards(versions: Sequence[Version], data: Path) -> Iterator[list[str]]:
    """The dashboards of all versions, on the same data. Yields their addresses."""
    with ExitStack() as stack:
        yield [stack.enter_context(dashboard(version.root, PORT, data))[0] for version in versions]


def loading(report: Report, browser: "Browser", versions: Sequence[Version], bundle: str, rounds: int) -> None:
    with dashboards(versions, data_root()) as urls:
        each = page_loading.loads(browser, [f"{url}/?bundle={bundle}" for url in urls], rounds)
    report.say(f"loading the page with an empty cache (median of {rounds} loads, with the smallest and the largest value)")
    report.say(*page_loading.table(versions, each))


def steps(report: Report, browser: "Browser", versions: Sequence[Version], examples: Sequence[int], rounds: int, moves: int) -> None:
    report.say(f"a step of a drag on generated bundles ({rounds} drags of {moves} steps)")
    with tempfile.TemporaryDirectory(prefix="offramp-bundles-") as folder:
        data = Path(folder)
        for count in examples:
            page_steps.make_bundle(data / "bundles" / f"generated-{count}", count)
        with dashboards(versions, data) as urls:
            for count in examples:
                each = page_steps.drags(browser, [f"{url}/?bundle=generated-{count}" for url in urls], rounds, moves)
                report.say(*page_steps.table(versions, count, each))


def main() -> None:
    report = Report("page")
    parser = report.arguments(__doc__)
    parser.add_argument("--against", metavar="REF", help="an earlier commit of this repository, measured in turns with this version")
    parser.add_argument("--bundle", default="doodles", metavar="NAME", help="a bundle with images (default: doodles)")
    parser.add_argument("--moves", type=positive, default=30, metavar="N", help="moves of each kind (default: 30)")
    parser.add_argument("--loads", type=positive, default=5, metavar="N", help="loads of the page, and drags on each bundle (default: 5)")
    parser.add_argument("--examples", type=sizes, default=[10_000, 50_000], metavar="N,...", help="sizes of generated bundles")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: the repository's)")
    given = parser.parse_args()
    # For all servers, which run in different folders.
    os.environ["OFFRAMP_DATA"] = str((given.data or data_root()).resolve())
    os.environ["OFFRAMP_DATASETS"] = str(datasets_folder().resolve())
    open_bundle(given.bundle)  # fails early if the bundle is missing
    with ExitStack() as stack:
        versions = [stack.enter_context(checkout(given.against))] if given.against else []
        versions.append(Version.this())
        browser = stack.enter_context(chromium())
        report.say(
            f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores shared with others (load {os.getloadavg()[0]:.1f}),"
            f" Chromium {browser.version} headless, bundle {given.bundle}"
        )
        if "stock" in given.only:
            against_stock(report, browser, given.bundle, given.moves)
        if "loading" in given.only:
            loading(report, browser, versions, given.bundle, given.loads)
        if "steps" in given.only:
            steps(report, browser, versions, given.examples, given.loads, given.moves)
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
