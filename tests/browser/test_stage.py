"""For a talk: large type with operating points, a calculator that follows the handle, and keys."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import FACE, REASON, SUBSETS, TRACE, Reports, drawn, frame, settled, still, watched
from tests.browser.test_two_blocks import two_blocks
from tests.thorough import variants

#: Texts that can be seen, with the height of their letters' box on the screen in px: what is drawn in SVG is scaled with its drawing.
TEXTS = """() => {
  const walker = document.createTreeWalker(document.querySelector('.offramp'), NodeFilter.SHOW_TEXT)
  const texts = []
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement
    const box = node.getBoundingClientRect()
    if (!walker.currentNode.data.trim() || !box.width || box.width <= 1) continue
    if (!node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue
    const svg = node.closest('svg')
    const scale = svg ? svg.getScreenCTM().a : 1
    const tile = node.closest('.offramp-face')
    if (tile?.hasAttribute('data-over')) continue
    texts.push([walker.currentNode.data, Math.round(100 * scale * parseFloat(getComputedStyle(node).fontSize)) / 100])
  }
  return texts
}"""
#: Texts that do not fit in their boxes, and what is not within the window.
CUT = """() => {
  const names = ['sentence', 'figure-text', 'point', 'point-definition', 'column:not(.offramp-narrow) .offramp-leave', 'handle-text']
  const texts = names.map((name) => `.offramp-${name}`)
  const cut = [...document.querySelectorAll(texts)].filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
  const parts = ['headline', 'points', 'stage', 'sentence', 'figure-text', 'point', 'cast'].map((name) => `.offramp-${name}`)
  const outside = [...document.querySelectorAll(parts)].filter((node) => {
    const { left, right, top, bottom, width } = node.getBoundingClientRect()
    return width > 0 && (left < 0 || top < 0 || right > innerWidth + 0.5 || bottom > innerHeight + 0.5)
  })
  return [...cut, ...outside].map((node) => `${node.className} ${node.textContent.slice(0, 40)}`)
}"""


def sentence(page: Page) -> str:
    frame(page)
    return page.locator(".offramp-sentence").inner_text()


@pytest.mark.parametrize(("width", "height"), variants([(1920, 1080), (1280, 720)], (1280, 720)))
def test_presenting_is_large_and_complete(browser: Browser, report: Reports, width: int, height: int) -> None:
    context = still(browser, width, height)
    with watched(context, "file:") as page:
        for bundle in variants(("tiny", "family", "deep", "timed"), "family", "deep"):
            report(page, bundle, "#present=1&budget=0.5")
            expect(page.locator(".offramp[data-present]")).to_be_focused()
            frame(page)
            for _ in range(4):
                texts = page.evaluate(TEXTS)
                assert len(texts) > 20
                smallest = min(size for _, size in texts)
                assert smallest >= 24 * height / 1080, [text for text in texts if text[1] < 24 * height / 1080]
                assert page.evaluate(CUT) == []
                page.keyboard.press("ArrowRight")
                frame(page)
            expect(page.locator(".offramp-top, .offramp-details, .offramp-filters, .offramp-trace").locator("visible=true")).to_have_count(
                0
            )


def test_a_talk_steps_through_operating_points_and_leaves_no_trace(own_page: Page, report: Reports) -> None:
    report(own_page, "imageless", "#budget=0.6")
    before, slider = sentence(own_page), own_page.locator(".offramp-slider")
    slider.focus()
    entries = own_page.evaluate("history.length")
    own_page.keyboard.press("p")
    expect(own_page.locator(".offramp[data-present]")).to_be_visible()
    pressed = own_page.locator(".offramp-point[aria-pressed=true]")
    expect(pressed).to_have_count(1)  # the nearest one
    settled(own_page, "present=1")
    start = sentence(own_page)
    sentences = set()
    for _ in range(6):
        own_page.keyboard.press("ArrowLeft")
    for _ in range(own_page.locator(".offramp-point").count()):
        frame(own_page)
        label = own_page.locator(".offramp-point-definition")
        expect(label).to_have_text(re.compile(f"^{pressed.inner_text()}: (cheapest|highest)"))
        sentences.add(sentence(own_page))
        own_page.keyboard.press("ArrowRight")
    assert len(sentences) == own_page.locator(".offramp-point").count() > 1
    last = sentence(own_page)
    own_page.keyboard.press("PageUp")  # as the remote control of a talk does
    assert sentence(own_page) != last
    own_page.keyboard.press("r")
    assert sentence(own_page) == start

    own_page.locator(FACE).first.click()
    trace = own_page.locator(TRACE)
    expect(trace.locator(REASON).first).to_be_visible()
    own_page.keyboard.press("?")
    own_page.keyboard.press("Escape")
    expect(trace).to_be_visible()
    own_page.keyboard.press("Escape")
    expect(trace).to_be_hidden()
    expect(own_page.locator(".offramp[data-present]")).to_be_visible()

    own_page.keyboard.press("Escape")
    expect(own_page.locator(".offramp[data-present]")).to_have_count(0)
    settled(own_page, "#budget=0.6$")
    assert sentence(own_page) == before
    expect(slider).to_be_focused()
    assert own_page.evaluate("history.length") == entries + 1  # the talk can be gone forward to
    own_page.go_forward()
    expect(own_page.locator(".offramp[data-present]")).to_be_visible()
    own_page.go_back()
    expect(own_page.locator(".offramp[data-present]")).to_have_count(0)
    assert sentence(own_page) == before and own_page.locator(".offramp-top").is_visible()

    own_page.locator(".offramp-tool-present").click()
    own_page.keyboard.press("p")
    expect(own_page.locator(".offramp-tool-present")).to_be_focused()
    report(own_page, "imageless", "#present=yes")
    settled(own_page, r"html#?$")
    expect(own_page.locator(".offramp-notice-address")).to_contain_text("“present” can only be 1")


#: Presses a key, and reads the name of the operating point and the budget's cost two frames later, while the road still moves.
STEPPED = """async (key) => {
  document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
  for (let i = 0; i < 2; i++) await new Promise((done) => requestAnimationFrame(done))
  const text = (selector) => document.querySelector(selector).innerText
  const cost = document.querySelector('.offramp-slider').getAttribute('aria-valuenow')
  return [text('.offramp-point[aria-pressed=true]'), text('.offramp-point-definition'), cost]
}"""


def test_the_name_of_a_point_does_not_wait_for_the_road(moving: Page, report: Reports) -> None:
    report(moving, "imageless", "#budget=0.6&present=1")
    name, definition, cost = moving.evaluate(STEPPED, "ArrowLeft")
    assert definition.startswith(f"{name}: ")
    moving.wait_for_timeout(900)
    assert moving.locator(".offramp-point-definition").inner_text() == definition
    assert moving.locator(".offramp-slider").get_attribute("aria-valuenow") != cost, "the road had not arrived"


def test_the_calculator_follows_the_handle_and_calls_measured_only_what_was(page: Page, report: Reports) -> None:
    report(page, "timed", "#budget=0.5")
    opener, panel = page.locator(".offramp-tool-calculator"), page.locator(".offramp-calculator")
    expect(panel).to_be_hidden()
    opener.click()
    field = panel.get_by_label("Requests (a day)")
    expect(field).to_be_focused()
    expect(panel.locator(".offramp-example:visible")).to_have_count(6)
    settled(page, "calc=1000000%2C")

    def row(name: str) -> list[str]:
        return panel.locator("tbody tr", has=page.get_by_role("rowheader", name=name)).locator("td").all_inner_texts()

    field.fill("2e6")
    panel.get_by_label("Price").fill("0.01")
    assert row("Money")[0] == "$7.30 million"
    settled(page, "calc=2000000%2C0.01%2C")
    full, now, saved = (float(re.sub(r"[^\d.]", "", text)) for text in row("Money")[:3])
    assert round(full - now, 2) == saved > 0
    panel.get_by_label("Energy").fill("")
    expect(panel.get_by_role("rowheader", name="Energy")).to_have_count(0)
    expect(panel.locator(".offramp-example:visible")).to_have_count(3)

    field.fill("-4")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.blur()
    expect(field).to_have_value("1")
    expect(panel.get_by_role("status")).to_have_text(
        "Requests (a day) must be a number from 1 to 1,000,000,000,000, and not “-4”; using 1."
    )
    field.fill("1,000,000")

    panel.get_by_label("Time is").select_option(label="measured on Abacus, 2 threads, batch 32")
    panel.locator(".offramp-measured-steps button").nth(1).click()
    expect(panel.locator(".offramp-measured-steps button").nth(1)).to_have_attribute("aria-pressed", "true")
    assert row("Machines")[3] == "× 66.7%, measured on Abacus, 2 threads, batch 32"  # 1.5 times faster
    assert row("Money")[3].endswith("predicted from compute")
    before = row("Money")[1]
    page.locator(".offramp-slider").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    frame(page)
    assert row("Machines")[3].endswith("predicted from compute") and row("Money")[1] != before
    page.wait_for_timeout(500)  # until the address follows

    rows, address = panel.locator("tbody").inner_text(), page.url
    page.goto("about:blank")
    page.goto(address)
    drawn(page)
    expect(panel.locator("tbody")).to_have_text(rows, use_inner_text=True)  # all of it is in the address
    expect(page.locator("body")).to_be_focused()
    panel.get_by_label("Price").focus()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(opener).to_be_focused()
    assert "calc" not in page.url

    report(page, "timed", "#calc=0,x,0.3,0.2,400,50,€,9-9")
    notice = page.locator(".offramp-notice-address")
    for words in ("Requests (a day) must be", "not “x”; using 0.001", "“9-9”, which do not exist here"):
        expect(notice).to_contain_text(words)
    settled(page, "calc=1%2C0.001%2C0.3%2C0.2%2C400%2C50%2C%E2%82%AC%2Cpredicted$")
    panel.get_by_label("Price").fill("0.002")
    expect(notice).to_have_count(0)  # it was about other assumptions
    page.reload()
    drawn(page)
    expect(notice).to_have_count(0)


def test_keys(page: Page, report: Reports) -> None:
    report(page, "imageless")
    dialog = page.locator("dialog[open]")
    slider = page.locator(".offramp-slider")
    slider.focus()
    page.keyboard.press("?")
    expect(dialog.locator("kbd", has_text=re.compile("^(P|J|K|R|/|Esc)$"))).to_have_count(10)
    page.keyboard.press("p")
    expect(page.locator(".offramp[data-present]")).to_have_count(0)  # not behind the dialog
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(slider).to_be_focused()

    signs = page.locator(".offramp-sign")
    for key, exit in (("j", 0), ("j", 1), ("k", 0), ("k", 0)):
        slider.blur()
        page.keyboard.press(key)
        expect(signs.nth(exit)).to_be_focused()
    page.locator(".offramp-face[data-exit='1'][tabindex='-1']").first.focus()
    page.keyboard.press("j")
    expect(signs.nth(2)).to_be_focused()

    page.keyboard.press("/")
    expect(page.locator(SUBSETS)).to_be_focused()
    for key in ("p", "?", "j"):  # letters search the list
        page.keyboard.press(key)
    page.locator(".offramp-tool-calculator").click()
    page.get_by_label("Price").fill("")
    page.keyboard.type("p?j/")
    expect(page.get_by_label("Price")).to_have_value("p?j/")
    signs.nth(0).focus()
    for key in ("Control+p", "Alt+p", "Meta+j", "Alt+?"):
        page.evaluate("addEventListener('keydown', (event) => event.preventDefault())")  # Chromium's own meaning of them
        page.keyboard.press(key)
    expect(page.locator(".offramp[data-present], dialog[open]")).to_have_count(0)
    expect(signs.nth(0)).to_be_focused()


def test_of_two_blocks_the_one_with_the_focus_takes_the_keys(page: Page, report: Reports) -> None:
    page.goto(two_blocks(report).as_uri())
    blocks = page.locator(".offramp[data-ready=true]")
    expect(blocks).to_have_count(2)
    blocks.nth(1).locator(".offramp-sign").first.focus()
    page.keyboard.press("p")
    expect(blocks.nth(1)).to_have_attribute("data-present", "true")
    expect(page.locator(".offramp[data-present]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".offramp[data-present]")).to_have_count(0)
    expect(page.locator(":fullscreen")).to_have_count(0)  # the browser leaves it later, and would end what begins before
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("p")
    expect(blocks.nth(0)).to_have_attribute("data-present", "true")
    page.evaluate("blocks.forEach(({ block }) => block.dispose())")
    assert page.evaluate("[...left].length") <= page.evaluate("before"), "the page still hears of a block that is gone"
    expect(page.locator(":fullscreen")).to_have_count(0)


def test_the_open_column_is_that_of_the_picked_example_and_remarks_end(page: Page, report: Reports) -> None:
    report(page, "deep", "#budget=7&show=maybe")
    notice, slider = page.locator(".offramp-notice-address"), page.locator(".offramp-slider")
    expect(notice).to_contain_text("a budget of “7”")
    slider.press("Home")
    for _ in range(4):
        slider.press("PageUp")
    expect(notice).to_have_text("The address asks for the highlight “maybe”, which does not exist here. Showing none.")
    page.get_by_role("button", name="incorrect").click()
    expect(notice).to_have_count(0)
    page.get_by_role("button", name="none").click()

    opened = page.locator(".offramp-sign[aria-expanded=true] .offramp-sign-number")
    seen = page.locator(FACE).evaluate_all("faces => faces.map(({ dataset }) => [dataset.id, dataset.exit])")
    first, other = seen[0], next(face for face in seen if face[1] != seen[0][1])
    for id, exit in (first, other):
        page.locator(f".offramp-face[data-id='{id}']").click()
        expect(opened).to_have_text(str(int(exit) + 1))
    page.go_back()
    expect(page.locator(f".offramp-face[data-id='{first[0]}']")).to_have_attribute("aria-pressed", "true")
    expect(opened).to_have_text(str(int(first[1]) + 1))
    slider.press("End")
    moved = page.locator(f".offramp-face[data-id='{first[0]}']")
    expect(moved).not_to_have_attribute("data-exit", first[1])
    expect(opened).to_have_text(str(int(moved.get_attribute("data-exit") or "") + 1))


def test_a_finger_reads_explanations_and_leaves_a_talk(browser: Browser, report: Reports) -> None:
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True, reduced_motion="reduce")
    with watched(context, "file:") as page:
        report(page, "imageless", "#present=1")
        page.locator(FACE).first.tap()
        expect(page.locator(TRACE).locator(REASON).first).to_be_visible()
        page.get_by_role("button", name="Leave", exact=True).tap()
        expect(page.locator(".offramp[data-present]")).to_have_count(0)
        explanation = page.locator(".offramp-help")
        page.get_by_text("Effective exits").tap()
        expect(explanation).to_contain_text("The number of evenly used exits")
        page.locator(".offramp-sentence").tap()
        expect(explanation).to_be_hidden()
