// The numbers of a budget: on test, and on calibration where its knob was set.

import { differenceTexts } from "../core/intervals.js"
import { element, percent } from "../core/dom.js"
import { adapted, amount, capital } from "../core/words.js"

/** @typedef {import("../core/model.js").Model} Model */

const DIFFERENCE = "From the full network, or the best single model, on the same examples, with its 95% interval"
const BALANCE = "The number of evenly used exits with the same entropy: the exponential of the entropy of the shares"

export class Readouts {
  /** @param {HTMLElement} place */
  constructor(place) {
    /** @type {Map<string, HTMLElement>} */
    this.values = new Map()
    /** @type {Map<string, HTMLElement>} by the text that is there at first */
    this.titles = new Map()
    const group = (/** @type {string} */ title, /** @type {string[]} */ ...names) =>
      element(
        "div",
        "",
        this.#title(title),
        ...names.map((name) => {
          const value = element("dd", `offramp-${name}`)
          this.values.set(name, value)
          return value
        }),
      )
    /** @type {import("../core/intervals.js").Intervals | undefined} of all examples */
    this.intervals = undefined
    this.difference = group("Difference", "difference", "difference-interval")
    this.difference.title = DIFFERENCE
    this.meaning = element("p", "offramp-meaning") // of a quality that has a name
    const balance = group("Effective exits", "balance")
    this.balance = balance
    place.replaceChildren(
      element(
        "dl",
        "offramp-readouts",
        group("Cost", "cost", "cost-tuned", "cost-planned"),
        group("Test accuracy", "accuracy", "accuracy-tuned"),
        group("Full network", "full"),
        this.difference,
        balance,
      ),
      this.meaning,
    )
  }

  #title(/** @type {string} */ text) {
    const node = element("dt", "", text)
    this.titles.set(text, node)
    return node
  }

  /** @param {Model} model */
  draw(model) {
    this.model = model
    const { meaning, measure, reference, stage } = model.words
    this.meaning.hidden = !meaning
    this.meaning.textContent = meaning && `${capital(measure)}: ${meaning.charAt(0).toLowerCase()}${meaning.slice(1)}`
    this.balance.title = adapted(model.words, BALANCE)
    const titles = { "Test accuracy": `Test ${measure}`, "Full network": capital(reference), "Effective exits": `Effective ${stage}s` }
    for (const [text, title] of Object.entries(titles)) /** @type {HTMLElement} */ (this.titles.get(text)).textContent = title
  }

  /**
   * What was set on calibration is of all examples, so a subset has no such numbers.
   * @param {import("../core/model.js").AtBudget} now
   */
  paint(now) {
    const { model } = this
    if (!model) return
    const { step, of } = now
    const texts = {
      cost: percent(now.cost),
      "cost-tuned": of ? "" : `${percent(model.calibrationCost[step])} on calibration`,
      "cost-planned": of ? "" : `${percent(model.planned[step])} planned`,
      accuracy: amount(model.words, now.accuracy),
      "accuracy-tuned": of ? "" : `${amount(model.words, model.calibrationAccuracy[step])} on calibration`,
      full: `${amount(model.words, of?.full ?? model.full.accuracy)} ${model.words.measure} at 100%`,
      balance: `${(of ? effective(now.exits) : model.effectiveExits[step]).toFixed(1)} of ${model.exits.length}`,
    }
    const { intervals } = this
    this.difference.hidden = !intervals || Boolean(of)
    const [difference, interval] = intervals ? differenceTexts(intervals, step, now.accuracy, model.full.accuracy) : ["", ""]
    Object.assign(texts, { difference, "difference-interval": interval })
    for (const [name, text] of Object.entries(texts)) /** @type {HTMLElement} */ (this.values.get(name)).textContent = text
  }
}

/** The exponential of the entropy of the shares. @param {{share: number}[]} exits */
const effective = (exits) => Math.exp(exits.reduce((sum, { share }) => sum - (share > 0 ? share * Math.log(share) : 0), 0))
