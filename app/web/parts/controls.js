// What is looked at, in one line: bundle, policy and unit of cost. Pressing one of them opens the panel in which it can be changed.

import { button, element } from "../core/dom.js"

/** @typedef {{value: string, title: string, help?: string}} Option */
/** @typedef {{bundle: Option[], policy: Option[], unit: Option[], unavailable: string[]}} Choices  unavailable: a sentence for each policy that cannot run here */
/** @typedef {{bundle: string, policy: string, unit: string}} Selection */

/** @type {Record<keyof Selection, string>} */
const LABELS = { bundle: "Bundle", policy: "Policy", unit: "Cost in" }
const NAMES = /** @type {(keyof Selection)[]} */ (Object.keys(LABELS))

export class Controls {
  /**
   * @param {HTMLElement} place
   * @param {(name: keyof Selection, chip: HTMLElement) => void} onPress
   */
  constructor(place, onPress) {
    this.chips = NAMES.map((name) => {
      const chip = button("offramp-subject", "", () => onPress(name, chip))
      chip.dataset.what = name
      chip.setAttribute("aria-expanded", "false")
      return chip
    })
    place.replaceChildren(...this.chips)
  }

  /**
   * @param {Choices} choices
   * @param {Selection} selection
   */
  draw(choices, selection) {
    NAMES.forEach((name, i) => {
      const title = choices[name].find(({ value }) => value === selection[name])?.title ?? ""
      this.chips[i].replaceChildren(element("span", "offramp-subject-label", `${LABELS[name]}: `), element("span", "offramp-subject-title", title), element("span", "offramp-caret"))
      this.chips[i].title = title
    })
  }

  /** @param {boolean} open whether the panel is */
  mark(open) {
    for (const chip of this.chips) chip.setAttribute("aria-expanded", String(open))
  }
}
