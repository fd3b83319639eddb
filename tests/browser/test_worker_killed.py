"""The process that reads images is killed after the page is drawn and before its images: they arrive all the same."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route
from torchvision import datasets

from tests.browser.conftest import explore
from tests.browser.test_dataset_download import images_arrive, offered
from tests.stand_in_worker import STAND_IN


def workers(data: Path) -> list[int]:
    """Process ids of the workers of the dashboard over a data folder."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:  # another user's, or it has ended meanwhile
            continue
        if f"tests.stand_in_worker\0{STAND_IN}".encode() in command and f"OFFRAMP_DATA={data}\0".encode() in environment:
            pids.append(int(process.name))
    return pids


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc, which only Linux has")
def test_images_arrive_although_the_worker_was_killed(browser: Browser, tmp_path: Path) -> None:
    with offered(tmp_path) as site:
        batches = datasets.CIFAR10.base_folder
        shutil.copytree(tmp_path / "site" / batches, site.datasets / batches)
        killed: list[int] = []

        def kill_first(route: Route) -> None:
            if not killed:
                killed.extend(workers(tmp_path))
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
            route.continue_()

        context = browser.new_context()
        context.route("**/offramp/images/**", kill_first)
        try:
            page = context.new_page()
            page.set_default_timeout(60_000)
            images_arrive(explore(page, site, "bundle=photos"))
            assert len(killed) == 1 and len(workers(tmp_path)) == 1 and workers(tmp_path) != killed
        finally:
            context.close()
