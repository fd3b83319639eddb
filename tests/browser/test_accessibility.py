"""The explore block breaks no rule of axe-core, whatever is open in it: colours have enough contrast, headings are in order, controls have
names.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import CELL, COLUMN, FACE, PANEL, Reports, open_all, still, watched
from tests.browser.reports import EXITS, LEAST_BUDGET
from tests.node_packages import node_modules
from tests.thorough import THOROUGH, variants

#: What breaks a rule, of whatever severity. rules: all if left out;  within: where to look;  alike: what need not be looked at
VIOLATIONS = """async ({ rules, within, alike }) => {
  await Promise.all(document.getAnimations().filter((each) => each instanceof CSSTransition).map((each) => each.finished.catch(() => {})))
  const where = { include: within, exclude: alike }
  const { violations } = await axe.run(where, { resultTypes: ["violations"], ...(rules ? { runOnly: rules } : {}) })
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${impact}: ${id}: ${target.join(" ")}: ${failureSummary}`))
}"""
#: All but the first of many that are alike: rows of tables, and examples.
ALIKE = ("table tbody tr:nth-child(n+6)", ".offramp-face:nth-child(n+13)", ".offramp-tile:nth-child(n+13)")
#: Whether the page has the colours of a scheme: Streamlit changes them after the browser has.
HAS_SCHEME = """(scheme) => {
  const background = getComputedStyle(document.querySelector(".stApp") ?? document.body).backgroundColor
  const light = background.match(/\\d+/g).slice(0, 3).every((part) => part > 127)
  return light === (scheme === "light")
}"""
#: Bundles and budgets. `family` has letters in place of images.
VIEWS = (("tiny", 0.5), ("tiny", LEAST_BUDGET), ("family", 0.5))
FITS = "(node) => node.getBoundingClientRect().right <= innerWidth && node.scrollWidth <= node.clientWidth"
DIALOG = "dialog[open]"


def violations(page: Page, within: str = "html") -> list[str]:
    """What breaks a rule of axe-core in the light or in the dark. within: a selector, for a part that was opened over the rest"""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=node_modules() / "axe-core" / "axe.min.js")
    broken = []
    for scheme, rules in (("light", None), ("dark", ["color-contrast", "link-in-text-block"])):  # else the two are the same
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(HAS_SCHEME, arg=scheme)
        where = {"within": within, "alike": ALIKE}
        broken += [f"{scheme}: {each}" for each in page.evaluate(VIOLATIONS, {"rules": rules, **where})]
    return broken


@pytest.fixture(params=variants([(1440, 900), (390, 844)], (390, 844)))  # the server's pages are tested at a desk
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    context = still(browser, width, height)
    with watched(context, "file:") as page:
        yield page


def test_the_explore_block_is_accessible(page: Page, report: Reports) -> None:
    broken = []
    for bundle, budget in variants(VIEWS, *VIEWS[1:]):
        report(page, bundle, f"#budget={budget}")
        page.locator("footer").click(trial=True)  # nothing covers the end of the page
        if THOROUGH or bundle == "tiny":
            broken += violations(page)  # with the thresholds in place of a trace
        page.locator(FACE).first.click()
        expect(page.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(EXITS if bundle == "tiny" else 3)
        open_all(page, 0)
        expect(page.locator(f"{COLUMN}.offramp-empty")).to_have_count(EXITS - 1 if budget == LEAST_BUDGET else 0)
        page.locator("footer").click(trial=True)
        broken += violations(page)
    report(page, "deep", "#show=incorrect")
    page.locator(FACE).first.click()
    expect(page.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(40)
    broken += violations(page)
    assert not broken, "\n\n".join(broken)


def test_what_is_opened_is_accessible(page: Page, report: Reports) -> None:
    report(page, "timed", "#calc=1e6")
    calculator = page.locator(".offramp-calculator")
    calculator.get_by_label("Price").fill("none")
    page.locator("[data-what=policy]").click()
    expect(page.locator(PANEL).locator("article h2")).to_be_visible()
    for name in ("Table: Front", "Table: Exits at this budget"):
        page.get_by_role("button", name=name).click()
    page.locator(".offramp").evaluate("(block) => block.toggleAttribute('data-busy', true)")  # as while a policy is fitted
    broken = violations(page)
    assert calculator.evaluate(FITS) and page.locator(PANEL).evaluate(FITS)

    for name in ("Table: Front", "Table: Exits at this budget"):  # long ones, which axe-core would go through each time
        page.get_by_role("button", name=name).click()
    opener = page.get_by_role("button", name="Take home")
    for key in ("Enter", "?"):
        opener.focus()
        page.keyboard.press(key)
        expect(page.locator(DIALOG)).to_be_visible()
        broken += violations(page, DIALOG)
        assert page.locator(DIALOG).evaluate(FITS)
        page.keyboard.press("Escape")
        expect(opener).to_be_focused()

    for bundle in variants(("tiny", "family"), "family"):
        report(page, bundle)
        page.get_by_role("button", name="Beat the network").click()
        broken += violations(page, DIALOG)
        page.locator(DIALOG).get_by_role("radio").last.click()
        page.locator(DIALOG).get_by_role("button", name="Drive!").click()
        expect(page.locator(".offramp-game-verdict")).to_be_visible()
        broken += violations(page, DIALOG)

    report(page, "timed", "#present=1&budget=0.5")
    page.keyboard.press("ArrowRight")
    broken += violations(page)
    assert not broken, "\n\n".join(broken)
