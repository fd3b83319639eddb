"""What is taken home from a report: files that equal what the engine writes, images, tables, and a page of paper."""

import io
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from engine.analysis.routes_table import as_csv, routes_table
from engine.bundle.library import open_bundle
from tests.app.test_take_home_route import ROUTE
from tests.browser.conftest import ALL, FACE, SHARE, Reports, drawn, press_keys, settled, step, swept
from tests.thorough import variants

DIALOG = ".offramp-home[open]"


def open_panel(page: Page) -> None:
    page.get_by_role("button", name="Take home").click()
    expect(page.locator(DIALOG)).to_be_visible()


def saved(page: Page, name: str, folder: Path) -> Path:
    """The file that a button of the panel saves."""
    with page.expect_download() as download:
        page.locator(DIALOG).get_by_role("button", name=name, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    expect(page.locator(".offramp-home-status")).to_contain_text(f"Saved {path.name}.")
    return path


@pytest.mark.parametrize(("bundle", "policy"), [("imageless", "maxprob"), ("family", "bolukbasi")])
def test_routes_and_policy_are_those_of_the_engine(page: Page, report: Reports, tmp_path: Path, bundle: str, policy: str) -> None:
    _, sweep = swept(report.bundles, policy, bundle)
    opened = open_bundle(str(report.bundles / bundle))
    report(page, bundle, "#budget=0.4", policy=policy)
    now = step(page, sweep)
    open_panel(page)
    table = saved(page, "Routes: CSV", tmp_path)
    assert table.read_bytes() == as_csv(routes_table(sweep, opened, now))
    assert table.name == f"{bundle}-{policy}-{sweep.budgets[now]:.4f}".rstrip("0").rstrip(".") + "-routes.csv"
    document = saved(page, "Policy: JSON", tmp_path)
    arguments = [sys.executable, "-c", ROUTE, str(document), str(report.bundles / bundle)]
    routed = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=100).stdout.split()
    assert [int(exit) for exit in routed] == (sweep.exit[now] + 1).tolist()
    assert json.loads(document.read_text())["usage"] and "load_policy" in (page.locator(f"{DIALOG} code").text_content() or "")


def test_a_file_opens_with_the_view_in_which_it_was_saved(page: Page, report: Reports, tmp_path: Path) -> None:
    file = tmp_path / "kept.html"
    kept = '<main data-report data-view="budget=0.5&amp;show=incorrect">'
    file.write_text(report.file("imageless").read_text(encoding="utf-8").replace("<main data-report>", kept), encoding="utf-8")
    page.goto(file.as_uri())
    drawn(page)
    settled(page, "#budget=0.5&show=incorrect$")
    page.goto(f"{file.as_uri()}#budget=0.7")
    page.reload()
    drawn(page)
    settled(page, "#budget=0.7$")


def test_bounds_are_not_saved_and_the_panel_says_why(page: Page, report: Reports) -> None:
    report(page, "imageless", policy="oracle")
    open_panel(page)
    expect(page.locator(DIALOG).get_by_role("button", name="Policy: JSON")).to_be_disabled()
    expect(page.locator(DIALOG)).to_contain_text("labels")


@pytest.mark.parametrize("scheme", variants(["light", "dark"], "dark"))
def test_images_show_the_view_and_the_charts(page: Page, report: Reports, tmp_path: Path, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    report(page, "tiny", "#budget=0.4")
    open_panel(page)
    background = {"light": 255, "dark": 40}[scheme]
    view = Image.open(io.BytesIO(saved(page, "This view: PNG", tmp_path).read_bytes())).convert("RGB")
    assert view.width >= 2 * 1200 and view.height >= 2 * 500
    assert all(abs(channel - background) <= 40 for channel in view.getpixel((3, view.height - 3)))
    assert len(view.resize((400, 250)).getcolors(100_000) or []) > 500, "with the images of the cast"
    for chart in ("Front", "Exits at this budget"):
        assert Image.open(io.BytesIO(saved(page, f"{chart}: PNG", tmp_path).read_bytes())).width >= 2 * 1200
        drawing = ElementTree.parse(saved(page, f"{chart}: SVG", tmp_path)).getroot()
        assert drawing.tag.endswith("svg") and len(list(drawing.iter())) > 20
        assert not [node for node in drawing.iter() if node.tag.endswith(("script", "foreignObject"))]
    rows = saved(page, "Front: CSV", tmp_path).read_text().splitlines()
    assert len(rows) > 100


def test_an_image_of_the_view_has_the_masks_too(page: Page, report: Reports, tmp_path: Path) -> None:
    report(page, "masked", "#budget=0.5")
    page.locator(FACE).first.click()
    expect(page.locator(".offramp-steps canvas")).to_have_count(3)
    masks = page.locator("canvas").evaluate_all("(all) => all.map((canvas) => canvas.getBoundingClientRect().width ** 2)")
    open_panel(page)
    view = Image.open(io.BytesIO(saved(page, "This view: PNG", tmp_path).read_bytes())).convert("RGB")
    ground = sum(count for count, colour in view.getcolors(1_000_000) or [] if colour == (184, 192, 200))  # of the first class
    assert ground > 0.3 * 4 * sum(masks), "at two pixels of the image for each of the page"


def test_tables_follow_the_budget(page: Page, report: Reports) -> None:
    report(page, "imageless", "#budget=0.4")
    page.get_by_role("button", name="Table: Exits at this budget").click()
    table = page.locator("table", has_text="Exit 1").last
    for _ in range(2):
        shares = page.locator(SHARE).all_text_contents()
        text = table.text_content() or ""
        assert all(share.removesuffix("%") in text for share in shares), (shares, text)
        press_keys(page, "ArrowRight", 20)
    assert table.locator("caption").count() == 1 and table.locator("th[scope=col]").count() > 2


def test_it_prints_on_one_page(page: Page, report: Reports) -> None:
    report(page, "imageless", "#budget=0.4")
    page.locator(FACE).first.click()
    settled(page, "image=")
    pdf = page.pdf(format="A4", landscape=True)
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == 1
    expect(page.locator(".offramp-printing")).to_have_count(0)


def test_where_chance_decides_lists_and_routes_are_called_one_draw(page: Page, report: Reports) -> None:
    for policy, is_one in (("random_mix", True), ("maxprob", False)):
        report(page, "tiny", "#budget=0.5", policy)
        assert ("one draw" in (page.locator(ALL).first.get_attribute("title") or "")) == is_one
        page.get_by_role("button", name="Take home").click()
        dialog = page.locator("dialog[open]")
        expect(dialog.get_by_text("the routes are one draw")).to_have_count(int(is_one))
