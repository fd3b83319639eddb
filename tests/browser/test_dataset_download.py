"""Missing images: the page says so, downloads them on demand, and shows them once they have arrived, even if their reader is killed."""

import hashlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from torchvision import datasets

from engine.datasets.published.files import FILES
from engine.datasets.published.sets import CIFAR10_NAMES, TorchvisionSet
from tests.browser.conftest import FACE, Site, explore, press_keys, running, still
from tests.stand_in_worker import RECIPE, STAND_IN
from tests.stand_ins import HELD_OUT, TEST, pack_cifar10, trust_stand_ins, write_cifar, write_photos

DOWNLOAD = ".st-key-dataset-download"
#: Whether processes are found in /proc.
LISTS_PROCESSES = sys.platform.startswith("linux")


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
def offered(tmp_path: Path) -> Iterator[DownloadSite]:
    with pytest.MonkeyPatch.context() as patch:
        trust_stand_ins(patch)
        write_cifar(tmp_path / "site", datasets.CIFAR10, CIFAR10_NAMES, "labels")
        write_photos(TorchvisionSet("cifar10", tmp_path / "site", HELD_OUT), tmp_path / "bundles" / "photos", RECIPE)
    archive = pack_cifar10(tmp_path / "site", tmp_path / "site" / datasets.CIFAR10.filename).read_bytes()
    source = Source(archive)
    there = [f"http://127.0.0.1:{source.server.server_port}", str(len(archive)), hashlib.md5(archive).hexdigest()]
    command = [sys.executable, "-m", "tests.browser.stand_in_server", *there, "--port", "8740", "--no-browser"]
    environment = {**os.environ, "OFFRAMP_DATA": str(tmp_path), "OFFRAMP_DATASETS": str(tmp_path / "sets")}
    try:
        with running(command, environment) as url:
            yield DownloadSite(url, tmp_path / "bundles", tmp_path / "sets", source)
    finally:
        source.go_on.set()
        source.server.shutdown()
        source.server.server_close()


def images_arrive(page: Page) -> None:
    """Every example of the cast has its image, and the download tile is gone."""
    page.wait_for_selector(".offramp-face img")
    page.wait_for_function("() => [...document.querySelectorAll('.offramp-face')].every((face) => face.querySelector('img'))")
    expect(page.locator(DOWNLOAD)).to_have_count(0)
    expect(page.locator(".offramp-hint")).not_to_contain_text("Tiles show the first letters")


def press_in_vain(page: Page, site: DownloadSite) -> None:
    """Press the download button while its source has nothing."""
    explore(page, site, "bundle=photos")
    tile = page.locator(DOWNLOAD)
    expect(tile).to_contain_text("No images yet")
    assert site.source.requests == 0 and not site.datasets.exists(), "nothing may be downloaded unasked"
    tile.get_by_role("button").click()
    expect(tile).to_contain_text(f"CIFAR-10 could not be downloaded to {site.datasets} (Not Found); try again, or put")
    expect(tile.get_by_role("button")).to_be_enabled()


def workers(data: Path) -> list[int]:
    """Process ids of the workers of the dashboard over a data folder, as Linux lists them."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:  # another user's, or it has ended meanwhile
            continue
        if f"tests.stand_in_worker\0{STAND_IN}".encode() in command and f"OFFRAMP_DATA={data}\0".encode() in environment:
            pids.append(int(process.name))
    return pids


def kill_at_first_image(context: BrowserContext, data: Path) -> list[int]:
    """Kill the worker when a page has opened the data set and asks for the first images. Returns a list that its process id is added to."""
    killed: list[int] = []

    def kill(route: Route) -> None:
        if not killed:
            killed.extend(workers(data))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        route.continue_()

    context.route("**/offramp/images/**", kill)
    return killed


def test_missing_images_are_downloaded_on_demand_and_shown(browser: Browser, tmp_path: Path) -> None:
    with offered(tmp_path) as site, still(browser) as context:
        context.set_default_timeout(30_000)
        images_are_downloaded_and_shown(site, context)


def images_are_downloaded_and_shown(site: DownloadSite, context: BrowserContext) -> None:
    page, source, data = context.new_page(), site.source, site.bundles.parent
    press_in_vain(page, site)
    other = explore(context.new_page(), site, "bundle=photos")
    page.evaluate("window.sameDocument = true")
    tile = page.locator(DOWNLOAD)
    for visitor in (page, other):
        expect(visitor.locator(DOWNLOAD)).to_contain_text(f"CIFAR-10 may not be shipped with Offramp and is missing in {site.datasets}")
        expect(visitor.locator(DOWNLOAD)).to_contain_text("from cs.toronto.edu")
    page.locator(FACE).first.click()
    expect(page.locator(".offramp-trace-face .offramp-plate")).to_be_visible()
    expect(page.locator(".offramp-hint")).to_contain_text("CIFAR-10 is not on this computer. Tiles show the first letters of their")

    # Half of it: all visitors see the progress, and the page works.
    source.available = True
    tile.get_by_role("button").click()
    size = re.escape(f"{len(source.archive) / 1e6:.1f}")
    for visitor in (page, other):
        expect(visitor.locator(DOWNLOAD)).to_contain_text(re.compile(rf"Downloading CIFAR-10: 0\.[12] of {size} MB"))
        # All but the last bytes of the half: torchvision writes by the block
        expect(visitor.locator(DOWNLOAD).get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile("^(4.|50)$"))
        expect(visitor.locator(DOWNLOAD).get_by_role("button")).to_have_count(0)
    press_keys(page, "End")
    page.wait_for_function("() => location.search.includes('budget=')")
    page.get_by_role("link", name="Library").click()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    page.get_by_role("link", name="Explore").click()
    expect(tile).to_contain_text("Downloading CIFAR-10")

    # All of it: the images are there for all visitors, without a reload, although the process that reads them is killed on the way.
    killed = kill_at_first_image(context, data) if LISTS_PROCESSES else None
    source.go_on.set()
    for visitor in (page, other):
        images_arrive(visitor)
    assert page.evaluate("window.sameDocument") and FILES["cifar10"].complete(site.datasets)
    assert killed is None or (len(killed) == 1 and len(workers(data)) == 1 and workers(data) != killed)

    # Removed and put back by hand.
    batch = site.datasets / "cifar-10-batches-py" / "test_batch"
    content = batch.read_bytes()
    batch.unlink()
    explore(other, site, "bundle=photos")
    expect(other.locator(DOWNLOAD)).to_contain_text("No images yet")
    batch.write_bytes(content)
    images_arrive(other)
    assert other.locator(".offramp-face").count() == min(TEST, 120)
