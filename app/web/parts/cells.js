// The trace of the picked example: in the column of every exit what it predicted, how confident it was, and in words why the example drives on
// or leaves there.

import { button, element, percent } from "../core/dom.js"
import { inkOn } from "../core/ink.js"
import { lacksTruth } from "../core/masks.js"
import { nameOf, outcomeOf } from "../core/naming.js"
import { costOnSign, printed } from "../core/printed.js"
import { amount, capital, costTexts, difference } from "../core/words.js"
import { plate } from "./columns.js"
import { Effects } from "./effects.js"
import { legend, predictedMask, trueMask } from "./mask_picture.js"

/** @typedef {import("../core/layout.js").Layout} Layout */
/** @typedef {import("../core/model.js").Model} Model */
/** @typedef {import("../core/source.js").Predictions} Predictions */
/** @typedef {import("../core/source.js").Source} Source */
/** @typedef {import("../core/view.js").View} View */
/**
 * What an exit gave for an example. name: the class it predicts, if it predicts one;  confidence, quality: null if not known;  correct: null
 * where quality is graded;  failed: it gave nothing.
 * @typedef {{name: string | null, confidence: number | null, quality: number | null, correct: boolean | null, failed: boolean}} Result
 */

const BRIEF = 260 // px of a column below which a confidence is only a number
const MASK = 80 // px that a mask takes of it
const FACTORS = 3 // at most; the strongest

export class Cells {
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
   */
  draw(model, pictures, source) {
    this.model = model
    this.pictures = pictures
    this.source = source
    const { one, stage } = model.words
    this.place.setAttribute("aria-label", `Trace of one ${one}`)
    const what = model.routes.answer ? `what every ${stage} predicts for it` : `how every ${stage} does on it`
    this.place.toggleAttribute("data-bare", !model.threshold) // nothing but a sentence until an example is picked
    this.effects?.bar.remove()
    this.effects = source.words && model.texts && model.routes.answer ? new Effects(this.text, source.words) : null
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
      this.steps.replaceChildren(...(decided ? model.exits.map((exit, k) => this.#gate(exit, k, view.step)) : []))
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
    this.steps.replaceChildren(...model.exits.map((exit, k) => this.#cell(exit, k, taken, view.step, predictions, example)))
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
    this.text.textContent = text ?? ""
  }

  // The true one, and what the colours mean. Those of the exits are in their cells.
  #showMasks(/** @type {import("../core/masks.js").Masks | undefined} */ masks = undefined) {
    this.masks.hidden = !masks
    this.place.toggleAttribute("data-masks", Boolean(masks))
    if (!masks) return this.masks.replaceChildren()
    const classes = /** @type {Model} */ (this.model).classes
    const key = (/** @type {string} */ first, /** @type {string[]} */ ...last) => element("p", "", element("em", "", first), ...legend(masks, classes), ...last.map((words) => element("em", "", words)))
    if (lacksTruth(masks)) this.masks.replaceChildren(key("true mask: with its data set, which is not on this computer"))
    else this.masks.replaceChildren(trueMask(masks), key("true mask", "hatched: incorrect"))
  }

  // What is known before any exit runs comes first: a router reads nothing else.
  #showFactors(/** @type {number} */ example, /** @type {Record<string, number>} */ before = {}) {
    const model = /** @type {Model} */ (this.model)
    const span = (/** @type {string} */ name, /** @type {number} */ value) => element("span", name in before ? "offramp-before" : "", `${name} ${value.toFixed(digitsOf(value))}`)
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

  /**
   * @param {import("../core/model.js").Exit} exit
   * @param {number} k
   * @param {number} taken
   * @param {number} step
   * @param {Predictions} predictions
   * @param {number} example
   */
  #cell(exit, k, taken, step, predictions, example) {
    const model = /** @type {Model} */ (this.model)
    const { routes, pathRan } = model
    const ran = pathRan[routes.path[routes.at(step, example)]][k] === 1
    const result = resultOf(model, predictions, example, k)
    const cell = element("li", k === taken ? "offramp-taken" : ran ? "offramp-passed" : "offramp-not-run")
    cell.style.setProperty("--exit", exit.colour)
    cell.style.setProperty("--ink", inkOn(exit.colour))
    const threshold = model.thresholdAt(step, k)
    const bar = element("div", "offramp-confidence", element("b"))
    if (result.confidence === null) bar.classList.add("offramp-unknown")
    else {
      const fill = /** @type {HTMLElement} */ (bar.firstElementChild)
      fill.style.width = `${(100 * result.confidence).toFixed(1)}%`
      if (threshold !== null && model.threshold?.score === "maxprob" && Number.isFinite(threshold)) {
        const mark = element("i")
        mark.style.left = `${(100 * threshold).toFixed(1)}%`
        mark.title = `threshold ${threshold.toFixed(3)}`
        bar.append(mark)
      }
    }
    const others = predictions.classes[k].slice(1).map((other, j) => `${model.classes[other]} ${percent(predictions.probabilities[k][j + 1] ?? 0, 0)}`)
    const grade = result.correct === null && result.quality !== null ? amount(model.words, result.quality) : null
    const outcome = result.failed ? "failed" : grade !== null ? `${model.words.measure} ${grade}` : result.correct ? "correct" : "incorrect"
    const name = result.name ?? outcome
    const certain = result.confidence === null ? "" : percent(result.confidence, 0)
    const confident = certain && result.name === null ? " confident" : ""
    cell.title = [`${name} ${certain}${confident}`.trim(), ...(result.name !== null && grade !== null ? [outcome] : []), ...(others.length > 0 ? [`then ${others.join(", ")}`] : [])].join(", ")
    const mark = grade === null ? element("span", result.correct ? "offramp-yes" : "offramp-no", result.correct ? "✓" : "✗") : element("span", "offramp-probability", result.name === null ? "" : grade)
    const head = element("div", "offramp-predicted", element("span", "offramp-chip", String(k + 1)), element("strong", "", name), element("span", "offramp-probability", certain, ...(confident ? [element("span", "offramp-confident", confident)] : [])), mark)
    const why = ran ? this.#reason(k, taken, step, threshold, predictions, result.failed) : `${k < taken ? "skipped" : "not run"}: ${this.#would(step, example, result)}`
    const costs = model.stageCostsOf(example)
    const words = costs && model.words.sign ? `${why}; ${model.spent} ${costTexts(model.words.sign, costs)[k]}` : why
    const reason = element("span", "offramp-reason", words)
    reason.title = words
    cell.append(head, bar, reason, ...(predictions.masks ? [predictedMask(predictions.masks, k)] : []))
    return cell
  }

  // What an exit would have given that did not run.
  #would(/** @type {number} */ step, /** @type {number} */ example, /** @type {Result} */ { name, quality, correct, failed }) {
    const { routes, classes, words } = /** @type {Model} */ (this.model)
    if (failed) return "failed"
    if (name !== null && routes.answer) return `would say ${name === classes[routes.answer[routes.at(step, example)]] ? "the same" : `“${name}”`}`
    if (correct !== null) return `would be ${correct ? "correct" : "incorrect"}`
    const gap = printed(quality ?? 0) - printed(routes.quality[routes.at(step, example)])
    return Math.abs(gap) < 0.05 ? "as good" : `${difference(words, gap)} ${gap > 0 ? "better" : "worse"}`
  }

  // While no example is picked: what it takes to leave there.
  #gate(/** @type {import("../core/model.js").Exit} */ exit, /** @type {number} */ k, /** @type {number} */ step) {
    const model = /** @type {Model} */ (this.model)
    const cell = element("li", "offramp-gate")
    cell.style.setProperty("--exit", exit.colour)
    cell.style.setProperty("--ink", inkOn(exit.colour))
    const threshold = model.thresholdAt(step, k)
    const head = element("div", "offramp-predicted", element("span", "offramp-chip", String(k + 1)))
    const bar = element("div", "offramp-confidence")
    let words = ""
    if (k === model.exits.length - 1) words = `last ${model.words.stage}: the rest leave here`
    else if (threshold !== null && model.threshold) {
      const { falls, score } = model.threshold
      if (Number.isFinite(threshold)) {
        words = `${falls ? "≤" : "≥"} ${threshold.toFixed(2)}: leaves here`
        if (score === "maxprob") {
          const mark = element("i")
          mark.style.left = `${(100 * threshold).toFixed(1)}%`
          bar.append(mark)
        }
      } else words = (threshold === Infinity) === falls ? "all leave here" : "all drive on"
    }
    head.append(element("span", "offramp-reason", words))
    cell.title = words
    cell.append(head, bar)
    return cell
  }

  /**
   * @param {number} k
   * @param {number} taken
   * @param {number} step
   * @param {number | null} threshold
   * @param {Predictions} predictions
   * @param {boolean} failed
   */
  #reason(k, taken, step, threshold, predictions, failed) {
    const model = /** @type {Model} */ (this.model)
    const leaves = k === taken
    const does = leaves ? "leaves here" : "drives on"
    const straight = model.pathRan.every((ran) => ran.reduce((sum, runs) => sum + runs) === 1) // it is decided before any runs
    if (k === model.exits.length - 1 && !(straight && model.why[1])) return `last ${model.words.stage}: leaves here`
    if (failed) return `failed: ${does}`
    if (threshold === null || model.threshold === null || predictions.decision === null) {
      const why = model.why[leaves ? 1 : 0]
      return why ? `${why}: ${does}` : does
    }
    if (threshold === Infinity || threshold === -Infinity) return (threshold === Infinity) === model.threshold.falls ? "all leave here" : "all drive on"
    const value = predictions.decision[k] ?? -Infinity
    const tie = model.threshold.ties[step * (model.exits.length - 1) + k]
    const [shown, needed] = distinct(value, threshold)
    const what = model.threshold.score === "maxprob" ? "" : `${model.threshold.title.toLowerCase()} `
    if (value === threshold && tie < 1) return `${what}${shown}, exactly the threshold, where ${percent(tie, 0)} leave: ${does}`
    const sign = model.threshold.falls ? (leaves ? "≤" : ">") : leaves ? "≥" : "<"
    return `${what}${shown} ${sign} ${needed}: ${does}`
  }
}

/** @param {Model} model @param {Predictions} predictions @param {number} example @param {number} k @returns {Result} */
function resultOf(model, { classes, probabilities, quality, confidence }, example, k) {
  const [top] = classes[k]
  const known = confidence ? confidence[k] : (probabilities[k][0] ?? null)
  return {
    name: top === undefined ? null : model.classes[top],
    confidence: known,
    quality: quality?.[k] ?? null,
    correct: model.routes.graded ? null : model.exitIsCorrect(example, k),
    failed: confidence !== undefined && known === null,
  }
}

/** The factors that stand out, difficulty first. @param {Model} model @param {number} example @returns {[string, number][]} */
function strongest(model, example) {
  const named = Object.entries(model.factors).map(([name, values]) => /** @type {[string, number]} */ ([name, values[example]]))
  named.sort(([a, x], [b, y]) => Number(b === "difficulty") - Number(a === "difficulty") || y - x)
  return named.filter(([name, value]) => name === "difficulty" || value >= 0.1).slice(0, FACTORS)
}

/** Decimal digits of a factor: none of a count, and none of a large number. @param {number} value */
const digitsOf = (value) => (Math.abs(value) >= 100 || (Math.abs(value) > 1 && Number.isInteger(value)) ? 0 : 2)

/** Two numbers with as many digits as it takes to distinguish them, at least two. @param {number} a @param {number} b */
function distinct(a, b) {
  for (let digits = 2; digits < 7; digits++) if (a.toFixed(digits) !== b.toFixed(digits)) return [a.toFixed(digits), b.toFixed(digits)]
  return [a.toFixed(2), b.toFixed(2)]
}
