"""Reports as people get them: of the bundles that are shipped, written by the command and opened with the network off."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.report.contents import report as contents
from app.report.single_file import html
from app.shown import Shown
from app.worker.pictures import album
from engine.__main__ import main
from engine.bundle.library import Entry
from tests.browser.conftest import ROOT, SEEN, Reports, drawn, frame, swept

SHIPPED = sorted(path.name for path in (ROOT / "data" / "bundles").iterdir() if path.is_dir())
LARGEST = 3_000_000  # bytes


def tab_to(page: Page, selector: str) -> None:
    """With the keyboard alone."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached by Tab")


@pytest.mark.parametrize("bundle", SHIPPED)
def test_the_report_of_a_shipped_bundle_works_without_a_network(page: Page, tmp_path: Path, bundle: str) -> None:
    file = tmp_path / "report.html"
    assert main(["report", str(ROOT / "data" / "bundles" / bundle), "--policy", "maxprob", "--out", str(file)]) == 0
    size = file.stat().st_size
    print(f"{bundle}: {size / 1e6:.2f} MB")
    assert size <= LARGEST
    page.context.set_offline(True)
    page.goto(file.as_uri())
    drawn(page)
    before = page.evaluate(SEEN)
    tab_to(page, ".offramp-slider")
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    frame(page)
    after = page.evaluate(SEEN)
    assert after["step"] == before["step"] + 30 and after["sentence"] != before["sentence"] and after["dot"] != before["dot"]
    tab_to(page, ".offramp-tile")
    page.keyboard.press("Enter")
    exits = page.locator(".offramp-row .offramp-chip").count()
    expect(page.locator(".offramp-steps li")).to_have_count(exits)
    expect(page.locator(".offramp-verdict")).to_contain_text("Leaves at")
    picture = page.locator(".offramp-picture")
    if page.locator(".offramp-tile img").count():
        page.wait_for_function("document.querySelector('.offramp-picture img')?.naturalWidth > 0")
    else:
        expect(picture).to_contain_text("No image")


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
        step = page.evaluate(SEEN)["step"]
        shares = page.locator(".offramp-row .offramp-share").all_text_contents()
        assert shares == [f"{100 * share:.1f}%" for share in expected.shares[step]]
        assert page.evaluate(SEEN)["cost"] == f"{100 * expected.cost[step]:.1f}%"
        expect(page.locator(".offramp-accuracy")).to_have_text(f"{100 * expected.accuracy[step]:.1f}%")
        page.locator(".offramp-slider").focus()
        for _ in range(40):
            page.keyboard.press("ArrowLeft")
        frame(page)
    ids = {int(id) for id in page.locator(".offramp-tile").evaluate_all("(tiles) => tiles.map((tile) => tile.dataset.id)")}
    assert 20 < len(ids) <= 40 and ids < set(outputs.test().ids.tolist())
    expect(page.locator(".offramp-strip small", has_text="of the sample")).not_to_have_count(0)
