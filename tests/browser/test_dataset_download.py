"""Pictures that are not here: said, offered, fetched when asked for, and shown when they have come."""

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

TILE = ".st-key-offer"


class Source:
    """A site with one archive, or without it: it sends half, and the rest when it is told to."""

    def __init__(self, archive: bytes) -> None:
        self.archive, self.there, self.go_on, self.asked = archive, False, Event(), 0
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                source.asked += 1
                if not source.there:
                    return self.send_error(404)
                self.send_response(200)
                self.send_header("Content-Length", str(len(archive)))
                self.end_headers()
                half = len(archive) // 2
                try:
                    self.wfile.write(archive[:half])
                    source.go_on.wait(60)
                    self.wfile.write(archive[half:])
                except OSError:  # torchvision asks twice, and hangs up the first time
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()


@dataclass(frozen=True)
class Offering(Site):
    """A dashboard over a bundle without its pictures. datasets: where they will lie;  source: where they come from."""

    datasets: Path
    source: Source


@contextmanager
def offered(tmp_path: Path, *options: str) -> Iterator[Offering]:
    with pytest.MonkeyPatch.context() as patch:
        trust_stand_ins(patch)
        write_cifar(tmp_path / "site", datasets.CIFAR10, CIFAR10_NAMES, "labels")
        write_photos(TorchvisionSet("cifar10", tmp_path / "site", HELD_OUT), tmp_path / "bundles" / "photos", RECIPE)
    archive = pack_cifar10(tmp_path / "site", tmp_path / "site" / datasets.CIFAR10.filename).read_bytes()
    source = Source(archive)
    there = [f"http://127.0.0.1:{source.server.server_port}", str(len(archive)), hashlib.md5(archive).hexdigest()]
    command = [sys.executable, "-m", "tests.browser.stand_in_server", *there, "--port", "8890", "--no-browser", *options]
    environment = {**os.environ, "OFFRAMP_DATA": str(tmp_path), "OFFRAMP_DATASETS": str(tmp_path / "sets")}
    try:
        with running(command, environment) as url:
            yield Offering(url, tmp_path / "bundles", tmp_path / "sets", source)
    finally:
        source.go_on.set()
        source.server.shutdown()
        source.server.server_close()


@pytest.fixture
def offering(tmp_path: Path) -> Iterator[Offering]:
    with offered(tmp_path) as result:
        yield result


def visit(browser: Browser, offering: Offering) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(30_000)
    return explore(page, offering, "bundle=photos")


def pictures_come(page: Page) -> None:
    """Every image of the first exit's strip has its picture, and nothing is offered any more."""
    page.wait_for_selector(".offramp-tile img")
    page.wait_for_function("() => [...document.querySelectorAll('.offramp-tile')].every((tile) => tile.querySelector('img'))")
    expect(page.locator(TILE)).to_have_count(0)


def test_missing_pictures_are_offered_fetched_and_shown(browser: Browser, offering: Offering) -> None:
    source = offering.source
    page, other = visit(browser, offering), visit(browser, offering)
    try:
        page.evaluate("window.sameDocument = true")
        tile = page.locator(TILE)
        expect(tile).to_contain_text("No pictures yet")
        expect(tile).to_contain_text(f"CIFAR-10 may not be shipped with Offramp, and in {offering.datasets} it is not there")
        expect(tile).to_contain_text("from cs.toronto.edu")
        page.locator(".offramp-tile").first.click()
        expect(page.locator(".offramp-picture")).to_contain_text("CIFAR-10 is not on this computer")
        assert source.asked == 0 and not offering.datasets.exists(), "nothing may be fetched unasked"

        # Out of reach: one sentence, and another try.
        tile.get_by_role("button").click()
        expect(tile).to_contain_text(f"CIFAR-10 could not be downloaded to {offering.datasets} (Not Found); try again, or put")
        expect(tile.get_by_role("button")).to_be_enabled()

        # Half of it: everybody sees how far it is, and the page works.
        source.there = True
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

        # All of it: the pictures are there, for all who look, without reloading the page.
        source.go_on.set()
        for visitor in (page, other):
            pictures_come(visitor)
        assert page.evaluate("window.sameDocument") and FILES["cifar10"].complete(offering.datasets)

        # Taken away and put back by hand.
        batch = offering.datasets / "cifar-10-batches-py" / "test_batch"
        content = batch.read_bytes()
        batch.unlink()
        explore(other, offering, "bundle=photos")
        expect(other.locator(TILE)).to_contain_text("No pictures yet")
        batch.write_bytes(content)
        pictures_come(other)
        assert other.locator(".offramp-tile").count() <= TEST
    finally:
        page.context.close()
        other.context.close()


#: Keeps what the page talks to the server through, so that anything can be said there.
SOCKETS = """const sockets = []
window.sockets = sockets
window.WebSocket = class extends WebSocket {
  constructor(...about) {
    super(...about)
    sockets.push(this)
  }
}"""


def press(browser: Browser, offering: Offering) -> bytes:
    """What a page says to the server when the button for the download is pressed."""
    page = browser.new_page()
    printed: list[bytes | str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: printed.append(frame))

    page.on("websocket", listen)
    explore(page, offering, "bundle=photos")
    page.locator(TILE).get_by_role("button").click()
    expect(page.locator(TILE)).to_contain_text("could not be downloaded")
    page.close()
    return next(frame for frame in printed if isinstance(frame, bytes) and presses(frame))


def presses(frame: bytes) -> bool:
    states = BackMsg.FromString(frame).rerun_script.widget_states.widgets
    return any(state.trigger_value and state.id.endswith("download-cifar10") for state in states)


def test_a_page_that_others_reach_offers_no_download_and_takes_no_order_for_one(browser: Browser, tmp_path: Path) -> None:
    with offered(tmp_path / "private") as offering:
        order = press(browser, offering)
        assert offering.source.asked > 0
    with offered(tmp_path / "shared", "--host", "0.0.0.0") as offering:
        page = browser.new_page()
        page.add_init_script(SOCKETS)
        explore(page, offering, "bundle=photos")
        tile = page.locator(TILE)
        expect(tile).to_have_text(
            "The pictures of CIFAR-10 are missing: the person running this server can fetch them with "
            "python -m engine download cifar10 --datasets DIR, DIR being the folder that run_app.py was given,"
            " or serve the page to that computer alone, where it has a button for the download."
        )
        expect(tile.get_by_role("button")).to_have_count(0)
        page.evaluate("(order) => sockets.at(-1).send(new Uint8Array(order))", list(order))
        page.locator(".offramp-slider").focus()
        page.keyboard.press("End")
        page.wait_for_function("() => location.search.includes('budget=1')")  # by then the server has read the order too
        page.wait_for_timeout(2000)
        expect(tile).to_contain_text("The pictures of CIFAR-10 are missing")
        page.close()
        assert offering.source.asked == 0 and not offering.datasets.exists()
