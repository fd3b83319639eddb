// Sentences about the page itself: what an address asked for and does not exist, what is going on, what failed.

import { button, element } from "../core/dom.js"

/** @typedef {{text: string, detail?: string, action?: {title: string, press: () => void}}} Notice  detail: changes often, and is not read out */
/** @typedef {{node: HTMLElement, text: HTMLElement, detail: HTMLElement, action: HTMLButtonElement}} Shown */

export class Notices {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place
    place.setAttribute("role", "status")
    /** @type {Map<string, Shown>} one for each topic */
    this.shown = new Map()
  }

  /**
   * Show a notice in place of the last one on the same topic, or none.
   * @param {string} topic
   * @param {Notice | null} notice
   */
  set(topic, notice) {
    if (notice === null) {
      this.shown.get(topic)?.node.remove()
      this.shown.delete(topic)
      return
    }
    const shown = this.shown.get(topic) ?? this.#add(topic) // kept, so that its button keeps the focus
    if (shown.text.textContent !== notice.text) shown.text.textContent = notice.text
    shown.detail.textContent = notice.detail ?? ""
    shown.action.hidden = notice.action === undefined
    shown.action.textContent = notice.action?.title ?? ""
    shown.action.onclick = notice.action?.press ?? null
  }

  /**
   * Press the button of a notice, if it is shown.
   * @param {string} topic
   */
  press(topic) {
    this.shown.get(topic)?.action.click()
  }

  #add(/** @type {string} */ topic) {
    const [text, detail] = [element("span"), element("span", "offramp-notice-detail")]
    detail.setAttribute("aria-hidden", "true")
    const action = button("offramp-notice-action", "", () => {})
    const shown = { node: element("p", `offramp-notice offramp-notice-${topic}`, text, detail, action), text, detail, action }
    this.place.append(shown.node)
    this.shown.set(topic, shown)
    return shown
  }
}
