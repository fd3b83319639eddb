// What to look at: bundle, policy and unit of cost. Where there is only one of them, its name stands there as text.

import { element } from "../core/dom.js"

/** @typedef {{value: string, title: string, help?: string}} Option */
/** @typedef {{bundle: Option[], policy: Option[], unit: Option[], unavailable: string[]}} Choices  unavailable: a sentence for each policy that cannot run here */
/** @typedef {{bundle: string, policy: string, unit: string}} Selection */

const LABELS = { bundle: "Bundle", policy: "Policy", unit: "Cost in" }

export class Controls {
  /**
   * @param {HTMLElement} place
   * @param {(change: Partial<Selection>) => void} onSelect
   */
  constructor(place, onSelect) {
    this.place = place
    this.onSelect = onSelect
  }

  /**
   * @param {Choices} choices
   * @param {Selection} selection
   */
  draw(choices, selection) {
    const focused = this.place.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.what : null
    const names = /** @type {(keyof Selection)[]} */ (Object.keys(LABELS))
    this.place.replaceChildren(...names.map((name) => this.#control(name, choices[name], selection[name])), this.#about(choices, selection))
    if (focused) /** @type {HTMLElement | null} */ (this.place.querySelector(`[data-what="${focused}"]`))?.focus({ preventScroll: true })
  }

  /**
   * @param {keyof Selection} name
   * @param {Option[]} options
   * @param {string} value
   */
  #control(name, options, value) {
    if (options.length === 1) return element("span", "offramp-control", element("span", "offramp-control-label", LABELS[name]), element("b", "", options[0].title))
    const select = element("select")
    select.dataset.what = name
    select.append(...options.map((option) => new Option(option.title, option.value, false, option.value === value)))
    select.value = value
    select.onchange = () => this.onSelect({ [name]: select.value })
    return element("label", "offramp-control", element("span", "offramp-control-label", LABELS[name]), select)
  }

  // What the policy does, and on request what else there is to know about the choices.
  #about(/** @type {Choices} */ choices, /** @type {Selection} */ selection) {
    const help = (/** @type {Option[]} */ options, /** @type {string} */ value) => options.find((option) => option.value === value)?.help
    const policy = help(choices.policy, selection.policy)
    const notes = [help(choices.unit, selection.unit), ...choices.unavailable].filter((note) => note !== undefined && note !== "")
    const about = element("div", "offramp-about", element("p", "", policy ?? ""))
    if (notes.length > 0) about.append(element("details", "", element("summary", "", "Notes"), ...notes.map((note) => element("p", "", note ?? ""))))
    return about
  }
}
