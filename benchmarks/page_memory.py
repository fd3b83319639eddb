"""How much memory the dashboard's server takes after it has shown every bundle under every policy, in a real Chromium.

    python benchmarks/page_memory.py [--root DIR] [--quick] [--save]

Reports the resident memory, as Linux counts it, of the process that serves the page and of the processes it started, at four moments: when
it first answers, after every bundle has been shown, after every policy that can run has been shown on each bundle, and after the visitor
has left. A page counts as shown when its chart and all visible images are painted. Images of data sets are taken from OFFRAMP_DATASETS.
"""

import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/page_memory.py`

from benchmarks.dashboard import FLAGS, MISSING, READY, ROOT, SCREEN, TILES, chromium_path, dashboard
from benchmarks.options import run
from benchmarks.report import Report
from engine.bundle.library import entries, open_bundle
from engine.datasets.published.files import FILES
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.policies import POLICIES

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUICK = 2  # policies of one bundle
LEFT = 5.0  # seconds from the visitor's leaving to the last measurement


@dataclass(frozen=True)
class Memory:
    """own, others: resident bytes of the server's process and of those it started;  torch: whether the server's process has loaded it"""

    own: int
    others: int
    torch: bool

    @classmethod
    def of(cls, pid: int) -> "Memory":
        started = [int(path.name) for path in Path("/proc").glob("[0-9]*") if _parent(path) == pid]
        torch = "libtorch" in Path(f"/proc/{pid}/maps").read_text()
        return cls(_resident(pid), sum(map(_resident, started)), torch)


def _resident(pid: int) -> int:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return 1024 * int(match[1]) if match else 0


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:  # the process has ended
        return None


def show(page: "Page", url: str, bundle: str, policy: str, images: bool) -> None:
    page.goto(f"{url}/?bundle={bundle}&policy={policy}")
    page.wait_for_selector(READY)
    page.wait_for_selector(".offramp-dot:not([hidden])", state="attached")
    if images:
        page.wait_for_function(
            "([tiles, missing]) => document.querySelector(tiles)?.querySelector('img') && !document.querySelector(missing)",
            arg=[TILES, MISSING],
        )


def has_images(bundle: str) -> bool:
    opened = open_bundle(bundle)
    files = FILES.get(str(opened.provenance.get("dataset")))
    return opened.images is not None or (files is not None and files.complete(datasets_folder()))


def commit(root: Path) -> str:
    result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True)
    return result.stdout.strip() or root.name


def measure(report: Report, root: Path, shown: dict[str, list[str]]) -> None:
    """Show every bundle under the policies given for it, and report the memory at each step."""
    from playwright.sync_api import sync_playwright

    images = {bundle: has_images(bundle) for bundle in shown}
    report.say(
        f"commit {commit(root)}: resident MB of the page's process and of those it started, and whether the page's process has loaded torch"
    )

    def say(when: str) -> None:
        memory = Memory.of(pid)
        loaded = "torch" if memory.torch else "no torch"
        report.say(f"  {when:<64} {memory.own / 1e6:6.0f} {memory.others / 1e6:6.0f}   {loaded}")

    with dashboard(root, 8797) as (url, pid), sync_playwright() as playwright:
        say("when it answers")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS.split())
        page = browser.new_page(viewport=SCREEN)
        page.set_default_timeout(120_000)
        for bundle, policies in shown.items():
            show(page, url, bundle, policies[0], images[bundle])
        say(f"bundles shown under one policy: {len(shown)}")
        for bundle, policies in shown.items():
            for policy in policies:
                show(page, url, bundle, policy, images[bundle])
        pairs = sum(map(len, shown.values()))
        say(f"under every policy: {pairs} pages, {sum(len(shown[bundle]) for bundle in shown if images[bundle])} of them with images")
        browser.close()
        time.sleep(LEFT)
        say("when the visitor has left")


def main() -> None:
    report = Report("page_memory")
    parser = report.arguments(__doc__)
    parser.add_argument("--root", type=Path, metavar="DIR", help="another checkout of Offramp, measured before this one")
    parser.add_argument("--quick", action="store_true", help=f"one bundle and {QUICK} policies only")
    given = parser.parse_args()
    if not sys.platform.startswith("linux"):
        raise UserError("Resident memory is read from /proc, which only Linux has; run this benchmark there.")
    if given.root and not (given.root / "app" / "serve.py").is_file():
        raise UserError(f"The folder {given.root} is not a checkout of Offramp; give one that contains app/serve.py.")
    bundles = [entry.id for entry in entries()]
    shown = {}
    for bundle in bundles:
        outputs = open_bundle(bundle).outputs
        shown[bundle] = [name for name, policy in POLICIES.items() if policy.unavailable_reason(outputs) is None]
    if given.quick:
        shown = {bundles[-1]: shown[bundles[-1]][:QUICK]}
    report.say(
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores shared with others, no GPU used; Python {platform.python_version()},"
        f" Linux {platform.release().split('-')[0]}"
    )
    for root in [given.root.resolve(), ROOT] if given.root else [ROOT]:
        measure(report, root, shown)
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
