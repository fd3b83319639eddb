"""Two live blocks on one page: neither moves with the other, and one that was disposed of leaves nothing behind."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import CELL, COLUMN, FACE, SLIDER, TRACE, Reports, frame

#: Before any other script: keeps count of what listens to the whole page and of what observes.
COUNTED = """window.left = new Set()
for (const target of [window, document]) {
  const [add, remove] = [target.addEventListener, target.removeEventListener]
  target.addEventListener = function (type, listener, ...rest) {
    left.add(listener)
    return add.call(target, type, listener, ...rest)
  }
  target.removeEventListener = function (type, listener, ...rest) {
    left.delete(listener)
    return remove.call(target, type, listener, ...rest)
  }
}
for (const name of ['ResizeObserver', 'MutationObserver', 'IntersectionObserver']) {
  window[name] = class extends window[name] {
    observe(...what) {
      left.add(this)
      super.observe(...what)
    }
    disconnect() {
      left.delete(this)
      super.disconnect()
    }
  }
}"""
MOUNT = """
import { Explore } from "offramp/blocks/explore.js"
import { Address, memoryPlace } from "offramp/core/address.js"
import { fileSource } from "offramp/hosts/file_source.js"

window.mount = (place) => {
  const address = new Address(memoryPlace("budget=0.5"))
  const root = document.createElement("div")
  place.append(root)
  const block = new Explore(root, { address, select: () => {} })
  void block.open(JSON.parse(place.querySelector("[data-report-data]").textContent), fileSource(place))
  return { block, address }
}
window.before = left.size
window.blocks = [...document.querySelectorAll("[data-place]")].map(mount)
"""


def two_blocks(reports: Reports) -> Path:
    """A page with what two reports hold, one below the other."""
    texts = [
        reports.file(bundle, policy).read_text(encoding="utf-8") for bundle, policy in (("imageless", "maxprob"), ("family", "bolukbasi"))
    ]
    held = [re.search(r"<main data-report></main>\n(.*?)<script type=\"module\">", text, re.DOTALL) for text in texts]
    sections = "\n".join(f"<div data-place>{part[1]}</div>" for part in held if part)
    head = texts[0][: texts[0].index("<body>")].replace("<style>", f"<script>{COUNTED}</script>\n<style>", 1)
    file = reports.folder / "two-blocks.html"
    file.write_text(f'{head}<body>{sections}<script type="module">{MOUNT}</script></body></html>', encoding="utf-8")
    return file


def test_two_blocks_do_not_disturb_one_another(page: Page, report: Reports) -> None:
    page.goto(two_blocks(report).as_uri())
    expect(page.locator(".offramp[data-ready=true]")).to_have_count(2)
    one, other = (page.locator("[data-place]").nth(i) for i in range(2))

    def seen(block: int) -> list[str]:
        frame(page)
        return (
            page.locator("[data-place]")
            .nth(block)
            .evaluate(
                """(place) => ['.offramp-sentence', '.offramp-cost', '.offramp-columns', '.offramp-gallery', '.offramp-trace']
              .map((part) => place.querySelector(part).innerText)
              .concat(place.querySelector('.offramp-dot').style.transform, place.querySelector('.offramp-slider').ariaValueNow)
              .concat([...place.querySelectorAll('.offramp-face')].map((face) => face.style.transform + face.className))"""
            )
        )

    first, second = seen(0), seen(1)
    assert first[0] != second[0]
    one.locator(SLIDER).focus()
    page.keyboard.press("End")
    one.locator(".offramp-show button", has_text="Incorrect").click()
    one.locator(FACE).first.click()
    expect(one.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(4)
    assert seen(0) != first and seen(1) == second
    expect(other.locator(f"{TRACE}[data-idle]")).to_be_visible()
    first = seen(0)
    other.locator(SLIDER).focus()
    page.keyboard.press("Home")
    other.locator(FACE).first.click()
    expect(other.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(other.locator(f"{TRACE}[data-idle]")).to_be_visible()
    assert seen(0) == first and seen(1) != second
    expect(one.locator(f"{TRACE}:not([data-idle])")).to_be_visible()
    page.wait_for_function("blocks.every(({ address }) => 'budget' in address.parameters())")
    assert page.evaluate("[location.search, location.hash]") == ["", ""]


def test_a_block_that_was_disposed_of_leaves_nothing_behind(page: Page, report: Reports) -> None:
    page.goto(two_blocks(report).as_uri())
    expect(page.locator(".offramp[data-ready=true]")).to_have_count(2)
    one, other = (page.locator("[data-place]").nth(i) for i in range(2))
    one.locator(FACE).first.click()
    one.locator(".offramp-spot").first.focus()  # shows its card, which listens to the page
    expect(one.locator(".offramp-card")).to_be_visible()
    assert page.evaluate("left.size - before") > 2
    # In the middle of a move, whose frame and whose address are still to come
    page.evaluate(
        """() => {
          const slider = document.querySelector('.offramp-slider')
          for (const key of ['Home', 'ArrowRight']) slider.dispatchEvent(new KeyboardEvent('keydown', { key }))
          blocks[0].block.dispose()
        }"""
    )
    expect(one.locator(".offramp *")).to_have_count(0)
    address = page.evaluate("blocks[0].address.parameters()")
    page.set_viewport_size({"width": 390, "height": 844})
    page.keyboard.press("Escape")
    page.mouse.click(5, 5)
    page.wait_for_timeout(400)  # longer than the address takes to follow
    assert page.evaluate("blocks[0].address.parameters()") == address
    before = other.locator(".offramp-sentence").inner_text()
    other.locator(SLIDER).focus()
    page.keyboard.press("End")
    expect(other.locator(".offramp-sentence")).not_to_have_text(before)
    page.evaluate("blocks[1].block.dispose()")
    assert page.evaluate("left.size") == page.evaluate("before")
    # And the same place can be used again.
    page.evaluate("blocks.push(mount(document.querySelector('[data-place]')))")
    expect(one.locator(".offramp[data-ready=true]")).to_have_count(1)


def test_a_block_that_was_disposed_of_while_it_opened_stays_empty(page: Page, report: Reports) -> None:
    page.goto(two_blocks(report).as_uri())
    expect(page.locator(".offramp[data-ready=true]")).to_have_count(2)
    page.evaluate(
        """() => {
          for (const { block } of blocks) block.dispose()
          window.late = mount(document.querySelector('[data-place]'))
          late.address.replace({ budget: '7' })
          late.block.dispose()
        }"""
    )
    page.wait_for_timeout(1000)  # opening takes far less
    expect(page.locator(".offramp *")).to_have_count(0)
    assert page.evaluate("late.address.parameters()") == {"budget": "7"}
    assert page.evaluate("left.size") == page.evaluate("before")


def test_a_move_while_something_else_opens_is_kept(page: Page, report: Reports) -> None:
    """What is shown stays and moves until all that takes its place is there, which then begins at the same budget."""
    page.goto(two_blocks(report).as_uri())
    expect(page.locator(".offramp[data-ready=true]")).to_have_count(2)
    page.evaluate(
        """async () => {
          const { fileSource } = await import('offramp/hosts/file_source.js')
          const [place, other] = document.querySelectorAll('[data-place]')
          const source = fileSource(other)
          const sweep = () => new Promise((done) => (window.arrive = () => done(source.sweep())))
          const data = JSON.parse(other.querySelector('[data-report-data]').textContent)
          window.opened = blocks[0].block.open(data, { ...source, sweep })
        }"""
    )
    one = page.locator("[data-place]").nth(0)
    slider, sentence, columns = one.locator(SLIDER), one.locator(".offramp-sentence"), one.locator(COLUMN)
    before = sentence.inner_text()
    slider.focus()
    page.keyboard.press("End")
    expect(sentence).not_to_have_text(before)
    expect(columns).to_have_count(4)
    before = sentence.inner_text()
    page.evaluate("() => (arrive(), opened)")
    expect(columns).to_have_count(3)
    expect(sentence).not_to_have_text(before)
    expect(slider).to_have_attribute("aria-valuenow", slider.get_attribute("aria-valuemax"))
    assert page.evaluate("blocks[0].address.parameters()") == {"budget": "1"}
