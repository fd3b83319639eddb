"""The live block in a real browser: what moves, when, and whether the numbers are correct."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from engine.analysis.steps_to_exit_change import steps_to_change
from engine.bundle.library import open_bundle
from tests.browser.conftest import (
    ALL,
    CELL,
    COLUMN,
    FACE,
    IMAGE,
    PANEL,
    RAIL_ENDS,
    REASON,
    SEEN,
    SHARE,
    SLIDER,
    SUBSETS,
    TILE,
    TRACE,
    Reports,
    at_step,
    frame,
    last_step,
    open_all,
    press_keys,
    press_slider,
    printed_shares,
    settled,
    step,
    swept,
    whole_percent,
)
from tests.thorough import variants

TILES = """(tiles) => tiles.map((tile) => (
  {id: Number(tile.dataset.id), exit: Number(tile.dataset.exit), correct: tile.dataset.correct === 'true'}
))"""

#: The letters of a face, which the style sheet draws.
LETTERS = "(face) => JSON.parse(getComputedStyle(face.querySelector('.offramp-plate'), '::before').content)"


def test_everything_moves_while_the_handle_is_held(moving: Page, report: Reports) -> None:
    report(moving, "imageless")
    before = moving.evaluate(SEEN)
    press_slider(moving, 0.7)
    held = moving.evaluate(SEEN)
    assert float(held["spent"]) > float(before["spent"]) + 20
    for part in ("sentence", "cost", "dot", "bars", "road", "faces"):
        assert held[part] != before[part], part
    assert "budget=" not in moving.evaluate("location.hash"), "the address follows the release"
    moving.mouse.up()
    settled(moving, "budget=")


def test_the_numbers_at_a_budget_are_those_of_the_sweep(page: Page, report: Reports) -> None:
    _, expected = swept(report.bundles)
    report(page, "imageless")
    press_slider(page, 0.35)
    page.mouse.up()
    settled(page, "budget=")
    now = step(page, expected)
    assert abs(expected.cost[now] - 0.35) < 0.01
    assert page.evaluate(SEEN)["cost"] == f"{100 * expected.cost[now]:.1f}%"
    assert page.locator(SHARE).all_text_contents() == printed_shares(expected.shares[now])
    correct = [f"{100 * c / s:.1f}% correct" for c, s in zip(expected.correct[now], expected.shares[now], strict=True)]
    assert page.locator(".offramp-leave-outcome").all_text_contents() == correct
    leaving = [f"All {round(share * expected.examples):,}" for share in expected.shares[now]]
    assert page.locator(ALL).all_text_contents() == leaving
    assert page.locator(".offramp-sentence").text_content() == (
        f"{100 * expected.accuracy[now]:.1f}% accuracy at {whole_percent(expected.cost[now])} of the compute"
    )


@pytest.mark.parametrize(("policy", "show"), variants([("maxprob", "incorrect"), ("random_mix", "all")], ("maxprob", "incorrect")))
def test_the_gallery_shows_only_images_that_leave_at_that_exit(page: Page, report: Reports, policy: str, show: str) -> None:
    outputs, expected = swept(report.bundles, policy)
    ids = outputs.test().ids
    report(page, "imageless", f"#show={show}&sort=change", policy=policy)
    press_slider(page, 0.6)
    page.mouse.up()
    now = step(page, expected)
    away = steps_to_change(expected.exit)[now]
    positions = {int(id): i for i, id in enumerate(ids)}
    for exit in np.flatnonzero(expected.shares[now]).tolist():
        shown = open_all(page, exit).evaluate_all(TILES)
        there = np.flatnonzero(expected.exit[now] == exit)
        behind = expected.is_correct[now][there] & (show == "incorrect")  # what is highlighted comes first
        in_order = there[np.lexsort((there, away[there], behind))]
        assert [tile["id"] for tile in shown] == ids[in_order][: len(shown)].tolist()
        assert len(shown) >= min(len(in_order), 5)
        assert all(tile["exit"] == exit for tile in shown)
        assert all(tile["correct"] == expected.is_correct[now, positions[tile["id"]]] for tile in shown)
        expect(page.locator(".offramp-tile:visible")).to_have_count(len(shown))
        assert page.locator(SHARE).all_text_contents() == printed_shares(expected.shares[now]), "a filter of outcomes changes no number"
    # The cast stays whole; what is filtered out is only fainter.
    faces = page.locator(".offramp-face").evaluate_all(
        "(faces) => faces.map((face) => ({id: Number(face.dataset.id), aside: face.classList.contains('offramp-aside')}))"
    )
    assert len(faces) == 120
    for face in faces:
        assert face["aside"] == (show == "incorrect" and bool(expected.is_correct[now, positions[face["id"]]]))


def test_keys_move_the_budget(page: Page, report: Reports) -> None:
    _, expected = swept(report.bundles)
    report(page, "imageless")
    start, last = step(page, expected), last_step(expected)
    targets = {"ArrowRight": start + 1, "ArrowLeft": start, "ArrowUp": start + 1, "ArrowDown": start}
    for key, target in (targets | {"End": last, "PageDown": last - 10, "Home": 0, "PageUp": 10}).items():
        press_keys(page, key)
        at_step(page, expected, target)
        handle = page.locator(SLIDER)
        expect(handle).to_have_attribute("aria-valuetext", f"{100 * expected.cost[target]:.1f}% of the full network’s compute on average")
        expect(handle).to_have_text(f"average {whole_percent(expected.cost[target])}")


def test_a_press_on_the_front_sets_the_budget_and_dragging_there_moves_it(page: Page, report: Reports) -> None:
    _, expected = swept(report.bundles)
    report(page, "imageless")
    plot = page.locator(".offramp-plot").bounding_box()
    rail = page.evaluate(RAIL_ENDS)
    zero, whole = rail["zero"], rail["whole"]
    page.mouse.move(zero + 0.3 * (whole - zero), plot["y"] + 60)
    page.mouse.down()
    frame(page)
    assert abs(float(page.evaluate(SEEN)["spent"]) / 100 - 0.3) < 0.02
    page.mouse.move(zero + 0.7 * (whole - zero), plot["y"] + 80, steps=5)
    frame(page)
    assert abs(float(page.evaluate(SEEN)["spent"]) / 100 - 0.7) < 0.02
    page.mouse.up()
    settled(page, "budget=0.[67]")
    assert abs(expected.cost[step(page, expected)] - 0.7) < 0.02


def test_a_minimum_accuracy_leads_to_a_budget(page: Page, report: Reports) -> None:
    _, sweep = swept(report.bundles)
    tuned = sweep.calibration_accuracy
    floor = round(100 * float(tuned.min() + 2 * tuned.max()) / 3, 1)
    report(page, "imageless")
    page.locator("[data-what=policy]").click()
    panel = page.locator(PANEL)
    panel.get_by_role("button", name="Accuracy").click()
    panel.locator("input[name=accuracy]").fill(f"{floor:.1f}")
    panel.locator("input[name=accuracy]").press("Enter")
    enough = np.flatnonzero(tuned >= floor / 100)
    cheapest = int(enough[np.argmin(sweep.calibration_cost[enough])])
    at_step(page, sweep, cheapest)
    expect(panel).to_contain_text(f"{100 * tuned[cheapest]:.1f}% on calibration")
    expect(panel).to_contain_text(f"at {100 * sweep.cost[cheapest]:.1f}% of the compute")


def test_a_reload_keeps_the_view(page: Page, report: Reports) -> None:
    report(page, "imageless", "#budget=0.7", policy="entropy", unit="latency_ms")
    page.locator(".offramp-show button", has_text="Incorrect").click()
    page.locator(SUBSETS).select_option("2")
    page.locator(FACE).first.click()
    settled(page, "image=")
    expect(page.locator(".offramp-trace:not([data-idle])")).to_be_visible()
    entries = page.evaluate("history.length")
    seen, trace = page.evaluate(SEEN), page.locator(".offramp-trace-name").text_content()
    page.reload()
    page.wait_for_selector(".offramp[data-ready=true]")
    expect(page.locator(".offramp-trace-name")).to_have_text(trace)
    frame(page)
    again = page.evaluate(SEEN)
    assert again == seen
    assert page.locator(SUBSETS).input_value() == "2"
    expect(page.locator('.offramp-show [aria-pressed="true"]')).to_have_text("incorrect")
    assert page.evaluate("history.length") == entries
    assert "time" in seen["sentence"]


def test_the_trace_shows_the_prediction_of_every_exit(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles)
    test = outputs.test()
    report(page, "imageless", "#budget=0.5")
    now = step(page, expected)
    gate = f"≥ {1 / (1 + np.exp(-expected.rules[now].thresholds[1])):.2f}: leaves here"
    assert page.locator(REASON).all_text_contents()[1::2] == [gate, "last exit: the rest leave here"], "the thresholds while none is picked"
    face = page.locator(f'{FACE}[data-exit="1"]').first
    id = int(face.get_attribute("data-id"))
    face.click()
    at = int(np.flatnonzero(test.ids == id)[0])
    cells = page.locator(CELL)
    expect(cells.locator("strong")).to_have_text([f"class {c}" for c in test.prediction[:, at]])
    correct = test.prediction[:, at] == test.labels[at]
    expect(cells.locator(".offramp-yes, .offramp-no")).to_have_text(["✓" if ok else "✗" for ok in correct])
    reasons = page.locator(REASON).all_text_contents()
    assert reasons[0].endswith(": drives on") and reasons[1].endswith(": leaves here")
    final = test.prediction[1, at]
    other = [f"would say {'the same' if c == final else f'“class {c}”'}" for c in test.prediction[2:, at]]
    assert reasons[2:] == [f"not run: {text}" for text in other]
    # Each cell is in the column of its exit, and its bar and its tick are where the confidence and the threshold are.
    for k, (cell, column) in enumerate(zip(cells.all(), page.locator(COLUMN).all(), strict=True)):
        assert cell.bounding_box()["x"] == pytest.approx(column.bounding_box()["x"], abs=1)
        scale = cell.locator(".offramp-confidence").bounding_box()
        filled = cell.locator(".offramp-confidence b").bounding_box()["width"] / scale["width"]
        logits = test.logits[k, at].astype(float)
        confidence = 1 / np.exp(logits - logits.max()).sum()
        assert filled == pytest.approx(confidence, abs=0.01)
        assert cell.locator(".offramp-probability").text_content() == f"{100 * confidence:.0f}%"
    for k, sign in enumerate(("<", "≥")):
        value, needed = re.fullmatch(rf"(\d\.\d+) {sign} (\d\.\d+): .*", reasons[k]).groups()
        threshold = 1 / (1 + np.exp(-expected.rules[now].thresholds[k]))
        assert float(needed) == pytest.approx(threshold, abs=0.006)
        scale, tick = (cells.nth(k).locator(f".offramp-confidence{part}").bounding_box() for part in ("", " i"))
        assert (tick["x"] + tick["width"] / 2 - scale["x"]) / scale["width"] == pytest.approx(threshold, abs=0.01)
        logits = test.logits[k, at].astype(float)
        assert float(value) == pytest.approx(1 / np.exp(logits - logits.max()).sum(), abs=0.006)
    # The trace changes during a drag too.
    press_slider(page, 1.0)
    expect(page.locator(REASON).last).to_have_text("last exit: leaves here")
    expect(cells.last).to_have_class("offramp-taken")
    page.mouse.up()
    page.keyboard.press("Escape")
    expect(page.locator(f"{TRACE}[data-idle]")).to_be_visible()
    expect(page.locator(".offramp-trace-who")).to_be_hidden()
    settled(page, "^((?!image=).)*$")


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


@pytest.mark.parametrize("id", variants([-1, 2**60], 2**60))
def test_any_integer_may_be_an_id(own_page: Page, report: Reports, id: int) -> None:
    """Below zero and beyond 2^53: shown with its picture, picked, part of the address, and picked again by a link."""
    bundle = open_bundle(str(report.bundles / "far"))
    test = bundle.outputs.test()
    ids = test.ids.tolist()
    name = bundle.class_names[test.labels[ids.index(id)]]
    own_page.context.add_init_script(KEEP_BLOBS)
    report(own_page, "far", "#budget=0.5")
    own_page.wait_for_function("(n) => document.querySelectorAll('.offramp-face img').length === n", arg=len(ids))
    shown = own_page.evaluate("[...document.querySelectorAll('.offramp-face')].map((face) => face.dataset.id)")
    assert sorted(shown) == sorted(str(id) for id in ids)
    tile = open_all(own_page, int(own_page.locator(f'.offramp-face[data-id="{id}"]').get_attribute("data-exit"))).and_(
        own_page.locator(f'[data-id="{id}"]')
    )
    assert bytes(tile.locator("img").evaluate(PICTURE)) == bundle.images[id]
    tile.click()
    settled(own_page, f"image={id}(&|$)")
    for visit in (own_page, report(own_page.context.new_page(), "far", f"#budget=0.5&image={id}")):
        expect(visit.locator(".offramp-trace-name")).to_have_text(f"{name} image {id}")
        assert bytes(visit.locator(IMAGE).evaluate(PICTURE)) == bundle.images[id]
        expect(visit.locator(f'.offramp-face[data-id="{id}"]')).to_have_attribute("aria-pressed", "true")
        expect(visit.locator(".offramp-notice")).to_have_count(0)


def test_a_bundle_without_images_says_so_and_works(page: Page, report: Reports) -> None:
    bundle = open_bundle(str(report.bundles / "family"))
    test = bundle.outputs.test()
    letters = {str(id): bundle.class_names[label][:3] for id, label in zip(test.ids, test.labels, strict=True)}
    report(page, "family")
    expect(page.locator(".offramp-hint")).to_contain_text("Tiles show the first letters of their classes instead.")
    faces = page.locator(FACE)
    assert faces.count() > 20
    for face in faces.all():
        assert face.evaluate(LETTERS) == letters[face.get_attribute("data-id")]
    expect(page.locator(".offramp-face img")).to_have_count(0)
    id = faces.first.get_attribute("data-id")
    faces.first.click()
    expect(page.locator(".offramp-trace-face").get_by_role("img")).to_have_accessible_name(re.compile(letters[id]))
    expect(page.locator(REASON)).to_have_count(3)
    tiles = open_all(page, int(faces.first.get_attribute("data-exit")))
    first = tiles.first
    assert first.evaluate(LETTERS) == letters[first.get_attribute("data-id")]


def test_a_skipped_network_is_marked_as_such(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles, "bolukbasi", "family")
    (path,) = np.flatnonzero((expected.paths == [True, False, True]).all(axis=1))
    skipped = (expected.path == path) & (expected.exit == 2)
    now, at = (int(place[0]) for place in np.nonzero(skipped))
    id = outputs.test().ids[at]
    report(page, "family", f"#budget={expected.budgets[now]:.4f}&image={id}", policy="bolukbasi")
    expect(page.locator(".offramp-taken")).to_have_count(1)
    reasons = page.locator(REASON).all_text_contents()
    assert reasons[1].startswith("skipped: would say ") and reasons[2] == "last exit: leaves here"
    expect(page.locator(CELL).nth(1)).to_have_class("offramp-not-run")
    cost = expected.path_cost[path]
    expect(page.locator(".offramp-verdict")).to_contain_text(f"at {100 * cost:.0f}% of the full network")


def test_a_bundle_whose_cheapest_exit_is_costly_opens_at_it(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles, bundle="costly")
    assert expected.budgets[0] > 0.25
    report(page, "costly")
    assert page.locator(".offramp-cost-planned").text_content() == f"{100 * expected.planned_cost[0]:.1f}% planned"
    assert page.evaluate(SEEN)["cost"] == f"{100 * expected.cost[0]:.1f}%"
    press_keys(page, "ArrowRight")
    at_step(page, expected, 1)
    assert not page.get_by_text("The address asks for").count()


def test_forty_exits_are_shown(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles, bundle="deep")
    report(page, "deep", "#budget=0.5")
    now = step(page, expected)
    assert page.locator(COLUMN).count() == page.locator(".offramp-ramp").count() == outputs.exits == 40
    assert page.locator(SHARE).all_text_contents() == printed_shares(expected.shares[now], 0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # One column is open, and any other can be opened instead.
    opened = page.locator('.offramp-sign[aria-expanded="true"]')
    expect(opened).to_have_count(1)
    used = int(expected.shares[now].argmax())
    page.locator(".offramp-sign").nth(used).click()
    expect(opened.locator(".offramp-sign-name")).to_have_text(f"Exit {used + 1}")
    expect(page.locator(COLUMN).nth(used).locator(".offramp-leave-outcome")).to_be_visible()
    at = int(np.flatnonzero(expected.exit[now] == expected.exit[now].max())[0])
    report(page, "deep", f"#budget={expected.budgets[now]:.4f}&image={outputs.test().ids[at]}")
    expect(page.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(40)
    left = int(expected.exit[now, at])
    expect(page.locator(CELL).nth(left)).to_have_class(re.compile("offramp-taken"))
    assert page.locator(REASON).nth(left).text_content().endswith("leaves here")
    cost = expected.path_cost[expected.path[now, at]]
    expect(page.locator(".offramp-verdict")).to_contain_text(f"at {100 * cost:.0f}% of the full network")


def test_a_thousand_and_one_classes_are_shown(page: Page, report: Reports) -> None:
    outputs, _ = swept(report.bundles, bundle="wide")
    report(page, "wide")
    assert page.locator(f"{SUBSETS} optgroup").first.locator("option").count() == len(set(outputs.test().labels.tolist()))
    face = page.locator(FACE).first
    at = outputs.test().ids.tolist().index(int(face.get_attribute("data-id")))
    face.click()
    expect(page.locator(f"{CELL} strong")).to_have_text([f"class {label}" for label in outputs.test().prediction[:, at]])
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
        press_keys(page, "ArrowRight" if without > left_out else "ArrowLeft", abs(without - left_out))
        at_step(page, expected, without)
        assert note.text_content() == "" and note.is_visible(), "its space is reserved"
    report(page, "imageless")
    assert page.locator(".offramp-budget-note").is_hidden()


def test_the_trace_says_that_a_score_is_exactly_the_threshold(page: Page, report: Reports) -> None:
    outputs, expected = swept(report.bundles, bundle="tied")
    step = next(
        step for step, rule in enumerate(expected.rules) if rule.threshold_spec() is not None and rule.threshold_spec().ties is not None
    )
    ties = expected.rules[step].threshold_spec().ties
    assert ties[0] < 1, "the constant first exit is the one that ties"
    for exit, word in ((0, "leaves here"), (1, "drives on")):
        at = int(np.flatnonzero((expected.exit[step] == 0) == (exit == 0))[0])
        report(page, "tied", f"#budget={expected.budgets[step]:.4f}&image={outputs.test().ids[at]}")
        reason = page.locator(f"{CELL}:not(.offramp-gate) .offramp-reason").first
        expect(reason).to_have_text(f"0.50, exactly the threshold, where {100 * ties[0]:.0f}% leave: {word}")


@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_the_screen(page: Page, report: Reports, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    report(page, "imageless")
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
    page.locator(FACE).first.click()
    expect(page.locator(".offramp-verdict")).to_contain_text("<script>")
    expect(page.locator("h1")).to_contain_text("<script>")
    assert "<script>" in page.title() and page.title() != "lured"


def test_escape_closes_what_is_open_wherever_the_focus_is(page: Page, report: Reports) -> None:
    """As after a reload, after Back, and after a click on nothing: the focus is nowhere then."""
    report(page, "tiny", "#budget=0.5&grid=2&calc=1e6")
    page.locator(TILE).first.click()
    page.locator("[data-what=policy]").click()
    expect(page.locator(PANEL)).to_be_visible()
    for closed in (PANEL, f"{TRACE}:not([data-idle])", ".offramp-calculator", TILE):
        expect(page.locator(closed).first).to_be_visible()
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Escape")
        expect(page.locator(closed)).to_have_count(0) if closed == TILE else expect(page.locator(closed)).to_be_hidden()


def test_the_list_of_subsets_gives_the_focus_back_to_where_its_key_was_pressed(page: Page, report: Reports) -> None:
    report(page, "imageless", "#budget=0.5")
    sign = page.locator(".offramp-sign").first
    for start, back in ((page.locator(SLIDER), "Enter"), (sign, "Escape")):
        start.focus()
        page.keyboard.press("/")
        expect(page.locator(SUBSETS)).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press(back)
        expect(start).to_be_focused()
    page.keyboard.press("j")
    expect(sign).not_to_be_focused()  # keys are keys again
    page.locator(SUBSETS).focus()
    page.keyboard.press("Enter")
    expect(page.locator(SUBSETS)).to_be_focused()


def test_the_calculator_opens_at_its_beginning_in_a_low_window(page: Page, report: Reports) -> None:
    page.set_viewport_size({"width": 1024, "height": 300})
    report(page, "imageless", "#budget=0.5")
    page.get_by_role("button", name="Calculator", exact=True).click()
    calculator = page.locator(".offramp-calculator")
    expect(calculator).to_be_visible()
    assert calculator.evaluate("(node) => node.scrollTop") == 0
