"""Makes the pictures of README.md and docs/: those of docs/pictures that a document shows, and docs/road.webp, the road in motion.

    python docs/screenshots.py [--only NAME] [--all FOLDER]

--all takes every scene of docs/scenes.py to a folder, to look at the page at every size, light and dark. The page is started on a free port
and opened in the system's Chromium, so this needs what the browser tests need: `python3 run_tests.py` installs it.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python docs/screenshots.py`

from benchmarks.dashboard import ROOT, chromium, dashboard
from benchmarks.options import Options, run
from docs.motion import film
from docs.scenes import SCENES, Scene
from engine.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

DOCS = ROOT / "docs"
PICTURES = DOCS / "pictures"
ROAD = DOCS / "road.webp"
PORT = 8600
QUALITY = 80
PATIENCE = 120_000  # ms for a policy that must be fitted first, on a busy machine
QUIET = 300  # ms without a change
SHOWN = re.compile(r"!\[[^]]+\]\((?:docs/)?pictures/([^)\s]+)\)")
#: The page rests: Streamlit has no more to say, every block is drawn, every image is there, and what moves has stopped.
RESTS = """() => {
  const [app, ...blocks] = [document.querySelector('[data-testid=stApp]'), ...document.querySelectorAll('.offramp, .offramp-block')]
  return (!app || app.dataset.testScriptState === 'notRunning') && document.querySelector('h1, .offramp') !== null
    && [...document.querySelectorAll('[data-testid^=stBidiComponent]')].every((component) => component.childElementCount > 0)
    && blocks.every((block) => block.dataset.ready === 'true')
    && [...document.images].every((image) => image.complete)
    && document.querySelector('[data-testid=stSkeleton]') === null && document.getAnimations().length === 0
}"""


def shown() -> set[str]:
    """The files of docs/pictures that a document shows."""
    return {name for page in (ROOT / "README.md", *DOCS.glob("*.md")) for name in SHOWN.findall(page.read_text(encoding="utf-8"))}


@dataclass(frozen=True)
class Window:
    """A page of which a picture is taken. pending: its requests that have not ended"""

    page: Page
    pending: set[Request]

    def rest(self) -> None:
        """Wait until nothing changes any more."""
        while True:
            self.page.wait_for_function(RESTS)
            self.page.wait_for_timeout(QUIET)
            if not self.pending and self.page.evaluate(RESTS):
                return


@contextmanager
def window(browser: Browser, scene: Scene) -> Iterator[Window]:
    """Of the size and the scheme of a scene, where nothing moves on its own."""
    size = scene.size
    with browser.new_context(
        viewport={"width": size.width, "height": size.height},
        device_scale_factor=size.density,
        has_touch=size.touch,
        is_mobile=size.touch,
        color_scheme=scene.scheme,
        reduced_motion="reduce",
    ) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        pending: set[Request] = set()
        page.on("request", lambda request: pending.add(request))
        page.on("requestfinished", lambda request: pending.discard(request))
        page.on("requestfailed", lambda request: pending.discard(request))
        yield Window(page, pending)


def take(window: Window, url: str, scene: Scene) -> Image.Image:
    """The picture of a scene. url: to which the scene's parameters are added"""
    window.page.goto(url + scene.address)
    window.rest()
    for step in scene.steps:
        step(window.page)
    window.page.mouse.move(0, 0)  # so that nothing is marked that the pointer happens to be on
    window.rest()
    return Image.open(io.BytesIO(window.page.screenshot()))


def main() -> None:
    options = Options("screenshots", __doc__, folder="docs")
    options.add_argument("--only", metavar="NAME", help="of one scene, or road")
    options.add_argument("--all", metavar="FOLDER", type=Path, help="take every scene to this folder, and leave docs/ alone")
    arguments = options.parse_args()
    names = {scene.name for scene in SCENES} | {ROAD.stem}
    if arguments.only not in (None, *names):
        raise UserError(f"There is no scene “{arguments.only}”; name one of {', '.join(sorted(names))}.")
    files = {scene.file for scene in SCENES}
    if missing := shown() - files:
        raise UserError(f"The documents show {', '.join(sorted(missing))}, and docs/scenes.py has no such scene.")
    folder: Path = arguments.all or PICTURES
    wanted = files if arguments.all else shown()
    folder.mkdir(parents=True, exist_ok=True)
    with dashboard(ROOT, PORT) as (url, _), chromium() as browser:
        for scene in SCENES:
            if scene.file in wanted and arguments.only in (None, scene.name):
                with window(browser, scene) as opened:
                    take(opened, f"{url}/?", scene).save(folder / scene.file, quality=QUALITY, method=6)
                print(f"{folder / scene.file}  {(folder / scene.file).stat().st_size / 1000:.0f} kB", flush=True)
        if arguments.only in (None, ROAD.stem):
            film(browser, url, folder / ROAD.name if arguments.all else ROAD)


if __name__ == "__main__":
    run(main)
