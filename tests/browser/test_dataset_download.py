"""Missing images: the page says so, downloads them on demand, and shows them once they have arrived."""

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from torchvision import datasets

from engine.datasets.published.files import FILES
from engine.datasets.published.sets import CIFAR10_NAMES, TorchvisionSet
from tests.browser.conftest import Site, explore, running
from tests.stand_in_worker import RECIPE
from tests.stand_ins import HELD_OUT, TEST, pack_cifar10, trust_stand_ins, write_cifar, write_photos

TILE = ".st-key-dataset-download"


class Source:
    """A site that serves one archive, or 404: first half of it, and the rest once `go_on` is set."""

    def __init__(self, archive: bytes) -> None:
        self.archive, self.available, self.go_on, self.requests = archive, False, Event(), 0
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                source.requests += 1
                if not source.available:
                    return self.send_error(404)
                self.send_response(200)
                self.send_header("Content-Length", str(len(archive)))
                self.end_headers()
                half = len(archive) // 2
                try:
                    self.wfile.write(archive[:half])
                    source.go_on.wait(60)
                    self.wfile.write(archive[half:])
                except OSError:  # torchvision requests it twice, and hangs up the first time
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()


@dataclass(frozen=True)
class DownloadSite(Site):
    """A dashboard over a bundle without its images. datasets: where they will be;  source: where they come from"""

    datasets: Path
    source: Source


@contextmanager
def offered(tmp_path: Path, *options: str) -> Iterator[DownloadSite]:
    with pytest.MonkeyPatch.context() as patch:
        trust_stand_ins(patch)
        write_cifar(tmp_path / "site", datasets.CIFAR10, CIFAR10_NAMES, "labels")
        write_photos(TorchvisionSet("cifar10", tmp_path / "site", HELD_OUT), tmp_path / "bundles" / "photos", RECIPE)
    archive = pack_cifar10(tmp_path / "site", tmp_path / "site" / datasets.CIFAR10.filename).read_bytes()
    source = Source(archive)
    there = [f"http://127.0.0.1:{source.server.server_port}", str(len(archive)), hashlib.md5(archive).hexdigest()]
    command = [sys.executable, "-m", "tests.browser.stand_in_server", *there, "--port", "8740", "--no-browser", *options]
    environment = {**os.environ, "OFFRAMP_DATA": str(tmp_path), "OFFRAMP_DATASETS": str(tmp_path / "sets")}
    try:
        with running(command, environment) as url:
            yield DownloadSite(url, tmp_path / "bundles", tmp_path / "sets", source)
    finally:
        source.go_on.set()
        source.server.shutdown()
        source.server.server_close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DownloadSite]:
    with offered(tmp_path) as site:
        yield site


def visit(browser: Browser, site: DownloadSite) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(30_000)
    return explore(page, site, "bundle=photos")


def images_arrive(page: Page) -> None:
    """Every tile has its image, and the download tile is gone."""
    page.wait_for_selector(".offramp-tile img")
    page.wait_for_function("() => [...document.querySelectorAll('.offramp-tile')].every((tile) => tile.querySelector('img'))")
    expect(page.locator(TILE)).to_have_count(0)
    expect(page.locator(".offramp-hint")).to_contain_text("Images closest to a change of exit come first")


def test_missing_images_are_downloaded_on_demand_and_shown(browser: Browser, site: DownloadSite) -> None:
    source = site.source
    page, other = visit(browser, site), visit(browser, site)
    try:
        page.evaluate("window.sameDocument = true")
        tile = page.locator(TILE)
        expect(tile).to_contain_text("No images yet")
        expect(tile).to_contain_text(f"CIFAR-10 may not be shipped with Offramp and is missing in {site.datasets}")
        expect(tile).to_contain_text("from cs.toronto.edu")
        page.locator(".offramp-tile").first.click()
        expect(page.locator(".offramp-picture")).to_contain_text("CIFAR-10 is not on this computer")
        expect(page.locator(".offramp-hint")).to_contain_text("CIFAR-10 is not on this computer. Tiles show the names of classes")
        assert source.requests == 0 and not site.datasets.exists(), "nothing may be downloaded unasked"

        # The site does not have it: one sentence, and the button stays.
        tile.get_by_role("button").click()
        expect(tile).to_contain_text(f"CIFAR-10 could not be downloaded to {site.datasets} (Not Found); try again, or put")
        expect(tile.get_by_role("button")).to_be_enabled()

        # Half of it: all visitors see the progress, and the page works.
        source.available = True
        tile.get_by_role("button").click()
        size = re.escape(f"{len(source.archive) / 1e6:.1f}")
        for visitor in (page, other):
            expect(visitor.locator(TILE)).to_contain_text(re.compile(rf"Downloading CIFAR-10: 0\.[12] of {size} MB"))
            # All but the last bytes of the half: torchvision writes by the block
            expect(visitor.locator(TILE).get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile("^(4.|50)$"))
            expect(visitor.locator(TILE).get_by_role("button")).to_have_count(0)
        page.locator(".offramp-slider").focus()
        page.keyboard.press("End")
        page.wait_for_function("() => location.search.includes('budget=1')")
        page.get_by_role("link", name="Methods").click()
        expect(page.get_by_role("heading", name="Methods")).to_be_visible()
        page.get_by_role("link", name="Explore").click()
        expect(tile).to_contain_text("Downloading CIFAR-10")

        # All of it: the images are there for all visitors, without a reload.
        source.go_on.set()
        for visitor in (page, other):
            images_arrive(visitor)
        assert page.evaluate("window.sameDocument") and FILES["cifar10"].complete(site.datasets)

        # Removed and put back by hand.
        batch = site.datasets / "cifar-10-batches-py" / "test_batch"
        content = batch.read_bytes()
        batch.unlink()
        explore(other, site, "bundle=photos")
        expect(other.locator(TILE)).to_contain_text("No images yet")
        batch.write_bytes(content)
        images_arrive(other)
        assert other.locator(".offramp-tile").count() <= TEST
    finally:
        page.context.close()
        other.context.close()


#: Keeps the page's websockets, so that a test can send anything to the server.
SOCKETS = """const sockets = []
window.sockets = sockets
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given)
    sockets.push(this)
  }
}"""


def press(browser: Browser, site: DownloadSite) -> bytes:
    """What a page sends to the server when the download button is pressed."""
    page = browser.new_page()
    frames: list[bytes | str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: frames.append(frame))

    page.on("websocket", listen)
    explore(page, site, "bundle=photos")
    page.locator(TILE).get_by_role("button").click()
    expect(page.locator(TILE)).to_contain_text("could not be downloaded")
    page.close()
    return next(frame for frame in frames if isinstance(frame, bytes) and presses(frame))


def presses(frame: bytes) -> bool:
    states = BackMsg.FromString(frame).rerun_script.widget_states.widgets
    return any(state.trigger_value and state.id.endswith("download-cifar10") for state in states)


def test_a_page_that_others_reach_has_no_download_button_and_obeys_no_forged_press(browser: Browser, tmp_path: Path) -> None:
    with offered(tmp_path / "private") as site:
        frame = press(browser, site)
        assert site.source.requests > 0
    with offered(tmp_path / "shared", "--host", "0.0.0.0") as site:
        page = browser.new_page()
        page.add_init_script(SOCKETS)
        explore(page, site, "bundle=photos")
        tile = page.locator(TILE)
        expect(tile).to_have_text(
            "The images of CIFAR-10 are missing. The person who runs this server can download them with "
            "python -m engine download cifar10 --datasets DIR, where DIR is the folder given to run_app.py,"
            " or serve the page to that computer alone, where it has a button for the download."
        )
        expect(tile.get_by_role("button")).to_have_count(0)
        page.evaluate("(frame) => sockets.at(-1).send(new Uint8Array(frame))", list(frame))
        page.locator(".offramp-slider").focus()
        page.keyboard.press("End")
        page.wait_for_function("() => location.search.includes('budget=1')")  # by then the server has read that frame too
        page.wait_for_timeout(2000)
        expect(tile).to_contain_text("The images of CIFAR-10 are missing")
        page.close()
        assert site.source.requests == 0 and not site.datasets.exists()
