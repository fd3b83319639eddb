"""The live block in a real browser: what moves, when, and whether the numbers are correct."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.store import STEPS
from engine.analysis.steps_to_exit_change import steps_to_change
from engine.bundle.library import open_bundle
from tests.browser.conftest import SEEN, Reports, frame, press_slider, settled, swept

TILES = """() => [...document.querySelectorAll('.offramp-strip')].map((strip) =>
  [...strip.querySelectorAll('.offramp-tile')].map((tile) => ({id: Number(tile.dataset.id), exit: Number(tile.dataset.exit),
    correct: tile.dataset.correct === 'true'})))"""


def test_everything_moves_while_the_handle_is_held(page: Page, report: Reports) -> None:
    report(page, "tiny")
    before = page.evaluate(SEEN)
    press_slider(page, 0.7)
    held = page.evaluate(SEEN)
    assert held["step"] > before["step"] + 20
    assert held["sentence"] != before["sentence"] and held["cost"] != before["cost"]
    assert held["dot"] != before["dot"]
    assert held["bars"] != before["bars"]
    assert "budget=" not in page.evaluate("location.hash"), "the address follows the release"
    page.mouse.up()
    settled(page, "budget=")


def test_the_numbers_at_a_budget_are_those_of_the_sweep(page: Page, report: Reports) -> None:
    _, expected = swept(report.bundles)
    report(page, "tiny")
    press_slider(page, 0.35)
    page.mouse.up()
    settled(page, "budget=")
    seen = page.evaluate(SEEN)
    step = seen["step"]
    assert seen["cost"] == f"{100 * expected.cost[step]:.1f}%"
    shares = page.locator(".offramp-row .offramp-share").all_text_contents()
    assert shares == [f"{100 * share:.1f}%" for share in expected.shares[step]]


@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "oracle"])
@pytest.mark.parametrize("show", ["all", "incorrect"])
def test_the_gallery_shows_only_images_that_leave_at_that_exit(page: Page, report: Reports, policy: str, show: str) -> None:
    outputs, expected = swept(report.bundles, policy)
    ids = outputs.test().ids
    report(page, "tiny", f"#show={show}", policy=policy)
    press_slider(page, 0.6)
    page.mouse.up()
    settled(page, "budget=")
    step = page.evaluate(SEEN)["step"]
    away = steps_to_change(expected.exit)[step]
    tiles = page.evaluate(TILES)
    assert len(tiles) == outputs.exits
    for exit, shown in enumerate(tiles):
        there = (expected.exit[step] == exit) & (~expected.is_correct[step] if show == "incorrect" else True)
        in_order = np.flatnonzero(there)[np.argsort(away[there], kind="stable")]
        assert [tile["id"] for tile in shown] == ids[in_order][: len(shown)].tolist()
        assert len(shown) >= min(len(in_order), 5)
        assert all(tile["exit"] == exit for tile in shown)
        positions = {int(id): i for i, id in enumerate(ids)}
        assert all(tile["correct"] == expected.is_correct[step, positions[tile["id"]]] for tile in shown)


def test_keys_move_the_budget(page: Page, report: Reports) -> None:
    report(page, "tiny")
    page.locator(".offramp-slider").focus()
    start = page.evaluate(SEEN)["step"]
    for key, step in (("ArrowRight", start + 1), ("ArrowLeft", start), ("End", STEPS - 1), ("Home", 0)):
        page.keyboard.press(key)
        frame(page)
        assert page.evaluate(SEEN)["step"] == step, key
    page.keyboard.press("PageUp")
    frame(page)
    assert page.evaluate(SEEN)["step"] >= 10
    settled(page, "budget=")


def test_a_press_on_the_front_sets_the_budget_and_dragging_there_moves_it(page: Page, report: Reports) -> None:
    _, expected = swept(report.bundles)
    report(page, "tiny")
    plot = page.locator(".offramp-plot").bounding_box()
    whole = page.locator(".offramp-whole .offramp-grid").bounding_box()["x"]
    zero = page.locator(".offramp-axis").bounding_box()["x"]
    page.mouse.move(zero + 0.3 * (whole - zero), plot["y"] + 60)
    page.mouse.down()
    frame(page)
    first = page.evaluate(SEEN)["step"]
    assert abs(expected.cost[first] - 0.3) < 0.02
    page.mouse.move(zero + 0.7 * (whole - zero), plot["y"] + 80, steps=5)
    frame(page)
    assert abs(expected.cost[page.evaluate(SEEN)["step"]] - 0.7) < 0.02
    page.mouse.up()
    settled(page, "budget=0.[67]")


def test_a_reload_keeps_the_view(page: Page, report: Reports) -> None:
    report(page, "tiny", "#budget=0.7", policy="entropy", unit="latency_ms")
    page.locator(".offramp-show button", has_text="Incorrect").click()
    page.locator(".offramp-class").select_option("2")
    page.locator(".offramp-tile").first.click()
    settled(page, "image=")
    expect(page.locator(".offramp-trace")).to_be_visible()
    entries = page.evaluate("history.length")
    seen, trace = page.evaluate(SEEN), page.locator(".offramp-trace h3").text_content()
    page.reload()
    page.wait_for_selector(".offramp[data-ready=true]")
    expect(page.locator(".offramp-trace h3")).to_have_text(trace)
    frame(page)
    again = page.evaluate(SEEN)
    assert again["step"] == seen["step"] and again["sentence"] == seen["sentence"]
    assert page.locator(".offramp-class").input_value() == "2"
    expect(page.locator('.offramp-show [aria-pressed="true"]')).to_have_text("Incorrect")
    assert page.evaluate("history.length") == entries
    assert "time" in seen["sentence"]


def test_the_trace_shows_the_prediction_of_every_exit(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles)
    test = outputs.test()
    report(page, "tiny", "#budget=0.5")
    tile = page.locator(".offramp-strip").nth(1).locator(".offramp-tile").first
    id = int(tile.get_attribute("data-id"))
    tile.click()
    at = int(np.flatnonzero(test.ids == id)[0])
    steps = page.locator(".offramp-steps li")
    shown = [steps.nth(k).locator("strong").text_content() for k in range(outputs.exits)]
    correct = test.prediction[:, at] == test.labels[at]
    assert shown == [f"class {c} {'✓' if ok else '✗'}" for c, ok in zip(test.prediction[:, at], correct, strict=True)]
    reasons = steps.locator(".offramp-reason").all_text_contents()
    assert (
        reasons[0].startswith("continues")
        and reasons[1].startswith("leaves here")
        and all(text.startswith("not run") for text in reasons[2:])
    )
    numbers = [float(n) for n in re.findall(r"\d\.\d+", reasons[1])]
    step = page.evaluate(SEEN)["step"]
    threshold = 1 / (1 + np.exp(-expected.rules[step].thresholds[1]))
    assert numbers[1] == pytest.approx(threshold, abs=0.006)
    # The trace changes during a drag too.
    press_slider(page, 1.0)
    expect(steps.last.locator(".offramp-reason")).to_contain_text("leaves here")
    page.mouse.up()
    page.keyboard.press("Escape")
    expect(page.locator(".offramp-trace")).to_be_hidden()
    settled(page, "^((?!image).)*$")


#: Keeps what the page makes addresses of. The page may not fetch, not even from itself.
KEEP_BLOBS = """window.blobs = new Map()
const make = URL.createObjectURL
URL.createObjectURL = (blob) => {
  const address = make(blob)
  blobs.set(address, blob)
  return address
}"""
#: The bytes of the image that a tile or the trace shows.
PICTURE = "async (image) => Array.from(new Uint8Array(await blobs.get(image.src).arrayBuffer()))"


@pytest.mark.parametrize("id", [-1, 2**60])
def test_any_integer_may_be_an_id(page: Page, report: Reports, id: int) -> None:
    """Below zero and beyond 2^53: shown with its picture, picked, part of the address, and picked again by a link."""
    bundle = open_bundle(str(report.bundles / "far"))
    test = bundle.outputs.test()
    ids = test.ids.tolist()
    name = bundle.class_names[test.labels[ids.index(id)]]
    page.context.add_init_script(KEEP_BLOBS)
    report(page, "far", "#budget=0.5")
    page.wait_for_function("(n) => document.querySelectorAll('.offramp-tile img').length === n", arg=len(ids))
    shown = page.evaluate("[...document.querySelectorAll('.offramp-tile')].map((tile) => tile.dataset.id)")
    assert sorted(shown) == sorted(str(id) for id in ids)
    tile = page.locator(f'.offramp-tile[data-id="{id}"]')
    assert bytes(tile.locator("img").evaluate(PICTURE)) == bundle.images[id]
    tile.click()
    settled(page, f"image={id}(&|$)")
    for visit in (page, report(page.context.new_page(), "far", f"#budget=0.5&image={id}")):
        expect(visit.locator(".offramp-trace h3")).to_have_text(f"{name} image {id}")
        assert bytes(visit.locator(".offramp-picture img").evaluate(PICTURE)) == bundle.images[id]
        expect(visit.locator(f'.offramp-tile[data-id="{id}"]')).to_have_attribute("aria-pressed", "true")
        expect(visit.locator(".offramp-notice")).to_have_count(0)


def test_a_bundle_without_images_says_so_and_works(page: Page, report: Reports) -> None:
    report(page, "family")
    assert page.locator(".offramp-tile em").count() > 5
    page.locator(".offramp-tile").first.click()
    expect(page.locator(".offramp-picture")).to_contain_text("No image")


def test_a_skipped_network_is_marked_as_such(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles, "bolukbasi", "family")
    (path,) = np.flatnonzero((expected.paths == [True, False, True]).all(axis=1))
    skipped = (expected.path == path) & (expected.exit == 2)
    step, at = (int(place[0]) for place in np.nonzero(skipped))
    id = outputs.test().ids[at]
    report(page, "family", f"#budget={expected.budgets[step]:.4f}&image={id}", policy="bolukbasi")
    reasons = page.locator(".offramp-steps .offramp-reason").all_text_contents()
    assert reasons[1].startswith("skipped") and reasons[2].startswith("leaves here")
    cost = expected.path_cost[path]
    expect(page.locator(".offramp-verdict")).to_contain_text(f"at {100 * cost:.0f}% of the full network")


def test_a_bundle_whose_cheapest_exit_is_costly_opens_at_it(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles, bundle="costly")
    assert expected.budgets[0] > 0.25
    report(page, "costly")
    assert page.evaluate(SEEN)["step"] == 0
    assert not page.get_by_text("The address asks for").count()


def test_forty_exits_are_shown(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles, bundle="deep")
    report(page, "deep", "#budget=0.5")
    assert page.locator(".offramp-row .offramp-chip").count() == page.locator(".offramp-strip").count() == outputs.exits == 40
    step = page.evaluate(SEEN)["step"]
    shares = page.locator(".offramp-row .offramp-share").all_text_contents()
    assert shares == [f"{100 * share:.1f}%" for share in expected.shares[step]]
    at = int(np.flatnonzero(expected.exit[step] == expected.exit[step].max())[0])
    report(page, "deep", f"#budget={expected.budgets[step]:.4f}&image={outputs.test().ids[at]}")
    page.wait_for_selector(".offramp-steps li")
    assert page.locator(".offramp-steps li").count() == 40
    left = int(expected.exit[step, at])
    assert page.locator(".offramp-steps .offramp-reason").nth(left).text_content().startswith("leaves here")
    cost = expected.path_cost[expected.path[step, at]]
    expect(page.locator(".offramp-verdict")).to_contain_text(f"at {100 * cost:.0f}% of the full network")


def test_a_thousand_and_one_classes_are_shown(page: Page, report: Reports) -> None:
    outputs, _ = swept(report.bundles, bundle="wide")
    report(page, "wide")
    assert page.locator(".offramp-class option").count() == 1 + 1001
    page.locator(".offramp-tile").first.click()
    at = outputs.test().ids.tolist().index(int(page.locator(".offramp-tile").first.get_attribute("data-id")))
    expect(page.locator(".offramp-steps li")).to_have_count(3)
    predictions = page.locator(".offramp-steps strong").all_text_contents()
    assert [text.rsplit(" ", 1)[0] for text in predictions] == [f"class {label}" for label in outputs.test().prediction[:, at]]
    # and policies that need logits run
    report(page, "wide", policy="committee")
    page.wait_for_selector(".offramp[data-ready=true]")
    assert not page.get_by_text("The address asks for").count()


def test_the_note_of_a_budget_is_shown_there(page: Page, report: Reports) -> None:
    """On scores that tie: which exits were left out of a plan, and what a tied example met."""
    outputs, expected = swept(report.bundles, bundle="tied")
    left_out = next(step for step, note in enumerate(expected.notes) if "exit 1 is left out" in note)
    without = next((step for step, note in enumerate(expected.notes) if not note), None)
    report(page, "tied", f"#budget={expected.budgets[left_out]:.4f}")
    note = page.locator(".offramp-budget-note")
    expect(note).to_have_text(expected.notes[left_out])
    if without is not None:
        page.evaluate(
            "(step) => { const s = document.querySelector('.offramp-slider'); s.value = step; s.dispatchEvent(new Event('input')) }",
            without,
        )
        frame(page)
        assert note.text_content() == "" and note.is_visible(), "its space is reserved"
    report(page, "tiny")
    assert page.locator(".offramp-budget-note").is_hidden()


def test_the_trace_says_that_a_score_is_exactly_the_threshold(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles, bundle="tied")
    step = next(
        step for step, rule in enumerate(expected.rules) if rule.threshold_spec() is not None and rule.threshold_spec().ties is not None
    )
    ties = expected.rules[step].threshold_spec().ties
    assert ties[0] < 1, "the constant first exit is the one that ties"
    for exit, word in ((0, "leaves here"), (1, "continues")):
        at = int(np.flatnonzero((expected.exit[step] == 0) == (exit == 0))[0])
        report(page, "tied", f"#budget={expected.budgets[step]:.4f}&image={outputs.test().ids[at]}")
        reason = page.locator(".offramp-steps .offramp-reason").first
        expect(reason).to_have_text(f"{word}: top probability 0.50, exactly the threshold, where {100 * ties[0]:.0f}% of the images leave")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_the_screen(page: Page, report: Reports, scheme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    report(page, "tiny")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = page.evaluate(
        """() => [...document.querySelectorAll('.offramp *')].filter((part) => {
          const box = part.getBoundingClientRect()
          return box.width && box.right > innerWidth + 1 && !part.closest('.offramp-announcement, .offramp-plot')
        }).map((part) => part.className)"""
    )
    assert outside == []


def test_names_in_other_peoples_files_stay_text(page: Page, report: Reports) -> None:
    """The page fixture fails on the request that an image or script in a name would make."""
    report(page, "hostile", "#show=![x](http://127.0.0.1:9/lure.png)<script>")
    expect(page.locator(".offramp-notice")).to_contain_text("![x](http://127.0.0.1:9/lure.png)")
    page.locator(".offramp-tile").first.click()
    expect(page.locator(".offramp-verdict")).to_contain_text("<script>")
    expect(page.locator("h1")).to_contain_text("<script>")
    assert "<script>" in page.title() and page.title() != "lured"
