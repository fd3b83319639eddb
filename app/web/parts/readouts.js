// The numbers of a budget: on test, and on calibration where its knob was set.

import { element, percent } from "../core/dom.js"

/** @typedef {import("../core/model.js").Model} Model */

const BALANCE = "The number of evenly used exits with the same entropy: the exponential of the entropy of the shares"

export class Readouts {
  /** @param {HTMLElement} place */
  constructor(place) {
    /** @type {Map<string, HTMLElement>} */
    this.values = new Map()
    const group = (/** @type {string} */ title, /** @type {string[]} */ ...names) =>
      element(
        "div",
        "",
        element("dt", "", title),
        ...names.map((name) => {
          const value = element("dd", `offramp-${name}`)
          this.values.set(name, value)
          return value
        }),
      )
    const balance = group("Effective exits", "balance")
    balance.title = BALANCE
    place.replaceChildren(
      element(
        "dl",
        "offramp-readouts",
        group("Cost", "cost", "cost-tuned", "cost-planned"),
        group("Test accuracy", "accuracy", "accuracy-tuned"),
        group("Full network", "full"),
        balance,
      ),
    )
  }

  /** @param {Model} model */
  draw(model) {
    this.model = model
  }

  /** @param {number} step */
  paint(step) {
    const model = this.model
    if (!model) return
    const texts = {
      cost: percent(model.cost[step]),
      "cost-tuned": `${percent(model.calibrationCost[step])} on calibration`,
      "cost-planned": `${percent(model.planned[step])} planned`,
      accuracy: percent(model.accuracy[step]),
      "accuracy-tuned": `${percent(model.calibrationAccuracy[step])} on calibration`,
      full: `${percent(model.full.accuracy)} accuracy at 100%`,
      balance: `${model.effectiveExits[step].toFixed(1)} of ${model.exits.length}`,
    }
    for (const [name, text] of Object.entries(texts)) /** @type {HTMLElement} */ (this.values.get(name)).textContent = text
  }
}
