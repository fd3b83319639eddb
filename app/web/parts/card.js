// A small card beside a marker of a chart: a few lines of text, placed so that it hides little, and a ring around the marker.

import { element } from "../core/dom.js"
import { around, besides, everywhere, freest, grown } from "../core/placement.js"

const RING = 4 // px wider than the marker

/** @typedef {import("./front_scene.js").Item} Item  lines: a title and facts */

export class Card {
  /** @param {HTMLElement} parent  the card stays inside it */
  constructor(parent) {
    this.parent = parent
    this.ring = element("div", "offramp-ring")
    this.node = element("div", "offramp-card")
    this.node.setAttribute("role", "tooltip")
    this.node.hidden = this.ring.hidden = true
    /** @type {Item | null} */
    this.item = null // shown
    parent.append(this.ring, this.node)
    // Escape hides the card wherever the focus is, and does nothing else then. So does a press elsewhere on the page.
    this.onKey = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return
      event.stopPropagation()
      this.hide()
    }
    this.onPress = (/** @type {PointerEvent} */ event) => parent.contains(/** @type {Node} */ (event.target)) || this.hide()
  }

  /** @param {Item} item @param {import("../core/placement.js").Mark[]} marks  what it had better not cover */
  show(item, marks) {
    const { x, y, lines, size: marker } = item
    if (this.item && this.item.x === x && this.item.y === y && this.item.lines.join() === lines.join()) return
    if (!this.item) {
      document.addEventListener("keydown", this.onKey, true)
      document.addEventListener("pointerdown", this.onPress, true)
    }
    this.item = item
    this.node.replaceChildren(...lines.map((line, i) => element(i ? "span" : "b", "", line)))
    this.node.hidden = this.ring.hidden = false
    this.node.style.transform = "none"
    this.ring.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`
    this.ring.style.setProperty("--size", `${marker + RING}px`)
    const size = { width: this.node.offsetWidth, height: this.node.offsetHeight }
    const area = { left: 2, top: 0, right: this.parent.clientWidth - 2, bottom: this.parent.clientHeight }
    const gap = marker / 2 + 8
    const places = [...besides(item, size, [gap, 2 * gap, 4 * gap]), ...everywhere(area, size, item)]
    const { left, top } = freest(places, [around(x, y, marker, marker, 10), ...marks].map((mark) => grown(mark, 3)), area)
    this.node.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`
  }

  // Hidden, it listens to nothing: there is nothing else to dispose of.
  hide() {
    if (!this.item) return
    this.item = null
    this.node.hidden = this.ring.hidden = true
    document.removeEventListener("keydown", this.onKey, true)
    document.removeEventListener("pointerdown", this.onPress, true)
  }
}
