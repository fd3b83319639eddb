"""The process that reads pictures is killed between the page and its pictures: they come all the same."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route
from torchvision import datasets

from tests.browser.conftest import explore
from tests.browser.test_dataset_download import offered, pictures_come
from tests.stand_in_worker import STAND_IN


def workers(data: Path) -> list[int]:
    """Those of the dashboard over a data folder."""
    result = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:  # another person's, or it has ended meanwhile
            continue
        if f"tests.stand_in_worker\0{STAND_IN}".encode() in command and f"OFFRAMP_DATA={data}\0".encode() in environment:
            result.append(int(process.name))
    return result


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc, which only Linux has")
def test_pictures_come_although_the_worker_was_killed(browser: Browser, tmp_path: Path) -> None:
    with offered(tmp_path) as offering:
        batches = datasets.CIFAR10.base_folder
        shutil.copytree(tmp_path / "site" / batches, offering.datasets / batches)
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
            pictures_come(explore(page, offering, "bundle=photos"))
            assert len(killed) == 1 and len(workers(tmp_path)) == 1 and workers(tmp_path) != killed
        finally:
            context.close()
