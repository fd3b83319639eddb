"""What the words of a picked text do for a prediction is asked for on request, and shown in colours."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import FACE, Reports, Site, explore, press_keys
from tests.browser.test_accessibility import violations

TEXT, BAR = ".offramp-trace-text", ".offramp-words-bar"
#: For the words of "Sentence <b>...</b> says good or bad things" at each of three exits.
EFFECTS = [[0, 8, 0, 0, 0], [9, 18, 0, 0, 0], [19, 23, 0.001, 0, 0], [24, 28, 0.5, -0.25, 0.125], [29, 31, -0.5, 0.5, 0.25]]


def answer(route: Route) -> None:
    route.fulfill(body=json.dumps(EFFECTS), content_type="application/json")


def picked(page: Page, site: Site) -> str:
    explore(page, site, "bundle=written&budget=0.5")
    page.locator(FACE).first.click()
    expect(page.locator(f"{BAR} button")).to_be_visible()
    text = page.locator(TEXT).inner_text()
    assert text.startswith("Sentence <b>"), "its own characters are no elements"
    return text


def test_words_are_coloured_on_request_for_the_exit_where_the_text_leaves(own_visitor: Page, site: Site) -> None:
    own_visitor.route("**/words?row=*", answer)
    text = picked(own_visitor, site)
    own_visitor.locator(f"{BAR} button").click()
    words = own_visitor.locator(f"{TEXT} mark")
    expect(words).to_have_count(len(EFFECTS))
    assert own_visitor.locator(TEXT).inner_text() == text
    for key, exit in (("Home", 0), ("End", 2)):
        press_keys(own_visitor, key)
        expect(own_visitor.locator(BAR)).to_contain_text(f"Exit {exit + 1}: for and against “class ")
        points = [100 * effect[2 + exit] for effect in EFFECTS]
        for number, effect in enumerate(points):
            sign = "+" if effect >= 0 else "−"
            title = words.nth(number).get_attribute("title") or ""
            assert title.startswith(f"{sign}{abs(effect):.1f} points for “class ")
    press_keys(own_visitor, "Home")  # where words of full strength speak for and against it
    assert not violations(own_visitor, ".offramp-trace")
    expect(own_visitor.locator(f"{BAR} button")).to_be_hidden()
    own_visitor.locator(FACE).nth(1).click()
    expect(words).to_have_count(0)
    expect(own_visitor.locator(f"{BAR} button")).to_be_visible()


def test_without_the_network_a_sentence_says_what_is_missing_and_nothing_is_asked(visitor: Page, site: Site) -> None:
    weights = site.bundles.parent / "weights" / "phrases.safetensors"
    elsewhere = weights.rename(weights.with_suffix(".elsewhere"))
    try:
        explore(visitor, site, "bundle=written&budget=0.5")
        visitor.locator(FACE).first.click()
        expect(visitor.locator(BAR)).to_contain_text("The weights of phrases are not on this computer, so words cannot be coloured")
        expect(visitor.locator(f"{BAR} button")).to_be_hidden()
    finally:
        elsewhere.rename(weights)


def test_a_network_that_fails_is_a_sentence(visitor: Page, site: Site) -> None:
    visitor.route("**/words?row=*", lambda route: route.fulfill(status=404, body="The text has 300 words, too many."))
    picked(visitor, site)
    visitor.locator(f"{BAR} button").click()
    expect(visitor.locator(BAR)).to_contain_text("too many")
    expect(visitor.locator(f"{BAR} button")).to_be_enabled()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_a_long_text_is_there_to_be_read_whole(visitor: Page, site: Site, width: int, height: int) -> None:
    long = " ".join(["A long report"] * 140)

    def lengthen(route: Route) -> None:
        answered = route.fetch()
        route.fulfill(response=answered, json={**answered.json(), "text": long})

    visitor.route("**/predictions?row=*", lengthen)
    visitor.set_viewport_size({"width": width, "height": height})
    explore(visitor, site, "bundle=written&budget=0.5")
    visitor.locator(FACE).first.click()
    text = visitor.locator(TEXT)
    expect(text).to_have_text(long)
    assert text.evaluate("(node) => node.scrollHeight - node.clientHeight") <= 1


def test_a_report_has_no_network_to_ask(page: Page, report: Reports) -> None:
    report(page, "written", "#budget=0.5")
    page.locator(FACE).first.click()
    expect(page.locator(TEXT)).to_contain_text("Sentence <b>")
    expect(page.locator(BAR)).to_have_count(0)
