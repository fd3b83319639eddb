// What a pointer reads by resting on something, for a finger: a tap on a text, or a long press on a button, shows its explanation.

import { element } from "../core/dom.js"

export class Help {
  /** @param {HTMLElement} root of the block */
  constructor(root) {
    this.node = element("p", "offramp-help")
    this.node.setAttribute("role", "status")
    this.node.hidden = true
    this.byFinger = false // whether the last press was one
    root.addEventListener("pointerdown", ({ pointerType }) => {
      this.byFinger = pointerType === "touch"
      this.node.hidden = true
    })
    root.addEventListener("contextmenu", (event) => this.#show(event, explained(event)))
    root.addEventListener("click", (event) => {
      const node = explained(event)
      if (!node?.closest("button, a, input, select, summary, label")) this.#show(event, node)
    })
  }

  #show(/** @type {Event} */ event, /** @type {HTMLElement | null} */ node) {
    if (!this.byFinger || !node) return
    event.preventDefault()
    this.node.textContent = node.title
    this.node.hidden = false
  }
}

/** What is pressed, if it has an explanation. @param {Event} event @returns {HTMLElement | null} */
const explained = ({ target }) => (target instanceof Element ? target.closest('[title]:not([title=""])') : null)
