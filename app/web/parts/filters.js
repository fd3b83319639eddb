// Which images the gallery shows: of one class, or only those predicted correctly or incorrectly.

import { button, element } from "../core/dom.js"
import { SHOWS } from "../core/view.js"

/** @typedef {import("../core/view.js").View} View */

export class Filters {
  /**
   * @param {HTMLElement} place
   * @param {(change: Partial<View>) => void} onFilter
   */
  constructor(place, onFilter) {
    this.classes = element("select", "offramp-class")
    this.classes.onchange = () => onFilter({ class: this.classes.value === "" ? null : Number(this.classes.value) })
    this.buttons = Object.entries(SHOWS).map(([show, title]) => {
      const node = button("", title, () => onFilter({ show: /** @type {View["show"]} */ (show) }))
      node.dataset.show = show
      return node
    })
    const group = element("div", "offramp-show", ...this.buttons)
    group.setAttribute("role", "group")
    group.setAttribute("aria-label", "Show")
    this.hint = element("span", "offramp-hint")
    const heading = element("h2", "offramp-heading", "Images by exit")
    place.replaceChildren(element("div", "offramp-filters", heading, element("label", "", "Class ", this.classes), group, this.hint))
  }

  /**
   * @param {string[]} classes
   * @param {string} hint
   */
  draw(classes, hint) {
    this.classes.replaceChildren(new Option("all", ""), ...classes.map((name, i) => new Option(name, String(i))))
    this.hint.textContent = hint
  }

  /** @param {View} view */
  paint(view) {
    this.classes.value = String(view.class ?? "")
    for (const node of this.buttons) node.setAttribute("aria-pressed", String(node.dataset.show === view.show))
  }
}
