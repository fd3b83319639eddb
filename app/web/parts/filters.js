// One row: the subset that all numbers are of, and what is highlighted, which changes no number.

import { button, count, element } from "../core/dom.js"
import { showsOf } from "../core/highlights.js"
import { capital } from "../core/words.js"

/** @typedef {import("../core/model.js").Model} Model */
/** @typedef {import("../core/view.js").View} View */

export class Filters {
  /**
   * @param {HTMLElement} place
   * @param {(change: Partial<View>) => void} onFilter
   */
  constructor(place, onFilter) {
    this.subsets = element("select", "offramp-subset")
    this.subsets.onchange = () => onFilter({ subset: this.subsets.value === "" ? null : Number(this.subsets.value) })
    this.all = button("offramp-all-images", "×", () => {
      onFilter({ subset: null })
      this.subsets.focus()
    })
    /** @type {HTMLElement | null} */
    this.before = null // what had the focus when the list got it by a key
    this.subsets.onkeydown = (event) => {
      if (!this.before || (event.key !== "Enter" && event.key !== "Escape")) return
      event.preventDefault()
      event.stopPropagation() // nothing else is closed
      this.before.focus()
    }
    this.subsets.onblur = () => (this.before = null)
    this.onFilter = onFilter
    /** @type {HTMLButtonElement[]} */
    this.buttons = []
    this.group = element("div", "offramp-show")
    this.group.setAttribute("role", "group")
    this.group.setAttribute("aria-label", "Highlight")
    this.hint = element("span", "offramp-hint")
    this.what = element("span", "offramp-filter-label")
    this.row = element("div", "offramp-subset-row", element("label", "", this.what, this.subsets), this.all)
    place.replaceChildren(element("div", "offramp-filters", this.row, this.group, this.hint))
  }

  /**
   * @param {Model} model
   * @param {string} hint
   */
  draw(model, hint) {
    const { list } = model.subsets
    const { many } = model.words
    this.what.textContent = capital(many)
    this.all.setAttribute("aria-label", `Show all ${many}`)
    this.all.title = `Show all ${many}`
    this.row.hidden = list.length === 0
    this.buttons = showsOf(model).map(({ show, title, help }) => {
      const node = button("", title, () => this.onFilter({ show }))
      node.dataset.show = show
      node.title = help
      return node
    })
    this.group.replaceChildren(element("span", "offramp-filter-label", "Highlight"), ...this.buttons)
    const option = (/** @type {number} */ index) => new Option(`${list[index].option} (${count(list[index].tested)})`, String(index))
    const groups = [...new Set(list.map(({ group }) => group))].map((name) => {
      const node = element("optgroup")
      node.label = name
      node.append(...list.flatMap(({ group }, index) => (group === name ? [option(index)] : [])))
      return node
    })
    this.subsets.replaceChildren(new Option(`all ${count(model.tested)}`, ""), ...groups)
    this.say(hint)
  }

  /** @param {string} hint */
  say(hint) {
    this.hint.textContent = hint
    this.hint.title = hint
  }

  /** By a key. Enter and Esc lead back, so that other keys are not taken for names in the list. */
  focus() {
    const { activeElement } = /** @type {Document | ShadowRoot} */ (this.subsets.getRootNode())
    const before = activeElement instanceof HTMLElement && activeElement !== document.body ? activeElement : this.group.querySelector("button")
    this.subsets.focus()
    this.before = before
  }

  /** @param {View} view */
  paint(view) {
    const value = String(view.subset ?? "")
    if (this.subsets.value !== value) this.subsets.value = value
    this.all.hidden = view.subset === null
    this.subsets.toggleAttribute("data-selected", view.subset !== null)
    for (const node of this.buttons) node.setAttribute("aria-pressed", String(node.dataset.show === view.show))
  }
}
