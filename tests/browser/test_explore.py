"""The explore view in a real browser: what moves, when, and whether the numbers are correct."""

import re

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.store import STEPS
from engine.analysis.steps_to_exit_change import steps_to_change
from engine.bundle.library import open_bundle
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.sweep import Sweep, run_sweep
from engine.targets import by_accuracy_floor
from tests.browser.conftest import Site, explore, frame

#: What the page shows of the current budget.
SEEN = """() => ({
  sentence: document.querySelector('.offramp-sentence').textContent,
  cost: document.querySelector('.offramp-cost').textContent,
  dot: document.querySelector('.offramp-dot').style.transform,
  bars: [...document.querySelectorAll('.offramp-correct')].map((bar) => bar.getBoundingClientRect().width),
  step: Number(document.querySelector('.offramp-slider').value),
})"""
TILES = """() => [...document.querySelectorAll('.offramp-strip')].map((strip) =>
  [...strip.querySelectorAll('.offramp-tile')].map((tile) => ({id: Number(tile.dataset.id), exit: Number(tile.dataset.exit),
    correct: tile.dataset.correct === 'true'})))"""


def swept(site: Site, policy: str = "maxprob", bundle: str = "tiny") -> tuple[Outputs, Sweep]:
    outputs = open_bundle(str(site.bundles / bundle)).outputs
    return outputs, run_sweep(POLICIES[policy], outputs, STEPS)


def settled(page: Page, pattern: str) -> None:
    """Wait until the address matches a pattern."""
    page.wait_for_function("(pattern) => new RegExp(pattern).test(location.search)", arg=pattern)


def press_slider(page: Page, share: float) -> None:
    """Press the handle and move it to a share of the track, without releasing it."""
    box = page.locator(".offramp-slider").bounding_box()
    at = page.evaluate(SEEN)["step"] / (STEPS - 1)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 12 + at * (box["width"] - 24), y)
    page.mouse.down()
    page.mouse.move(box["x"] + 12 + share * (box["width"] - 24), y, steps=12)
    frame(page)


def test_everything_moves_while_the_handle_is_held(page: Page, site: Site) -> None:
    explore(page, site)
    before = page.evaluate(SEEN)
    sent: list[str] = []
    page.on("websocket", lambda socket: sent.append(socket.url))
    press_slider(page, 0.7)
    held = page.evaluate(SEEN)
    assert held["step"] > before["step"] + 20
    assert held["sentence"] != before["sentence"] and held["cost"] != before["cost"]
    assert held["dot"] != before["dot"]
    assert held["bars"] != before["bars"]
    assert "budget=" not in page.evaluate("location.search"), "the server must not be told of a move before the release"
    page.mouse.up()
    settled(page, "budget=")


def test_the_numbers_at_a_budget_are_those_of_the_sweep(page: Page, site: Site) -> None:
    _, expected = swept(site)
    explore(page, site)
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
def test_the_gallery_shows_only_images_that_leave_at_that_exit(page: Page, site: Site, policy: str, show: str) -> None:
    outputs, expected = swept(site, policy)
    ids = outputs.test().ids
    explore(page, site, f"bundle=tiny&policy={policy}&show={show}")
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


def test_keys_move_the_budget(page: Page, site: Site) -> None:
    explore(page, site)
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


def test_a_press_on_the_front_sets_the_budget_and_dragging_there_moves_it(page: Page, site: Site) -> None:
    _, expected = swept(site)
    explore(page, site)
    box = page.locator(".offramp-plot .nsewdrag").first.bounding_box()
    width = page.evaluate("document.querySelector('.offramp-plot')._fullLayout.xaxis.range[1]")
    x = box["x"] + box["width"] * 0.3 / width
    page.mouse.move(x, box["y"] + 40)
    page.mouse.down()
    frame(page)
    first = page.evaluate(SEEN)["step"]
    assert abs(expected.cost[first] - 0.3) < 0.02
    page.mouse.move(x + 0.4 * box["width"] / width, box["y"] + 60, steps=5)
    frame(page)
    assert abs(expected.cost[page.evaluate(SEEN)["step"]] - 0.7) < 0.02
    page.mouse.up()
    settled(page, "budget=0.[67]")


def test_a_reload_keeps_the_view(page: Page, site: Site) -> None:
    explore(page, site, "bundle=tiny&policy=entropy&unit=latency_ms&budget=0.7")
    page.locator(".offramp-show button", has_text="Incorrect").click()
    page.locator(".offramp-class").select_option("2")
    page.locator(".offramp-tile").first.click()
    settled(page, "image=")
    expect(page.locator(".offramp-trace")).to_be_visible()
    seen, trace = page.evaluate(SEEN), page.locator(".offramp-trace h3").text_content()
    page.reload()
    page.wait_for_selector(".offramp[data-ready=true]")
    expect(page.locator(".offramp-trace h3")).to_have_text(trace)
    frame(page)
    again = page.evaluate(SEEN)
    assert again["step"] == seen["step"] and again["sentence"] == seen["sentence"]
    assert page.locator(".offramp-class").input_value() == "2"
    expect(page.locator('.offramp-show [aria-pressed="true"]')).to_have_text("Incorrect")
    assert "policy=entropy" in page.evaluate("location.search") and "unit=latency_ms" in page.evaluate("location.search")
    assert "time" in seen["sentence"]


def test_the_trace_shows_the_prediction_of_every_exit(page: Page, site: Site) -> None:
    outputs, expected = swept(site)
    test = outputs.test()
    explore(page, site, "bundle=tiny&budget=0.5")
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


#: The bytes of the image that a tile or the trace shows.
PICTURE = "async (image) => Array.from(new Uint8Array(await (await fetch(image.src)).arrayBuffer()))"


@pytest.mark.parametrize("id", [-1, 2**60])
def test_any_integer_may_be_an_id(page: Page, site: Site, id: int) -> None:
    """Below zero and beyond 2^53: shown with its picture, picked, part of the address, and picked again by a link."""
    bundle = open_bundle(str(site.bundles / "far"))
    test = bundle.outputs.test()
    ids = test.ids.tolist()
    name = bundle.class_names[test.labels[ids.index(id)]]
    explore(page, site, "bundle=far&budget=0.5")
    page.wait_for_function("(n) => document.querySelectorAll('.offramp-tile img').length === n", arg=len(ids))
    shown = page.evaluate("[...document.querySelectorAll('.offramp-tile')].map((tile) => tile.dataset.id)")
    assert sorted(shown) == sorted(str(id) for id in ids)
    tile = page.locator(f'.offramp-tile[data-id="{id}"]')
    assert bytes(tile.locator("img").evaluate(PICTURE)) == bundle.images[id]
    tile.click()
    settled(page, f"image={id}(&|$)")
    for visit in (page, explore(page.context.new_page(), site, f"bundle=far&budget=0.5&image={id}")):
        expect(visit.locator(".offramp-trace h3")).to_have_text(f"{name} image {id}")
        assert bytes(visit.locator(".offramp-picture img").evaluate(PICTURE)) == bundle.images[id]
        expect(visit.locator(f'.offramp-tile[data-id="{id}"]')).to_have_attribute("aria-pressed", "true")
        expect(visit.locator('[data-testid="stAlert"]', has_text="asks for the image")).to_have_count(0)


def test_invalid_parameters_are_replaced_with_a_warning(page: Page, site: Site) -> None:
    explore(page, site, "bundle=tiny&policy=nonsense&budget=7&class=<b>&show=maybe&image=²")
    alerts = " ".join(page.locator('[data-testid="stAlert"]').all_text_contents())
    for part in ("nonsense", "“7”", "<b>", "maybe", "asks for the image “²”, which is not in the test split"):
        assert part in alerts
    assert page.evaluate(SEEN)["step"] == STEPS - 1


def test_damaged_bundles_have_a_warning_and_the_others_open(page: Page, site: Site) -> None:
    explore(page, site)
    alerts = page.locator('[data-testid="stAlert"]').all_text_contents()
    for name in ("cut", "flipped", "foreign", "missing"):
        assert sum(name in alert for alert in alerts) == 1, name
    assert not page.locator("text=Traceback").count()


def test_a_bundle_without_images_says_so_and_works(page: Page, site: Site) -> None:
    explore(page, site, "bundle=family")
    assert page.locator(".offramp-tile em").count() > 5
    page.locator(".offramp-tile").first.click()
    expect(page.locator(".offramp-picture")).to_contain_text("No image")


def test_a_skipped_network_is_marked_as_such(page: Page, site: Site) -> None:
    outputs, expected = swept(site, "bolukbasi", "family")
    (path,) = np.flatnonzero((expected.paths == [True, False, True]).all(axis=1))
    skipped = (expected.path == path) & (expected.exit == 2)
    step, at = (int(place[0]) for place in np.nonzero(skipped))
    id = outputs.test().ids[at]
    explore(page, site, f"bundle=family&policy=bolukbasi&budget={expected.budgets[step]:.4f}&image={id}")
    reasons = page.locator(".offramp-steps .offramp-reason").all_text_contents()
    assert reasons[1].startswith("skipped") and reasons[2].startswith("leaves here")
    cost = expected.path_cost[path]
    expect(page.locator(".offramp-verdict")).to_contain_text(f"at {100 * cost:.0f}% of the full network")


def test_a_bundle_whose_cheapest_exit_is_costly_opens_at_it(page: Page, site: Site) -> None:
    outputs, expected = swept(site, bundle="costly")
    assert expected.budgets[0] > 0.25
    explore(page, site, "bundle=costly")
    assert page.evaluate(SEEN)["step"] == 0
    assert not page.get_by_text("The address asks for").count()


def test_a_policy_that_the_bundle_does_not_allow_is_replaced_with_a_reason(page: Page, site: Site) -> None:
    explore(page, site, "bundle=costly&policy=eenet")
    reason = POLICIES["eenet"].unavailable_reason(open_bundle(str(site.bundles / "costly")).outputs)
    expect(page.get_by_text(reason)).to_contain_text(f"Showing “{POLICIES['maxprob'].title}” instead.")


def test_forty_exits_are_shown(page: Page, site: Site) -> None:
    outputs, expected = swept(site, bundle="deep")
    explore(page, site, "bundle=deep&budget=0.5")
    assert page.locator(".offramp-row .offramp-chip").count() == page.locator(".offramp-strip").count() == outputs.exits == 40
    step = page.evaluate(SEEN)["step"]
    shares = page.locator(".offramp-row .offramp-share").all_text_contents()
    assert shares == [f"{100 * share:.1f}%" for share in expected.shares[step]]
    at = int(np.flatnonzero(expected.exit[step] == expected.exit[step].max())[0])
    page.goto(f"{site.url}/?bundle=deep&budget={expected.budgets[step]:.4f}&image={outputs.test().ids[at]}")
    page.wait_for_selector(".offramp-steps li")
    assert page.locator(".offramp-steps li").count() == 40
    left = int(expected.exit[step, at])
    assert page.locator(".offramp-steps .offramp-reason").nth(left).text_content().startswith("leaves here")
    cost = expected.path_cost[expected.path[step, at]]
    expect(page.locator(".offramp-verdict")).to_contain_text(f"at {100 * cost:.0f}% of the full network")


def test_a_thousand_and_one_classes_are_shown(page: Page, site: Site) -> None:
    outputs, _ = swept(site, bundle="wide")
    explore(page, site, "bundle=wide")
    assert page.locator(".offramp-class option").count() == 1 + 1001
    page.locator(".offramp-tile").first.click()
    at = outputs.test().ids.tolist().index(int(page.locator(".offramp-tile").first.get_attribute("data-id")))
    expect(page.locator(".offramp-steps li")).to_have_count(3)
    predictions = page.locator(".offramp-steps strong").all_text_contents()
    assert [text.rsplit(" ", 1)[0] for text in predictions] == [f"class {label}" for label in outputs.test().prediction[:, at]]
    # and policies that need logits run
    page.goto(f"{site.url}/?bundle=wide&policy=committee")
    page.wait_for_selector(".offramp[data-ready=true]")
    assert not page.get_by_text("The address asks for").count()


def test_bundles_of_the_same_title_are_distinct(page: Page, site: Site) -> None:
    """A rerun by another widget must not replace one by the other."""
    explore(page, site, "bundle=wide")
    page.get_by_text("Set a target").click()
    page.get_by_label("Accuracy (%)").wait_for()
    assert page.locator(".offramp-class option").count() == 1 + 1001
    assert "bundle=wide" in page.url


def test_the_note_of_a_budget_is_shown_there(page: Page, site: Site) -> None:
    """On scores that tie: which exits were left out of a plan, and what a tied example met."""
    outputs, expected = swept(site, bundle="tied")
    left_out = next(step for step, note in enumerate(expected.notes) if "exit 1 is left out" in note)
    without = next((step for step, note in enumerate(expected.notes) if not note), None)
    explore(page, site, f"bundle=tied&budget={expected.budgets[left_out]:.4f}")
    note = page.locator(".offramp-budget-note")
    expect(note).to_have_text(expected.notes[left_out])
    if without is not None:
        page.evaluate(
            "(step) => { const s = document.querySelector('.offramp-slider'); s.value = step; s.dispatchEvent(new Event('input')) }",
            without,
        )
        frame(page)
        assert note.text_content() == "" and note.is_visible(), "its space is reserved"
    explore(page, site, "bundle=tiny")
    assert page.locator(".offramp-budget-note").is_hidden()


def test_the_trace_says_that_a_score_is_exactly_the_threshold(page: Page, site: Site) -> None:
    outputs, expected = swept(site, bundle="tied")
    step = next(
        step for step, rule in enumerate(expected.rules) if rule.threshold_spec() is not None and rule.threshold_spec().ties is not None
    )
    ties = expected.rules[step].threshold_spec().ties
    assert ties[0] < 1, "the constant first exit is the one that ties"
    for exit, word in ((0, "leaves here"), (1, "continues")):
        at = int(np.flatnonzero((expected.exit[step] == 0) == (exit == 0))[0])
        explore(page, site, f"bundle=tied&budget={expected.budgets[step]:.4f}&image={outputs.test().ids[at]}")
        reason = page.locator(".offramp-steps .offramp-reason").first
        expect(reason).to_have_text(f"{word}: top probability 0.50, exactly the threshold, where {100 * ties[0]:.0f}% of the images leave")


def test_changing_the_policy_keeps_the_budget(page: Page, site: Site) -> None:
    explore(page, site, "bundle=tiny&budget=0.7")
    before = page.locator(".offramp-slider").input_value()
    page.locator('[data-testid="stSelectbox"]').nth(1).click()
    page.get_by_role("option", name=POLICIES["single_threshold"].title, exact=True).click()
    settled(page, "policy=single_threshold")
    page.wait_for_function("document.querySelector('.offramp-plot').getAttribute('aria-label').includes('One threshold')")
    assert page.locator(".offramp-slider").input_value() == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_the_screen(browser: Browser, site: Site, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = explore(context.new_page(), site)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = page.evaluate(
        """() => [...document.querySelectorAll('.offramp *')].filter((part) => {
          const box = part.getBoundingClientRect()
          return box.width && box.right > innerWidth + 1 && !part.closest('.offramp-announcement, .offramp-plot')
        }).map((part) => part.className)"""
    )
    assert outside == []
    context.close()


def test_a_minimum_accuracy_leads_to_a_budget(page: Page, site: Site) -> None:
    outputs = open_bundle(str(site.bundles / "tiny")).outputs
    tuned = run_sweep(POLICIES["maxprob"], outputs, STEPS).calibration_accuracy
    floor = 100 * float(tuned.min() + tuned.max()) / 2
    explore(page, site)
    page.get_by_text("Set a target").click()
    page.get_by_label("Accuracy (%)").fill(f"{floor:.1f}")
    page.get_by_label("Accuracy (%)").press("Enter")
    target = by_accuracy_floor(POLICIES["maxprob"], outputs, round(floor, 1) / 100)
    tuned = f"{100 * target.calibration.accuracy:.1f}% accuracy at {100 * target.calibration.cost:.1f}% of the compute on calibration"
    expect(page.get_by_text("where it was tuned")).to_contain_text(tuned)
    page.get_by_role("button", name="Show on the front").click()
    settled(page, f"budget={target.planned_cost:.4f}")
    step = (target.planned_cost - 0.125) / 0.875 * (STEPS - 1)
    page.wait_for_function("(step) => Math.abs(Number(document.querySelector('.offramp-slider')?.value) - step) <= 1", arg=step)


def test_basic_controls_show_the_same(page: Page, site: Site) -> None:
    _, expected = swept(site)
    page.goto(f"{site.url}/?bundle=tiny&fallback=1&budget=0.5")
    heading = page.locator("h3").first
    step = int(np.abs(expected.budgets - 0.5).argmin())
    expect(heading).to_contain_text(f"{100 * expected.accuracy[step]:.1f}% accuracy")
    page.wait_for_selector('[data-testid="stImage"] img')


def test_names_in_other_peoples_files_stay_text(page: Page, site: Site) -> None:
    """The page fixture fails on the request that an image or script in a name would make."""
    explore(page, site, "bundle=hostile&show=![x](http://127.0.0.1:9/lure.png)")
    page.locator(".offramp-tile").first.click()
    expect(page.locator(".offramp-verdict")).to_contain_text("<script>")
    page.goto(f"{site.url}/?bundle=hostile&fallback=1")
    expect(page.locator("h3").first).to_contain_text("accuracy")
    page.goto(f"{site.url}/library")
    expect(page.get_by_text("<script>").first).to_be_visible()
    assert page.title() != "lured"


@pytest.mark.parametrize("name", ["methods", "library"])
def test_the_other_views_open(page: Page, site: Site, name: str) -> None:
    page.goto(f"{site.url}/{name}")
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator('[data-testid="stException"]')).to_have_count(0)
