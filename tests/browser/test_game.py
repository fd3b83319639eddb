"""The game "Beat the network" in report files: it is played by keys and by pointer, and a link brings the score back.

What it prints is compared with outputs and a sweep that are computed here.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from app.store import STEPS
from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from engine.sweep import run_sweep
from tests.browser.conftest import Reports
from tests.thorough import variants

BAD = ("1-0-0-zzzz", "1", "9-0-0-0000", "<b>bold</b>", "x" * 300)
#: Names, marks and edges of the chart that share pixels, or that leave the chart.
COLLISIONS = """() => {
  const box = (node) => node.getBoundingClientRect()
  const names = [...document.querySelectorAll('.offramp-game-name')].map(box)
  const dots = [...document.querySelectorAll('.offramp-game-dot')].map(box)
  const chart = box(document.querySelector('.offramp-game-chart'))
  const along = (a, b, low, high) => Math.min(a[high], b[high]) - Math.max(a[low], b[low])
  const meet = (a, b) => along(a, b, 'left', 'right') > 0.5 && along(a, b, 'top', 'bottom') > 0.5
  const outside = (a) => a.left < chart.left || a.right > chart.right || a.top < chart.top || a.bottom > chart.bottom
  return names.filter((a, i) => names.slice(0, i).some((b) => meet(a, b)) || dots.some((dot) => meet(a, dot)) || outside(a)).length
}"""
#: Parts of the dialog that are wider than it is.
WIDE = """() => [...document.querySelectorAll('.offramp-game *')].filter((node) => {
  const { left, right, width } = node.getBoundingClientRect()
  return width > 0 && (left < -0.5 || right > innerWidth + 0.5)
}).map((node) => node.className)"""


def start(page: Page) -> Locator:
    page.get_by_role("button", name="Beat the network").click()
    dialog = page.get_by_role("dialog", name="Beat the network")
    expect(dialog).to_be_visible()
    return dialog


def game_code(page: Page) -> str | None:
    match = re.search(r"game=([0-9a-z-]+)", page.url)
    return match[1] if match else None


def printed(page: Page) -> dict[str, tuple[float, float]]:
    """{who: (correct examples, runs spent)} of the table."""
    rows = page.locator(".offramp-game-table tr").all()[1:]
    cells = [row.locator("th, td").all_text_contents() for row in rows]
    return {name: (float(correct), float(runs)) for name, correct, runs in cells}


def outcomes(page: Page) -> list[list[tuple[int, bool, float]]]:
    """For each card, the lines of the player and of the network: (exit, correct, runs)."""
    cards = page.locator(".offramp-game-done > li").all()
    lines = [[line.locator("span, small").all_text_contents() for line in card.locator(".offramp-game-line").all()] for card in cards]
    return [[(int(exit) - 1, mark == "✓", float(runs)) for _, exit, mark, runs in card] for card in lines]


@pytest.mark.parametrize("bundle", variants(["tiny", "family"], "family"))
def test_what_is_printed_is_recorded(page: Page, report: Reports, bundles: Path, bundle: str) -> None:
    """Ten cards are played with the keyboard; every number of the result is computed again from outputs and sweep."""
    report(page, bundle)
    dialog = start(page)
    cards = dialog.locator(".offramp-game-card")
    expect(cards).to_have_count(10)
    ids = [int(card.get_attribute("data-id") or "") for card in cards.all()]
    fuel = float((dialog.locator(".offramp-game-spent").text_content() or "").split()[2])
    assert fuel == {"tiny": 2.5, "family": 3.5}[bundle]  # even the smallest of the three networks costs more than 20%
    expect(cards.first.get_by_role("radio", name=re.compile("runs")).first).to_be_focused()
    for key in ("2", "ArrowDown", "ArrowRight", "ArrowDown", "2", "ArrowLeft", "ArrowRight", "ArrowDown", "9"):  # there is no exit 9
        page.keyboard.press(key)
    choices = [cards.nth(i).locator("[aria-checked=true]").text_content() for i in range(10)]
    assert choices == ["2", "2", "2"] + ["1"] * 7
    page.get_by_role("button", name="Drive!").press("Enter")
    expect(dialog.locator(".offramp-game-verdict")).to_be_focused()

    outputs = open_bundle(str(bundles / bundle)).outputs
    test = outputs.test()
    sweep = run_sweep(POLICIES["maxprob"], outputs, STEPS)
    step = int(np.abs(sweep.budgets - fuel / 10).argmin())
    columns = [int(np.flatnonzero(test.ids == id)[0]) for id in ids]
    correct = test.correct[:, columns]
    static = sweep.static_cost
    lines = outcomes(page)
    for i, (mine, network) in enumerate(lines):
        exit = int(choices[i] or 0) - 1
        assert mine == (exit, bool(correct[exit, i]), pytest.approx(static[exit], abs=6e-3))
        left = int(sweep.exit[step][columns[i]])
        path = sweep.path_cost[sweep.routes.table("path")[step][columns[i]]]
        assert network == (left, bool(sweep.is_correct[step][columns[i]]), pytest.approx(path, abs=6e-3))
    table = printed(page)
    for who, place in (("You", 0), ("Network", 1)):  # what is printed on the cards adds up
        assert table[who] == (sum(line[place][1] for line in lines), pytest.approx(sum(line[place][2] for line in lines)))
    assert table["Best possible"][0] >= max(table["You"][0], table["Random mix"][0])
    assert table["Best possible"][1] <= fuel == table["Random mix"][1]
    assert page.evaluate(COLLISIONS) == 0
    summary = dialog.locator(".offramp-game-summary").text_content() or ""
    assert summary.startswith(f"You: {table['You'][0]:.0f} of 10 with ")
    assert f"{100 * sweep.accuracy[step]:.1f}% accuracy" in (dialog.locator(".offramp-game-message").text_content() or "")


def test_a_link_brings_the_score_back(page: Page, report: Reports) -> None:
    """Played by pointer: the link shows the same after a reload, Escape removes it, and the focus returns."""
    report(page, "imageless", "#budget=0.5")
    dialog = start(page)
    exits = dialog.locator(".offramp-game-card").nth(4).get_by_role("radio")
    exits.nth(2).click()
    expect(exits.nth(2)).to_have_attribute("aria-checked", "true")
    expect(dialog.locator(".offramp-game-spent")).to_have_text(re.compile(r"^1\.7\d of 2\.50 runs spent"))
    assert game_code(page) is None
    dialog.get_by_role("button", name="Drive!").click()
    expect(dialog.locator(".offramp-game-verdict")).to_be_visible()
    table, shown = printed(page), outcomes(page)
    code = game_code(page)
    assert code and dialog.locator(".offramp-game-link").input_value() == page.url
    page.reload()
    expect(dialog.locator(".offramp-game-summary")).to_contain_text("The player: ")
    again = printed(page)
    assert again.pop("Player") == table.pop("You") and again == table
    assert outcomes(page) == shown and game_code(page) == code
    dialog.get_by_role("button", name="Play these 10").click()
    expect(dialog.locator("[aria-checked=true]", has_text="1")).to_have_count(10)
    assert game_code(page) is None
    ids = [card.get_attribute("data-id") for card in dialog.locator(".offramp-game-card").all()]
    dialog.get_by_role("button", name="Ten others").click()
    assert [card.get_attribute("data-id") for card in dialog.locator(".offramp-game-card").all()] != ids
    dialog.get_by_role("button", name="Drive!").click()
    expect(dialog.locator(".offramp-game-verdict")).to_be_visible()
    assert game_code(page) not in (None, code)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Beat the network")).to_be_focused()
    assert page.url.endswith("#budget=0.5")


def test_fuel_is_never_overspent(page: Page, report: Reports) -> None:
    report(page, "family")
    dialog = start(page)
    expect(dialog.locator(".offramp-game-hint").first).to_contain_text("% confident")  # there are no images to look at
    message = dialog.get_by_role("status")
    fuel = dialog.locator(".offramp-game-spent")
    last = dialog.locator(".offramp-game-card").last.get_by_role("radio")
    refused = 0
    for card in dialog.locator(".offramp-game-card").all():
        before = fuel.text_content()
        card.get_by_role("radio").last.click()
        if message.get_attribute("data-refused") is not None:
            refused += 1
            expect(message).to_contain_text("runs more than the fuel")
            assert fuel.text_content() == before
    assert 0 < refused < 10
    expect(last.last).to_have_attribute("data-beyond", "")
    spent = re.match(r"([\d.]+) of ([\d.]+) runs spent, ([\d.]+) left", fuel.text_content() or "")
    assert spent and float(spent[1]) + float(spent[3]) == pytest.approx(float(spent[2]))


def test_a_code_that_does_not_belong_here_is_said_once_and_removed(page: Page, report: Reports) -> None:
    report(page, "imageless", f"#game={BAD[0]}")
    notice = page.locator(".offramp-notice-address")
    expect(notice).to_contain_text("is mistyped or was played with another bundle or policy")
    assert "game" not in page.url
    expect(page.locator("dialog.offramp-game")).to_be_hidden()
    for code in BAD:
        page.evaluate("(code) => { location.hash = `#game=${code}` }", code)  # pasted into the address of an open page
        page.wait_for_function("!location.hash.includes('game')")
        expect(notice).to_contain_text("is mistyped")
        expect(page.locator("dialog.offramp-game")).to_be_hidden()


def test_a_code_of_another_bundle_or_policy_is_refused(page: Page, report: Reports) -> None:
    report(page, "imageless")
    start(page).get_by_role("button", name="Drive!").click()
    expect(page.locator(".offramp-game-verdict")).to_be_visible()
    code = game_code(page)
    for bundle, policy in (("family", "maxprob"), ("imageless", "random_mix")):
        report(page, bundle, f"#game={code}", policy)
        expect(page.locator(".offramp-notice-address")).to_contain_text("another bundle or policy")
    report(page, "imageless", f"#game={code}")
    expect(page.locator(".offramp-game-verdict")).to_be_visible()


@pytest.mark.parametrize(
    ("bundle", "width", "height"),
    variants([("tiny", 390, 844), ("family", 390, 844), ("deep", 390, 844), ("tiny", 1280, 600)], ("deep", 390, 844), ("tiny", 1280, 600)),
)
def test_the_dialog_fits_the_window(page: Page, report: Reports, bundle: str, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(reduced_motion="reduce", color_scheme="dark")
    report(page, bundle)
    dialog = start(page)
    assert page.evaluate(WIDE) == []
    if bundle == "deep":  # forty exits: a list on each card
        listed = dialog.get_by_role("combobox").first
        listed.select_option("20")
        expect(listed).to_have_value("20")
        listed.select_option("39")
        expect(dialog.get_by_role("combobox").nth(1)).to_have_value("0")
    drive = dialog.get_by_role("button", name="Drive!")
    box = drive.bounding_box()
    assert box and box["y"] + box["height"] <= height
    drive.click()
    expect(dialog.locator(".offramp-game-verdict")).to_be_visible()
    assert page.evaluate(WIDE) == []
    assert page.evaluate(COLLISIONS) == 0
    assert dialog.locator(".offramp-game-lines").first.evaluate("(node) => getComputedStyle(node).animationName") == "none"
