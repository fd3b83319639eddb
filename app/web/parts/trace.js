// The trace of the picked example: in the column of every exit what it predicted, how confident it was, and in words why the example drives on
// or leaves there.

import { button, element } from "../core/dom.js"
import { digitsOf, factorTitle, strongest } from "../core/factors.js"
import { nameOf, outcomeOf } from "../core/naming.js"
import { costOnSign } from "../core/printed.js"
import { capital } from "../core/words.js"
import { plate } from "./columns.js"
import { Effects } from "./effects.js"
import { exitCell, gateCell } from "./exit_cell.js"
import { maskKey } from "./mask_key.js"

/** @typedef {import("../core/layout.js").Layout} Layout */
/** @typedef {import("../core/model.js").Model} Model */
/** @typedef {import("../core/source.js").Predictions} Predictions */
/** @typedef {import("../core/source.js").Source} Source */
/** @typedef {import("../core/view.js").View} View */

const BRIEF = 260 // px of a column below which a confidence is only a number
const MASK = 80 // px that a mask takes of it
const LONG = 240 // characters of a text, about what three lines beside the name hold; with more, it has a row of its own

export class Trace {
  /**
   * @param {HTMLElement} place
   * @param {() => void} onClose
   */
  constructor(place, onClose) {
    this.place = place
    place.classList.add("offramp-trace")
    this.face = element("div", "offramp-trace-face")
    this.name = element("h2", "offramp-trace-name")
    this.verdict = element("p", "offramp-verdict")
    this.text = element("p", "offramp-trace-text")
    this.text.tabIndex = 0 // it may have to be scrolled
    this.text.setAttribute("role", "group")
    this.text.setAttribute("aria-label", "Text of the example")
    this.factors = element("p", "offramp-factors")
    this.masks = element("div", "offramp-trace-masks")
    const close = button("offramp-close", "×", onClose)
    close.setAttribute("aria-label", "Close the trace")
    this.who = element("div", "offramp-trace-who", this.face, element("div", "", this.name, this.verdict), this.text, this.masks, this.factors, close)
    this.steps = element("ol", "offramp-steps")
    this.hint = element("p", "offramp-trace-hint")
    place.replaceChildren(this.hint, this.who, this.steps)
    /** @type {number | null} */
    this.example = null
    /** @type {Predictions | null} */
    this.predictions = null
    this.#close()
  }

  /**
   * @param {Model} model
   * @param {import("../core/pictures.js").Pictures | null} pictures
   * @param {Source} source
   * @param {string} [noWords] why words cannot be coloured, or empty
   */
  draw(model, pictures, source, noWords = "") {
    this.model = model
    this.pictures = pictures
    this.source = source
    const { one, stage } = model.words
    this.place.setAttribute("aria-label", `Trace of one ${one}`)
    const what = model.routes.answer ? `what every ${stage} predicts for it` : `how every ${stage} does on it`
    this.place.toggleAttribute("data-bare", !model.threshold) // nothing but a sentence until an example is picked
    this.effects?.bar.remove()
    this.effects = source.words && model.texts && model.routes.answer ? new Effects(this.text, source.words, noWords) : null
    if (this.effects) this.text.after(this.effects.bar)
    this.hints = [`Click an example to see ${what}.`, model.threshold ? ` Until then: the ${model.threshold.title.toLowerCase()} at which each ${stage} lets an example leave.` : ""]
    this.#close()
  }

  /** @param {Layout} layout */
  layOut(layout) {
    this.layout = layout
    this.#placeCells()
  }

  /** @param {View} view */
  paint(view) {
    this.view = view
    const { model } = this
    if (!model) return
    if (view.picked !== this.example) {
      if (view.picked === null) this.#close()
      else this.#open(view.picked)
    }
    if (this.example === null) {
      const decided = model.exits.some((_, k) => model.thresholdAt(view.step, k) !== null) // and not by chance
      const [hint, gates] = this.hints ?? ["", ""]
      this.hint.textContent = decided ? hint + gates : hint
      this.steps.replaceChildren(...(decided ? model.exits.map((_, k) => gateCell(model, k, view.step)) : []))
      this.#placeCells()
      return
    }
    const { routes } = model
    const at = routes.at(view.step, this.example)
    const taken = routes.exit[at]
    const quality = routes.quality[at]
    const outcome = routes.graded ? outcomeOf(model, view.step, this.example) : quality === 1 ? "correct" : "incorrect"
    const result = routes.answer ? ` with “${model.classes[routes.answer[at]]}” (${outcome})` : routes.graded ? ` with ${outcome}` : `, ${outcome}`
    const cost = costOnSign(model.costOf(this.example, routes.path[at]))
    const mean = model.stageCostsOf(this.example) ? "mean " : "" // each example has costs of its own, which may be more than those of all examples on average
    this.verdict.textContent = `Leaves at ${model.exits[taken].name}${result}, at ${cost} of the ${model.words.reference}’s ${mean}${model.spent}.`
    if (!this.predictions) return
    const { predictions, example } = this
    const [predicted] = predictions.classes[taken]
    if (predicted !== undefined) this.effects?.paint(taken, model.exits[taken].name, model.classes[predicted])
    this.steps.replaceChildren(...model.exits.map((_, k) => exitCell(model, k, view.step, example, predictions)))
    this.#placeCells()
  }

  /** Fetch what could not be fetched before. */
  retry() {
    if (this.example !== null && !this.predictions) void this.#fetch(this.example)
  }

  /** Put the trace on the screen once it is whole, where it does not lie over the page. */
  reveal() {
    this.revealing = this.layout?.down
  }

  dispose() {
    this.drop?.()
  }

  #open(/** @type {number} */ example) {
    const model = /** @type {Model} */ (this.model)
    this.drop?.()
    this.example = example
    this.place.removeAttribute("data-idle")
    this.who.hidden = false
    this.hint.hidden = true
    this.face.replaceChildren(plate(model, example))
    this.drop = this.pictures?.request(example, (address) => {
      if (!address) return
      const image = element("img")
      image.alt = nameOf(model, example)
      image.src = address
      this.face.replaceChildren(image)
    })
    const { one } = model.words
    if (model.label) this.name.replaceChildren(model.classes[model.label[example]], element("small", "", ` ${one} ${model.ids[example]}`))
    else this.name.replaceChildren(capital(one), element("small", "", ` ${model.ids[example]}`))
    this.name.title = this.name.textContent ?? ""
    this.#showText(model.texts?.[example])
    this.face.hidden = model.texts !== null && !this.pictures
    this.#showFactors(example)
    this.#showMasks()
    this.predictions = null
    this.effects?.close()
    this.steps.replaceChildren()
    void this.#fetch(example)
  }

  async #fetch(/** @type {number} */ example) {
    const { model, source } = this
    if (!source) return
    const current = () => this.example === example && this.model === model
    try {
      const predictions = await source.predictions(example)
      if (!current()) return
      this.predictions = predictions
      this.#showText(predictions.text)
      this.effects?.open(example, predictions.text ?? "")
      this.#showFactors(example, predictions.before)
      this.#showMasks(predictions.masks)
      if (this.view) this.paint(this.view)
      if (this.revealing) this.place.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" })
      this.revealing = false
    } catch (problem) {
      if (!current()) return
      const again = button("offramp-retry", "Try again", () => this.retry())
      this.steps.replaceChildren(element("li", "offramp-trace-problem", `What every ${model?.words.stage ?? "exit"} gave for it could not be fetched. ${/** @type {Error} */ (problem).message} `, again))
    }
  }

  // At first its beginning, which the page has, then all of it.
  #showText(/** @type {string | undefined} */ text) {
    this.text.hidden = !text
    this.text.toggleAttribute("data-long", (text ?? "").length > LONG)
    this.text.textContent = text ?? ""
  }

  // The true one, and what the colours mean. Those of the exits are in their cells.
  #showMasks(/** @type {import("../core/masks.js").Masks | undefined} */ masks = undefined) {
    this.masks.hidden = !masks
    this.place.toggleAttribute("data-masks", Boolean(masks))
    if (!masks) return this.masks.replaceChildren()
    this.masks.replaceChildren(...maskKey(masks, /** @type {Model} */ (this.model).classes))
  }

  // What is known before any exit runs comes first: a router reads nothing else.
  #showFactors(/** @type {number} */ example, /** @type {Record<string, number>} */ before = {}) {
    const model = /** @type {Model} */ (this.model)
    const span = (/** @type {string} */ name, /** @type {number} */ value) => element("span", name in before ? "offramp-before" : "", `${factorTitle(name)} ${value.toFixed(digitsOf(value))}`)
    const known = Object.entries(before).map(([name, value]) => span(name, value))
    for (const node of known) node.title = `Known before any ${model.words.stage} runs`
    this.factors.replaceChildren(...known, ...strongest(model, example).map(([name, value]) => span(name, value)))
  }

  #close() {
    this.drop?.()
    this.drop = undefined
    this.example = null
    this.predictions = null
    this.#showMasks()
    this.place.toggleAttribute("data-idle", true)
    this.who.hidden = true
    this.hint.hidden = false
    this.steps.replaceChildren()
  }

  #placeCells() {
    const { layout } = this
    if (!layout) return
    layout.columns.forEach(({ x, width, narrow }, k) => {
      const cell = /** @type {HTMLElement | undefined} */ (this.steps.children[k])
      if (!cell) return
      cell.style.left = layout.down ? "" : `${x.toFixed(1)}px`
      cell.style.width = layout.down ? "" : `${width.toFixed(1)}px`
      cell.classList.toggle("offramp-narrow", narrow)
      cell.classList.toggle("offramp-brief", layout.down || width - (cell.querySelector(".offramp-mask") ? MASK : 0) < BRIEF)
    })
  }
}
