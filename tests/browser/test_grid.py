"""Subsets, highlights and the grid of all examples of an exit, in report files."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.report.contents import report as contents
from app.report.single_file import html
from app.shown import Shown
from app.store import STEPS
from app.worker.pictures import album
from engine.bundle.library import Entry, open_bundle
from engine.policies import POLICIES
from engine.sweep import run_sweep
from tests.browser.conftest import Reports, drawn

MARGIN = 1  # image rows of a tile and its gap, 56 + 6 px
ORDER = "(tiles) => tiles.sort((a, b) => a.dataset.place - b.dataset.place).map((tile) => tile.dataset.id)"
ACTIVE = "document.activeElement.dataset.place ?? document.activeElement.className"


def heads(page: Page) -> list[tuple[str, str, str]]:
    """Of every exit: its share, how many of its examples are correct, and the button that lists them."""
    names = (".offramp-leave-share", ".offramp-leave-outcome", ".offramp-all")
    texts = [page.locator(name).all_text_contents() for name in names]
    return list(zip(*texts, strict=True))


def test_a_class_and_a_level_change_every_number_and_a_highlight_changes_none(page: Page, report: Reports) -> None:
    outputs = open_bundle(str(report.bundles / "imageless")).outputs
    sweep, test = run_sweep(POLICIES["maxprob"], outputs, STEPS), outputs.test()
    step = int(np.abs(sweep.budgets - 0.6).argmin())
    report(page, "imageless", "#budget=0.6")
    before = heads(page)
    difficulty = test.factors["difficulty"]
    high = difficulty > np.quantile(difficulty, 2 / 3, method="inverted_cdf")
    for option, members, name in (("class 2 (", test.labels == 2, "of class 2"), ("high difficulty", high, "of high difficulty (")):
        page.locator(".offramp-subset").select_option(page.locator(".offramp-subset option", has_text=option).get_attribute("value"))
        exit, correct = sweep.exit[step][members], sweep.is_correct[step][members]
        cost = sweep.path_cost[sweep.path[step][members]].mean()
        accuracy = f"{100 * correct.mean():.1f}%"
        expect(page.locator(".offramp-sentence")).to_have_text(f"{accuracy} accuracy at {100 * cost:.0f}% of the compute")
        expect(page.locator(".offramp-headline-subset")).to_contain_text(f"on the {members.sum()} images {name}")
        expect(page.locator(".offramp-figure-text").nth(2)).to_contain_text(
            f"{100 * test.correct[-1][members].mean():.1f}% of the full network"
        )
        expect(page.locator(".offramp-road-text")).to_have_text(f"{members.sum()} images")
        expect(page.locator(".offramp-cost")).to_have_text(f"{100 * cost:.1f}%")
        expect(page.locator(".offramp-accuracy")).to_have_text(accuracy)
        expect(page.locator(".offramp-handle-text")).to_contain_text("all images: average")
        listed = [text for _, _, text in heads(page)]
        assert listed == [f"All {number}" if number else "" for number in np.bincount(exit, minlength=4)]
        ids = page.locator(".offramp-face").evaluate_all("(tiles) => tiles.map((tile) => tile.dataset.id)")
        assert 0 < len(ids) <= 120 and set(map(int, ids)) <= set(test.ids[members].tolist()), "the cast is of the subset"
    expect(page).to_have_url(re.compile("level=difficulty"))
    assert "class=" not in page.evaluate("location.hash"), "only one subset at a time"
    page.get_by_role("button", name="Show all images").click()
    expect(page.locator(".offramp-headline-subset")).to_be_hidden()
    assert heads(page) == before
    sentence = page.locator(".offramp-sentence").text_content()
    for show in ("incorrect", "overthought", "rescued", "about to change"):
        page.get_by_role("button", name=show, exact=True).click()
        faces = page.locator(".offramp-face")
        aside = page.locator(".offramp-face.offramp-aside")
        assert 0 < aside.count() <= faces.count()
        if show == "incorrect":
            assert (
                page.locator(
                    ".offramp-face.offramp-aside[data-correct=false], .offramp-face[data-correct=true]:not(.offramp-aside)"
                ).count()
                == 0
            )
        assert heads(page) == before and page.locator(".offramp-sentence").text_content() == sentence
    expect(page).to_have_url(re.compile("show=changing"))
    page.get_by_role("button", name="none", exact=True).click()
    expect(page.locator(".offramp-aside")).to_have_count(0)


def test_the_grid_opens_sorts_and_closes_with_the_focus_where_it_was(page: Page, report: Reports) -> None:
    outputs = open_bundle(str(report.bundles / "tiny")).outputs
    sweep, test = run_sweep(POLICIES["maxprob"], outputs, STEPS), outputs.test()
    step = int(np.abs(sweep.budgets - 0.7).argmin())
    at = int(np.bincount(sweep.exit[step]).argmax())
    leaving = np.flatnonzero(sweep.exit[step] == at)
    report(page, "tiny", "#budget=0.7")
    button = page.locator(".offramp-all").nth(at)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".offramp-grid-title")).to_contain_text(f"{len(leaving)} images")
    assert button.get_attribute("aria-expanded") == "true" and page.evaluate(ACTIVE) == "0"
    expect(page).to_have_url(re.compile(f"grid={at + 1}"))
    tiles = page.locator(".offramp-tile")
    by_difficulty = leaving[np.argsort(-np.round(test.factors["difficulty"][leaving] * 255), kind="stable")]
    page.locator(".offramp-sort").select_option("hardest")
    first = tiles.evaluate_all(ORDER)[:20]
    assert list(map(int, first)) == test.ids[by_difficulty][:20].tolist()
    expect(page).to_have_url(re.compile("sort=hardest"))
    page.reload()
    drawn(page)
    assert tiles.evaluate_all(ORDER)[:20] == first, "the address keeps grid and order"
    expect(page.locator(".offramp-tile img").first).to_have_js_property("naturalWidth", 8)
    page.get_by_role("button", name="incorrect", exact=True).click()
    incorrect = int((~sweep.is_correct[step][leaving]).sum())
    places = page.locator(".offramp-tile:not(.offramp-aside)").evaluate_all("(tiles) => tiles.map((tile) => +tile.dataset.place)")
    assert sorted(places) == list(range(incorrect))[: len(places)] and places, "highlighted ones come first"
    tiles.first.focus()
    page.keyboard.press("Escape")
    expect(page.locator(".offramp-gallery")).to_be_hidden()
    assert "offramp-all" in page.evaluate(ACTIVE)
    expect(page).not_to_have_url(re.compile("grid="))


def test_tiles_are_selected_and_their_ids_copied(page: Page, report: Reports) -> None:
    page.set_viewport_size({"width": 900, "height": 600})
    report(page, "imageless", "#budget=0.95&grid=4")
    tiles = page.locator(".offramp-tile")
    ids = tiles.evaluate_all(ORDER)
    tile = lambda place: page.locator(f'.offramp-tile[data-place="{place}"]')  # noqa: E731
    tile(1).click()
    expect(page.locator(".offramp-trace-name")).to_contain_text(ids[1])
    expect(page.locator(".offramp-selected")).to_be_hidden()
    tile(2).click(modifiers=["Control"])
    tile(5).click(modifiers=["Shift"])
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator(".offramp-selected")).to_contain_text("5 selected")
    for place in range(8):
        assert tile(place).get_attribute("aria-selected") == str(2 <= place <= 6).lower()
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text } }")
    page.get_by_role("button", name="Copy ids").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("copied").split("\n") == ids[2:7]
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')) }")
    page.get_by_role("button", name="Copied").click()
    assert page.evaluate(
        "document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)"
    ) == "\n".join(ids[2:7])
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".offramp-ids")).to_be_hidden()
    expect(page.locator(".offramp-tile[aria-selected=true]")).to_have_count(0)
    assert page.evaluate(ACTIVE) == "6"


def test_only_visible_rows_are_in_the_page_and_every_tile_is_reached(page: Page, report: Reports) -> None:
    page.set_viewport_size({"width": 600, "height": 600})
    report(page, "imageless", "#budget=0.1&grid=1")
    tiles = page.locator(".offramp-tile")
    total = int(tiles.first.get_attribute("aria-setsize") or 0)
    assert total == 500 and tiles.count() < 200
    page.locator('.offramp-tile[data-place="0"]').focus()
    page.keyboard.press("End")
    assert page.evaluate(ACTIVE) == str(total - 1)
    box, frame = page.locator(".offramp-tile:focus").bounding_box(), page.locator(".offramp-grid-scroll").bounding_box()
    assert box and frame and frame["y"] <= box["y"] and box["y"] + box["height"] <= frame["y"] + frame["height"] + MARGIN
    assert tiles.count() < 200
    page.evaluate("document.querySelector('.offramp-grid-scroll').scrollTop = 0")
    page.wait_for_selector('.offramp-tile[data-place="0"]')
    assert page.evaluate(ACTIVE) == str(total - 1), "the one with the focus stays in the page"
    seen: set[str] = set()
    for top in range(0, 10_000, 300):
        page.evaluate("(top) => document.querySelector('.offramp-grid-scroll').scrollTop = top", top)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        seen |= set(tiles.evaluate_all(ORDER))
    assert len(seen) == total
    outside = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(outside) <= 0


def test_a_drag_moves_the_heading_at_once_and_the_tiles_when_it_rests(page: Page, report: Reports) -> None:
    report(page, "imageless", "#budget=0.4&grid=1")
    page.locator(".offramp-slider").focus()
    title = page.locator(".offramp-grid-title").text_content()
    assert page.evaluate(
        """async () => {
          const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
          const slider = document.querySelector(".offramp-slider")
          const ids = () => [...document.querySelectorAll(".offramp-tile")].map((tile) => tile.dataset.place + tile.dataset.id).join()
          const before = ids()
          for (let i = 0; i < 3; i++) {
            slider.dispatchEvent(new KeyboardEvent("keydown", { key: "PageUp", bubbles: true }))
            await frame()
          }
          return before === ids()
        }"""
    ), "the tiles wait"
    assert page.locator(".offramp-grid-title").text_content() != title
    number = (page.locator(".offramp-grid-title").text_content() or "").split(": ")[1].split()[0]
    expect(page.locator(".offramp-tile").first).to_have_attribute("aria-setsize", number)


@pytest.mark.parametrize("policy", ["maxprob", "random_mix"])
def test_a_sample_counts_all_examples_of_a_subset_and_says_how_many_it_holds(page: Page, report: Reports, policy: str) -> None:
    entry = Entry("imageless", report.bundles / "imageless")
    shown = Shown.of(entry, policy, "macs")
    step = int(np.abs(shown.sweep.budgets - 0.5).argmin())
    exit = int(shown.sweep.shares[step].argmax())
    file = report.folder / f"sample-{policy}.html"
    file.write_text(html(contents(shown, album(entry), examples=200)), encoding="utf-8")
    page.goto(f"{file.as_uri()}#budget=0.5&class=class+1&grid={exit + 1}")
    drawn(page)
    test = shown.bundle.outputs.test()
    size = int((test.labels == 1).sum())
    expect(page.locator(".offramp-headline-subset")).to_have_text(f"on the {size} images of class 1")
    held = int(page.locator(".offramp-tile").first.get_attribute("aria-setsize") or 0)
    expect(page.locator(".offramp-grid-title")).to_contain_text(f"of class 1, {held} of them in this file")
    assert held < size
