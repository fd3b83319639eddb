"""Reports as people get them: of the bundles that are shipped, written by the command and opened with the network off."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.report.contents import report as contents
from app.report.single_file import html
from app.shown import Shown
from app.worker.pictures import album
from engine.__main__ import main
from engine.bundle.library import Entry, open_bundle
from tests.browser.conftest import (
    CELL,
    COLUMN,
    FACE,
    IMAGE,
    ROOT,
    SEEN,
    SHARE,
    SLIDER,
    Reports,
    at_step,
    drawn,
    frame,
    open_all,
    press_keys,
    printed_shares,
    step,
    swept,
)
from tests.thorough import variants

SHIPPED = sorted(path.name for path in (ROOT / "data" / "bundles").iterdir() if path.is_dir())
LARGEST = 3_000_000  # bytes


def tab_to(page: Page, selector: str) -> None:
    """With the keyboard alone."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached by Tab")


@pytest.mark.parametrize("bundle", variants(SHIPPED, "doodles", "simulated-llm-log", "scenes", "phrases"))
def test_the_report_of_a_shipped_bundle_works_without_a_network(own_page: Page, tmp_path: Path, bundle: str) -> None:
    file = tmp_path / "report.html"
    assert main(["report", str(ROOT / "data" / "bundles" / bundle), "--policy", "maxprob", "--out", str(file)]) == 0
    size = file.stat().st_size
    print(f"{bundle}: {size / 1e6:.2f} MB")
    assert size <= LARGEST
    own_page.context.set_offline(True)
    own_page.goto(file.as_uri())
    drawn(own_page)
    _, expected = swept(ROOT / "data" / "bundles", bundle=bundle)
    before, first = own_page.evaluate(SEEN), step(own_page, expected)
    tab_to(own_page, SLIDER)
    for _ in range(30):
        own_page.keyboard.press("ArrowRight")
    frame(own_page)
    at_step(own_page, expected, first + 30)
    after = own_page.evaluate(SEEN)
    assert all(after[part] != before[part] for part in ("sentence", "dot", "road", "faces"))
    tab_to(own_page, FACE)
    own_page.keyboard.press("Enter")
    expect(own_page.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(own_page.locator(COLUMN).count())
    expect(own_page.locator(".offramp-verdict")).to_contain_text("Leaves at")
    if own_page.locator(f"{FACE} img").count():
        own_page.wait_for_function(f"document.querySelector('{IMAGE}')?.naturalWidth > 0")
    elif open_bundle(str(ROOT / "data" / "bundles" / bundle)).texts is not None or own_page.locator(".offramp-trace-text").is_visible():
        expect(own_page.locator(".offramp-trace-text")).to_have_text(re.compile(r"\w"))  # from the bundle, or from its data set
    else:
        expect(own_page.locator(".offramp-trace-face .offramp-plate")).to_be_visible()


def test_a_sample_says_so_and_its_shares_are_those_of_all_examples(page: Page, report: Reports) -> None:
    entry = Entry("tiny", report.bundles / "tiny")
    file = report.folder / "sample.html"
    file.write_text(html(contents(Shown.of(entry, "maxprob", "macs"), album(entry), examples=40)), encoding="utf-8")
    outputs, expected = swept(report.bundles)
    page.goto(f"{file.as_uri()}#budget=0.6")
    drawn(page)
    hint = page.locator(".offramp-hint")
    expect(hint).to_contain_text("a random sample of 40 of the 500 test examples; shares, accuracy and costs are those of all.")
    for _ in range(2):
        now = step(page, expected)
        assert page.locator(SHARE).all_text_contents() == printed_shares(expected.shares[now])
        assert page.evaluate(SEEN)["cost"] == f"{100 * expected.cost[now]:.1f}%"
        expect(page.locator(".offramp-accuracy")).to_have_text(f"{100 * expected.accuracy[now]:.1f}%")
        press_keys(page, "ArrowLeft", 40)
    ids = {int(id) for id in page.locator(".offramp-face").evaluate_all("(faces) => faces.map((face) => face.dataset.id)")}
    assert len(ids) == 40 and ids < set(outputs.test().ids.tolist())
    open_all(page, 0)
    expect(page.locator(".offramp-grid-title")).to_contain_text("of them in this file")
