"""The explore page in a real browser: what moves, when, and whether it tells the truth."""

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

#: What a visitor sees of the current budget.
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
    """Wait until the address says where we are."""
    page.wait_for_function("(pattern) => new RegExp(pattern).test(location.search)", arg=pattern)


def press_slider(page: Page, share: float) -> None:
    """Put the pointer down on the handle and move it, without letting go."""
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
    assert "budget=" not in page.evaluate("location.search"), "the server must not hear of a move before the release"
    page.mouse.up()
    settled(page, "budget=")


def test_what_is_shown_at_a_budget_is_what_the_sweep_says(page: Page, site: Site) -> None:
    _, result = swept(site)
    explore(page, site)
    press_slider(page, 0.35)
    page.mouse.up()
    settled(page, "budget=")
    seen = page.evaluate(SEEN)
    step = seen["step"]
    assert seen["cost"] == f"{100 * result.cost[step]:.1f}%"
    shares = page.locator(".offramp-row .offramp-share").all_text_contents()
    assert shares == [f"{100 * share:.1f}%" for share in result.shares[step]]


@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "oracle"])
@pytest.mark.parametrize("show", ["all", "incorrect"])
def test_the_gallery_shows_only_images_that_leave_at_that_exit(page: Page, site: Site, policy: str, show: str) -> None:
    outputs, result = swept(site, policy)
    ids = outputs.test().ids
    explore(page, site, f"bundle=tiny&policy={policy}&show={show}")
    press_slider(page, 0.6)
    page.mouse.up()
    settled(page, "budget=")
    step = page.evaluate(SEEN)["step"]
    away = steps_to_change(result.exit)[step]
    tiles = page.evaluate(TILES)
    assert len(tiles) == outputs.exits
    for exit, shown in enumerate(tiles):
        there = (result.exit[step] == exit) & (~result.is_correct[step] if show == "incorrect" else True)
        in_order = np.flatnonzero(there)[np.argsort(away[there], kind="stable")]
        assert [tile["id"] for tile in shown] == ids[in_order][: len(shown)].tolist()
        assert len(shown) >= min(len(in_order), 5)
        assert all(tile["exit"] == exit for tile in shown)
        positions = {int(id): i for i, id in enumerate(ids)}
        assert all(tile["correct"] == result.is_correct[step, positions[tile["id"]]] for tile in shown)


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
    _, result = swept(site)
    explore(page, site)
    box = page.locator(".offramp-plot .nsewdrag").first.bounding_box()
    width = page.evaluate("document.querySelector('.offramp-plot')._fullLayout.xaxis.range[1]")
    x = box["x"] + box["width"] * 0.3 / width
    page.mouse.move(x, box["y"] + 40)
    page.mouse.down()
    frame(page)
    first = page.evaluate(SEEN)["step"]
    assert abs(result.cost[first] - 0.3) < 0.02
    page.mouse.move(x + 0.4 * box["width"] / width, box["y"] + 60, steps=5)
    frame(page)
    assert abs(result.cost[page.evaluate(SEEN)["step"]] - 0.7) < 0.02
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


def test_the_trace_says_what_every_exit_said(page: Page, site: Site) -> None:
    outputs, result = swept(site)
    test = outputs.test()
    explore(page, site, "bundle=tiny&budget=0.5")
    tile = page.locator(".offramp-strip").nth(1).locator(".offramp-tile").first
    id = int(tile.get_attribute("data-id"))
    tile.click()
    at = int(np.flatnonzero(test.ids == id)[0])
    steps = page.locator(".offramp-steps li")
    printed = [steps.nth(k).locator("strong").text_content() for k in range(outputs.exits)]
    correct = test.prediction[:, at] == test.labels[at]
    assert printed == [f"class {c} {'✓' if ok else '✗'}" for c, ok in zip(test.prediction[:, at], correct, strict=True)]
    why = steps.locator(".offramp-why").all_text_contents()
    assert why[0].startswith("goes on") and why[1].startswith("leaves here") and all(text.startswith("not run") for text in why[2:])
    numbers = [float(n) for n in re.findall(r"\d\.\d+", why[1])]
    step = page.evaluate(SEEN)["step"]
    threshold = 1 / (1 + np.exp(-result.rules[step].thresholds[1]))
    assert numbers[1] == pytest.approx(threshold, abs=0.006)
    # The trace follows the hand too.
    press_slider(page, 1.0)
    expect(steps.last.locator(".offramp-why")).to_contain_text("leaves here")
    page.mouse.up()
    page.keyboard.press("Escape")
    expect(page.locator(".offramp-trace")).to_be_hidden()
    settled(page, "^((?!image).)*$")


#: The bytes of the picture a tile or trace shows.
PICTURE = "async (image) => Array.from(new Uint8Array(await (await fetch(image.src)).arrayBuffer()))"


@pytest.mark.parametrize("id", [-1, 2**60])
def test_any_whole_number_may_be_an_id(page: Page, site: Site, id: int) -> None:
    """Below zero and beyond 2^53: shown with its picture, picked, said in the address, and found again by a link."""
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


def test_a_wrong_address_is_mended_and_said(page: Page, site: Site) -> None:
    explore(page, site, "bundle=tiny&policy=nonsense&budget=7&class=<b>&show=maybe&image=²")
    alerts = " ".join(page.locator('[data-testid="stAlert"]').all_text_contents())
    for part in ("nonsense", "“7”", "<b>", "maybe", "asks for the image “²”, which is not in the test split"):
        assert part in alerts
    assert page.evaluate(SEEN)["step"] == STEPS - 1


def test_damaged_bundles_are_told_about_and_the_others_open(page: Page, site: Site) -> None:
    explore(page, site)
    alerts = page.locator('[data-testid="stAlert"]').all_text_contents()
    for name in ("cut", "flipped", "foreign", "missing"):
        assert sum(name in alert for alert in alerts) == 1, name
    assert not page.locator("text=Traceback").count()


def test_a_bundle_without_pictures_says_so_and_works(page: Page, site: Site) -> None:
    explore(page, site, "bundle=family")
    assert page.locator(".offramp-tile em").count() > 5
    page.locator(".offramp-tile").first.click()
    expect(page.locator(".offramp-picture")).to_contain_text("No picture here")


def test_a_network_that_was_skipped_is_told_as_such(page: Page, site: Site) -> None:
    outputs, result = swept(site, "bolukbasi", "family")
    (path,) = np.flatnonzero((result.paths == [True, False, True]).all(axis=1))
    skipped = (result.path == path) & (result.exit == 2)
    step, at = (int(place[0]) for place in np.nonzero(skipped))
    id = outputs.test().ids[at]
    explore(page, site, f"bundle=family&policy=bolukbasi&budget={result.budgets[step]:.4f}&image={id}")
    why = page.locator(".offramp-steps .offramp-why").all_text_contents()
    assert why[1].startswith("skipped") and why[2].startswith("leaves here")
    cost = result.path_cost[path]
    expect(page.locator(".offramp-verdict")).to_contain_text(f"for {100 * cost:.0f}% of the full network")


def test_a_bundle_whose_cheapest_exit_is_costly_opens_at_it(page: Page, site: Site) -> None:
    outputs, result = swept(site, bundle="costly")
    assert result.budgets[0] > 0.25
    explore(page, site, "bundle=costly")
    assert page.evaluate(SEEN)["step"] == 0
    assert not page.get_by_text("The address asks for").count()


def test_a_policy_that_the_next_bundle_does_not_allow_is_told_why(page: Page, site: Site) -> None:
    explore(page, site, "bundle=costly&policy=eenet")
    reason = POLICIES["eenet"].unavailable_reason(open_bundle(str(site.bundles / "costly")).outputs)
    expect(page.get_by_text(reason)).to_contain_text(f"Showing “{POLICIES['maxprob'].title}” instead.")


def test_forty_exits_are_shown(page: Page, site: Site) -> None:
    outputs, result = swept(site, bundle="deep")
    explore(page, site, "bundle=deep&budget=0.5")
    assert page.locator(".offramp-row .offramp-chip").count() == page.locator(".offramp-strip").count() == outputs.exits == 40
    step = page.evaluate(SEEN)["step"]
    shares = page.locator(".offramp-row .offramp-share").all_text_contents()
    assert shares == [f"{100 * share:.1f}%" for share in result.shares[step]]
    at = int(np.flatnonzero(result.exit[step] == result.exit[step].max())[0])
    page.goto(f"{site.url}/?bundle=deep&budget={result.budgets[step]:.4f}&image={outputs.test().ids[at]}")
    page.wait_for_selector(".offramp-steps li")
    assert page.locator(".offramp-steps li").count() == 40
    left = int(result.exit[step, at])
    assert page.locator(".offramp-steps .offramp-why").nth(left).text_content().startswith("leaves here")
    cost = result.path_cost[result.path[step, at]]
    expect(page.locator(".offramp-verdict")).to_contain_text(f"for {100 * cost:.0f}% of the full network")


def test_a_thousand_and_one_classes_are_shown(page: Page, site: Site) -> None:
    outputs, _ = swept(site, bundle="wide")
    explore(page, site, "bundle=wide")
    assert page.locator(".offramp-class option").count() == 1 + 1001
    page.locator(".offramp-tile").first.click()
    at = outputs.test().ids.tolist().index(int(page.locator(".offramp-tile").first.get_attribute("data-id")))
    answers = page.locator(".offramp-steps strong").all_text_contents()
    assert [answer.rsplit(" ", 1)[0] for answer in answers] == [f"class {answer}" for answer in outputs.test().prediction[:, at]]
    # and no policy is refused for want of logits
    page.goto(f"{site.url}/?bundle=wide&policy=committee")
    page.wait_for_selector(".offramp[data-ready=true]")
    assert not page.get_by_text("The address asks for").count()


def test_bundles_of_the_same_title_are_told_apart(page: Page, site: Site) -> None:
    """Another widget's rerun must not swap one for the other."""
    explore(page, site, "bundle=wide")
    page.get_by_text("Ask for an accuracy").click()
    page.get_by_label("Percent right").wait_for()
    assert page.locator(".offramp-class option").count() == 1 + 1001
    assert "bundle=wide" in page.url


def test_what_is_to_be_said_at_a_budget_is_said_there(page: Page, site: Site) -> None:
    """On scores that tie: which exits were left out of a plan, and what a tied example met."""
    outputs, result = swept(site, bundle="tied")
    left_out = next(step for step, note in enumerate(result.notes) if "exit 1 is left out" in note)
    simple = next((step for step, note in enumerate(result.notes) if not note), None)
    explore(page, site, f"bundle=tied&budget={result.budgets[left_out]:.4f}")
    told = page.locator(".offramp-told")
    expect(told).to_have_text(result.notes[left_out])
    if simple is not None:
        page.evaluate(
            "(step) => { const s = document.querySelector('.offramp-slider'); s.value = step; s.dispatchEvent(new Event('input')) }", simple
        )
        frame(page)
        assert told.text_content() == "" and told.is_visible(), "its place is kept"
    explore(page, site, "bundle=tiny")
    assert page.locator(".offramp-told").is_hidden()


def test_an_example_at_the_threshold_is_told_what_became_of_the_tie(page: Page, site: Site) -> None:
    outputs, result = swept(site, bundle="tied")
    step = next(
        step for step, rule in enumerate(result.rules) if rule.threshold_spec() is not None and rule.threshold_spec().ties is not None
    )
    ties = result.rules[step].threshold_spec().ties
    assert ties[0] < 1, "the constant first exit is the one that ties"
    for exit, word in ((0, "leaves here"), (1, "goes on")):
        at = int(np.flatnonzero((result.exit[step] == 0) == (exit == 0))[0])
        explore(page, site, f"bundle=tied&budget={result.budgets[step]:.4f}&image={outputs.test().ids[at]}")
        why = page.locator(".offramp-steps .offramp-why").first
        expect(why).to_have_text(f"{word}: top probability 0.50, exactly the threshold, where {100 * ties[0]:.0f}% leave")


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
          return box.width && box.right > innerWidth + 1 && !part.closest('.offramp-hidden, .offramp-plot')
        }).map((part) => part.className)"""
    )
    assert outside == []
    context.close()


def test_asking_for_an_accuracy_leads_to_a_budget(page: Page, site: Site) -> None:
    outputs = open_bundle(str(site.bundles / "tiny")).outputs
    tuned = run_sweep(POLICIES["maxprob"], outputs, STEPS).calibration_accuracy
    floor = 100 * float(tuned.min() + tuned.max()) / 2
    explore(page, site)
    page.get_by_text("Ask for an accuracy").click()
    page.get_by_label("Percent right").fill(f"{floor:.1f}")
    page.get_by_label("Percent right").press("Enter")
    result = by_accuracy_floor(POLICIES["maxprob"], outputs, round(floor, 1) / 100)
    expect(page.get_by_text("where it was chosen")).to_contain_text(f"gets {100 * result.calibration.accuracy:.1f}% right on calibration")
    page.get_by_role("button", name="Show it on the front").click()
    settled(page, f"budget={result.planned_cost:.4f}")
    step = (result.planned_cost - 0.125) / 0.875 * (STEPS - 1)
    page.wait_for_function("(step) => Math.abs(Number(document.querySelector('.offramp-slider')?.value) - step) <= 1", arg=step)


def test_plain_controls_show_the_same(page: Page, site: Site) -> None:
    _, result = swept(site)
    page.goto(f"{site.url}/?bundle=tiny&fallback=1&budget=0.5")
    heading = page.locator("h3").first
    expect(heading).to_contain_text("right")
    step = int(np.abs(result.budgets - 0.5).argmin())
    expect(heading).to_contain_text(f"gets {100 * result.accuracy[step]:.1f}% right")
    page.wait_for_selector('[data-testid="stImage"] img')


def test_names_from_a_strangers_file_stay_text(page: Page, site: Site) -> None:
    """The page fixture fails on the request that a picture or script in a name would cause."""
    explore(page, site, "bundle=hostile&show=![x](http://127.0.0.1:9/lure.png)")
    page.locator(".offramp-tile").first.click()
    expect(page.locator(".offramp-verdict")).to_contain_text("<script>")
    page.goto(f"{site.url}/?bundle=hostile&fallback=1")
    expect(page.locator("h3").first).to_contain_text("right")
    page.goto(f"{site.url}/library")
    expect(page.get_by_text("<script>").first).to_be_visible()
    assert page.title() != "lured"


@pytest.mark.parametrize("name", ["methods", "library"])
def test_the_other_pages_open(page: Page, site: Site, name: str) -> None:
    page.goto(f"{site.url}/{name}")
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator('[data-testid="stException"]')).to_have_count(0)
