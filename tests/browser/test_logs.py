"""Logs of models, imported, open on the page and make sense in words: of correct or not, of a quality, of texts, with models left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.shown import Shown
from app.wording import percent
from engine.analysis.routes_table import as_csv, routes_table
from tests.browser.conftest import CELL, FACE, REASON, SHARE, TILE, drawn, open_all, step
from tests.browser.logs import LOGS, write_log
from tests.browser.test_accessibility import violations
from tests.browser.test_take_home import open_panel, saved
from tests.browser.test_texts import faults

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
GAME = "Beat the network"
BUDGET = 0.5


@dataclass(frozen=True)
class Words:
    """What the page must say of a log.

    reference: in the sentence beside the numbers;  signs: of the exits
    name:      a pattern of what an example is called;  result: of what an exit gave for it
    amount:    a pattern of what the reference costs;  dominated: number of models that were left out
    """

    graded: bool
    reference: str
    signs: tuple[str, ...]
    name: str
    result: str
    amount: str
    dominated: int = 0


#: What can be highlighted.
CORRECT = ("none", "incorrect", "overthought", "rescued", "about to change")
GRADED = ("none", "low quality", "about to change")
SURE, QUALITY = r" \d+%( confident)?", r"quality 0\.\d{3}"
CHATS = tuple(f"vendor-{k}/chat-{size}b-instruct" for k, size in enumerate((1, 3, 7, 8, 13, 34, 70)))
WORDS: Mapping[str, Words] = {
    "two-models": Words(
        graded=False,
        reference="best single model (large)",
        signs=("small", "large"),
        name=r"example \d+",
        result=r"(in)?correct",
        amount=r"price \$0\.4\d\d instead of \$0\.900",
    ),
    "nine-models": Words(
        graded=False,
        reference=f"best single model ({CHATS[-1]})",
        signs=CHATS,
        name=r"example mmlu\.\d+",
        result=rf"(in)?correct{SURE}",
        amount=r"cost 0\.0\d+ instead of 0\.0256",
        dominated=2,
    ),
    "graded": Words(
        graded=True,
        reference="full network",
        signs=("Exit 1", "Exit 2"),
        name=r"example scene \d+",
        result=rf"{QUALITY}{SURE}",
        amount=r"time [\d.]+ ms instead of [\d.]+ ms",
    ),
    "twelve-exits": Words(
        graded=False,
        reference="full network",
        signs=tuple(f"Exit {k}" for k in range(1, 13)),
        name=r"Question \d+: what",
        result=rf"(in)?correct{SURE}",
        amount=r"compute [\d.]+ MACs instead of 12\.0 MACs",
    ),
    "missing-cells": Words(
        graded=True,
        reference="best single model (best)",
        signs=("cheap", "middle", "best"),
        name=r"Summarise document \d+ in one",
        result=rf"(failed|{QUALITY}{SURE})",
        amount=r"price [\d.]+ instead of [\d.]+",
        dominated=1,
    ),
}


@dataclass(frozen=True)
class Written:
    """folder: of the reports;  shown: what each of them shows"""

    folder: Path
    shown: Mapping[str, Shown]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("logs")
    return Written(folder, {name: write_log(folder, name) for name in LOGS})


def opened(page: Page, written: Written, name: str, view: str = f"#budget={BUDGET}") -> Page:
    page.goto("about:blank")
    page.goto((written.folder / f"{name}.html").as_uri() + view)
    return drawn(page)


@pytest.mark.parametrize("name", LOGS)
def test_a_log_makes_sense_in_words(page: Page, written: Written, name: str) -> None:
    words, shown = WORDS[name], written.shown[name]
    opened(page, written, name)
    sweep, bundle = shown.sweep, shown.bundle
    now = step(page, sweep)
    measure, result = ("quality", f"{sweep.accuracy[now]:.3f}") if words.graded else ("accuracy", percent(float(sweep.accuracy[now])))
    expect(page.locator(".offramp-sentence")).to_have_text(re.compile(rf"^{result} {measure} at \d+% of the "))
    expect(page.locator(".offramp-facts")).to_have_text(re.compile(rf" · mean {words.amount}$"))
    figures = page.locator(".offramp-figure-text").all_text_contents()
    assert figures[1] == f"test {measure}" and figures[2].endswith(f" of the {words.reference}")
    expect(page.locator(".offramp-accuracy-title")).to_have_text(f"Test {measure}")
    assert page.locator(".offramp-sign").evaluate_all("(signs) => signs.map((sign) => sign.title)") == list(words.signs)
    assert page.locator(".offramp-show button").all_text_contents() == list(GRADED if words.graded else CORRECT)
    expect(page.locator(".offramp-subset-row")).to_be_visible(visible=name == "twelve-exits")  # levels of a factor, and no classes
    assert sum(float(text.strip("<%")) for text in page.locator(SHARE).all_text_contents()) == pytest.approx(100)
    expect(page.locator(".offramp-dominated")).to_have_count(words.dominated)

    face = page.locator(FACE).first
    id, exit = face.get_attribute("data-id") or "", int(face.get_attribute("data-exit") or 0)
    assert re.match(words.name, face.get_attribute("aria-label") or "")
    assert [face.get_attribute(f"data-{what}") is not None for what in ("quality", "correct")] == [words.graded, not words.graded]
    unreadable = {fault: "at first" for fault in faults(page)}
    face.click()
    expect(page.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(len(words.signs))
    results = [" ".join(text.split()[1:]) for text in page.locator(".offramp-predicted").all_inner_texts()]  # without their numbers
    whole = [text for text in results if text]  # narrow columns have a number alone
    assert whole and all(re.fullmatch(rf"{words.result}( [✓✗])?", text) for text in whole), whole
    expect(page.locator(".offramp-trace-name")).to_contain_text(id)
    expect(page.locator(REASON, has_text="leaves here")).not_to_have_count(0)
    if sweep.path_cost.ndim > 1:
        assert all(re.search(r"; (time [\d.]+ ms|price [\d.]+)$", text) for text in page.locator(REASON).all_text_contents())
    outcome = rf" with {QUALITY}" if words.graded else r", (in)?correct"
    reference = words.reference.split(" (")[0]
    expect(page.locator(".offramp-verdict")).to_have_text(
        re.compile(rf"^Leaves at {re.escape(words.signs[exit])}{outcome}, at [\d.]+% of the {reference}’s")
    )
    if bundle.texts is not None and bundle.id_texts is not None:
        expect(page.locator(".offramp-trace-text")).to_have_text(bundle.texts[bundle.id_texts.tolist().index(id)])
    else:
        expect(page.locator(".offramp-trace-text")).to_be_hidden()
    open_all(page, exit)
    expect(page.locator(TILE).first).to_be_visible()
    text = page.locator("main").inner_text()
    assert not re.search(r"\b(images?|class(es)?|undefined|NaN|null)\b", text.replace("neither images nor texts", "")), text
    models = reference.startswith("best")
    assert reference in text and not (models and re.search(r"full network|\bexits?\b", text.replace("Static exit", ""))), text
    assert not (words.graded and re.search(r"accuracy|correct", text)), text
    broken = [] if name in ("two-models", "graded") else violations(page)  # theirs are parts of the others
    unreadable |= {fault: "picked and listed" for fault in faults(page)}
    page.set_viewport_size(PHONE)
    unreadable |= {fault: "on a phone" for fault in faults(page)}
    assert not broken, "\n\n".join(broken)
    assert unreadable == {}


def test_what_is_beside_the_road_has_the_words_too(page: Page, written: Written, tmp_path: Path) -> None:
    opened(page, written, "missing-cells", f"#budget={BUDGET}&calc=1e6")
    expect(page.locator(".offramp-calculator-what")).to_have_text(
        re.compile(r"^0\.\d{3} quality instead of 0\.\d{3}, at [\d.]+% of the best single")
    )
    expect(page.get_by_role("button", name=GAME)).to_be_disabled()
    assert "quality" in (page.get_by_role("button", name=GAME).get_attribute("title") or "")
    for name in ("missing-cells", "nine-models"):
        if name == "nine-models":
            opened(page, written, name)
        shown = written.shown[name]
        open_panel(page)
        expect(page.locator("dialog[open]")).to_contain_text(f"Model, margin, {'result' if name == 'nine-models' else 'quality'}, cost")
        table = saved(page, "Routes: CSV", tmp_path)
        assert table.read_bytes() == as_csv(routes_table(shown.sweep, shown.bundle, step(page, shown.sweep))), name
    page.keyboard.press("Escape")
    page.locator("[data-what=policy]").click()
    card = page.locator(".offramp-card-of-policy")
    expect(card).to_contain_text("as soon as their confidence is high enough")
    expect(card).not_to_contain_text(re.compile(r"\bclass\b|exit"))


def test_the_price_of_a_log_is_what_a_full_inference_costs(page: Page, written: Written) -> None:
    opened(page, written, "two-models", "#present=1")
    expect(page.locator(".offramp-point").last).to_have_attribute("title", re.compile("best single model|highest accuracy"))
    expect(page.locator(".offramp-figure-text").last).to_contain_text("of the best single model (large)")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Calculator").click()
    expect(page.get_by_label("Price (a run of the best model)")).to_have_value("0.9")
    expect(page.locator(".offramp-savings tbody tr")).to_have_count(1)  # neither an energy nor a time is known


def test_the_game_is_played_with_texts(page: Page, written: Written) -> None:
    opened(page, written, "twelve-exits")
    page.get_by_role("button", name=GAME).click()
    expect(page.locator(".offramp-game-text").first).to_contain_text("Question")
    page.get_by_role("button", name="Drive!").click()
    expect(page.locator(".offramp-game-summary")).to_contain_text("of 10 with")
