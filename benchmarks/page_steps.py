"""How much CPU time the page's scripts and its whole main thread take at each step of a drag, on generated bundles of any size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.dashboard import READY, SCREEN, TRACK
from benchmarks.versions import Version, heading, row
from engine.bundle.bundle import Draft, write_bundle
from engine.bundle.images import encode
from engine.splits import Split
from tests.synthetic import outputs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession

EXITS, CLASSES = 5, 10
TUNING = 2_000  # fit and calibration examples each; the page shows only test examples
IMAGES, SIDE = 64, 32  # different images, and their pixels
WARM_UP = 10  # steps during which the browser compiles the scripts
PAUSE = 60  # ms between steps, as in a drag
TURN = 20  # steps from one end of the drag to the other
SETTLED = 2_000  # ms after which the page has done everything that follows from loading


@dataclass(frozen=True)
class Step:
    """What the main thread does because of one step: CPU milliseconds in scripts, and in all tasks, which include style, layout and paint.

    Unlike elapsed time, these do not grow when other programs keep the processor busy.
    """

    script: float
    tasks: float


def make_bundle(folder: Path, examples: int) -> None:
    """Write a bundle with so many test examples, each with an image."""
    made = outputs(examples=3 * examples, exits=EXITS, classes=CLASSES)
    few = np.arange(min(TUNING, examples))
    made = made.take(np.concatenate([few, examples + few, 2 * examples + np.arange(examples)]))
    rng = np.random.default_rng(0)
    images = [encode(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)) for _ in range(IMAGES)]
    ids = made.ids[made.split == Split.TEST].tolist()
    draft = Draft(
        id=folder.name,
        outputs=made,
        title=f"{examples:,} generated examples",
        class_names=tuple(f"class {c}" for c in range(CLASSES)),
        exit_names=tuple(f"Exit {k + 1}" for k in range(EXITS)),
        unit_notes={"macs": "Generated.", "latency_ms": "Generated."},
        provenance={"recipe": "none", "seed": 0},
        images=[(id, images[i % IMAGES]) for i, id in enumerate(ids)],
    )
    write_bundle(draft, folder)


def busy(session: "CDPSession") -> Step:
    """Total CPU time so far."""
    metrics = {metric["name"]: 1000 * metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return Step(metrics["ScriptDuration"], metrics["TaskDuration"])


def position(i: int) -> float:
    """Where on the track a step ends, in [0.1, 0.9]: to and fro, every step equally long."""
    return 0.1 + 0.8 * abs((i + TURN) % (2 * TURN) - TURN) / TURN


def drag(browser: "Browser", address: str, moves: int) -> list[Step]:
    """Open the page and drag the handle to and fro. A step lasts until the next one, so that late work counts as well."""
    context = browser.new_context(viewport=SCREEN)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(READY, timeout=120_000)
    page.wait_for_timeout(SETTLED)
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    box = page.locator(TRACK).first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 3
    page.mouse.move(box["x"] + position(0) * box["width"], y)
    page.mouse.down()
    totals = []
    for i in range(WARM_UP + moves + 1):
        totals.append(busy(session))
        page.mouse.move(box["x"] + position(i) * box["width"], y)
        page.wait_for_timeout(PAUSE)
    context.close()
    steps = [Step(after.script - before.script, after.tasks - before.tasks) for before, after in zip(totals, totals[1:], strict=False)]
    return steps[WARM_UP:]


def drags(browser: "Browser", addresses: Sequence[str], rounds: int, moves: int) -> list[list[Step]]:
    """The steps of several drags at each address, in turns."""
    each: list[list[Step]] = [[] for _ in addresses]
    for _ in range(rounds):
        for address, measured in zip(addresses, each, strict=True):
            measured += drag(browser, address, moves)
    return each


def table(versions: Sequence[Version], examples: int, each: Sequence[Sequence[Step]]) -> list[str]:
    lines = [heading(versions)]
    for of, name in (("script", "CPU ms in scripts"), ("tasks", "CPU ms of the main thread")):
        for percentile, title in ((50, "median"), (95, "p95")):
            values = [[getattr(step, of) for step in steps] for steps in each]
            lines.append(row(f"{examples:,} examples: {name}, {title}", values, lambda value: f"{value:.1f}", percentile, span=False))
    return lines
