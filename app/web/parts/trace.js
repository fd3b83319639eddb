// The trace of one image: the prediction, the confidence and the threshold of every exit, and where the image leaves.

import { button, element, percent } from "../core/dom.js"

const FACTORS = 4 // at most; the strongest

/** @typedef {import("../core/model.js").Model} Model */
/** @typedef {import("../core/pictures.js").Pictures} Pictures */
/** @typedef {import("../core/source.js").Predictions} Predictions */
/** @typedef {import("../core/source.js").Source} Source */
/** @typedef {import("../core/view.js").View} View */

export class Trace {
  /**
   * @param {HTMLElement} place
   * @param {() => void} onClose
   */
  constructor(place, onClose) {
    this.place = place
    this.place.classList.add("offramp-trace")
    this.place.setAttribute("aria-label", "Trace of one image")
    this.place.hidden = true
    this.onClose = onClose
    this.verdict = element("p", "offramp-verdict")
    this.steps = element("ol", "offramp-steps")
    /** @type {Model | null} */
    this.model = null
    /** @type {Pictures | null} */
    this.pictures = null
    /** @type {Source | null} */
    this.source = null
    this.missing = ""
    /** @type {View | null} */
    this.view = null
    /** @type {number | null} */
    this.example = null
    /** @type {Predictions | null} */
    this.predictions = null // of the example, once they have come
    /** @type {(() => void) | undefined} */
    this.drop = undefined // the request for its image
  }

  /**
   * @param {Model} model
   * @param {Pictures | null} pictures null if there are no images
   * @param {Source} source
   * @param {string} missing why there are no images, if there are none
   */
  draw(model, pictures, source, missing) {
    this.#close()
    this.model = model
    this.pictures = pictures
    this.source = source
    this.missing = missing
  }

  /** @param {View} view */
  paint(view) {
    const { model } = this
    const example = view.picked
    if (!model) return
    this.view = view
    if (example !== this.example) {
      if (example === null) this.#close()
      else this.#open(model, example)
    }
    if (example === null) return
    const { routes } = model
    const at = routes.at(view.step, example)
    const taken = routes.exit[at]
    const predicted = model.classes[routes.answer[at]]
    const outcome = routes.is_correct[at] ? "correct" : "incorrect"
    const cost = percent(model.pathCost[routes.path[at]], 0)
    this.verdict.textContent = `Leaves at ${model.exits[taken].name} with “${predicted}” (${outcome}), at ${cost} of the full network’s ${model.spent}.`
    const { predictions } = this
    if (predictions) this.steps.replaceChildren(...model.exits.map((_, k) => exitStep(model, predictions, example, view.step, k)))
  }

  // Fetch what could not be fetched before.
  retry() {
    if (this.example !== null && !this.predictions) void this.#fetch(this.example)
  }

  // Bring it into view if it is outside.
  reveal() {
    this.place.scrollIntoView({ block: "nearest", behavior: "smooth" })
  }

  dispose() {
    this.#close()
  }

  #open(/** @type {Model} */ model, /** @type {number} */ example) {
    this.drop?.()
    this.example = example
    this.place.hidden = false
    const close = button("offramp-close", "×", () => this.onClose())
    close.setAttribute("aria-label", "Close the trace")
    const picture = element("div", "offramp-picture", this.missing)
    this.drop = this.pictures?.request(example, (address) => {
      const image = element("img")
      image.alt = model.classes[model.label[example]]
      if (address) image.src = address
      picture.replaceChildren(address ? image : "No image.")
    })
    this.steps.replaceChildren()
    const name = element("h3", "", model.classes[model.label[example]], element("small", "", ` image ${model.ids[example]}`))
    this.place.replaceChildren(close, element("div", "offramp-example", picture, element("div", "", name, factorsOf(model, example), this.verdict)), this.steps)
    this.predictions = null
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
      if (this.view) this.paint(this.view)
    } catch (problem) {
      if (!current()) return
      const again = button("offramp-retry", "Try again", () => this.retry())
      this.steps.replaceChildren(element("li", "", `What the exits predict could not be fetched. ${/** @type {Error} */ (problem).message} `, again))
    }
  }

  #close() {
    this.drop?.()
    this.drop = undefined
    this.example = null
    this.place.hidden = true
    this.place.replaceChildren()
  }
}

/**
 * What an exit predicted, and why the example left there or did not.
 * @param {Model} model @param {Predictions} predictions  of the example @param {number} example @param {number} step  of the budget @param {number} k  the exit
 */
function exitStep(model, predictions, example, step, k) {
  const { routes } = model
  const at = routes.at(step, example)
  const taken = routes.exit[at]
  const ran = model.pathRan[routes.path[at]][k] === 1
  const [classes, probabilities] = [predictions.classes[k], predictions.probabilities[k]]
  const item = element("li", k === taken ? "offramp-taken" : ran ? "offramp-passed" : "offramp-not-run")
  item.style.setProperty("--exit", model.exits[k].colour)
  const [top, confidence] = [classes[0], probabilities[0]]
  const correct = top === model.label[example]
  const filled = element("b")
  filled.style.width = percent(confidence)
  const bar = element("div", "offramp-confidence", filled)
  const threshold = model.thresholdAt(step, k)
  if (threshold !== null && model.threshold?.score === "maxprob" && Number.isFinite(threshold)) {
    const mark = element("i")
    mark.style.left = percent(threshold)
    mark.title = `threshold ${threshold.toFixed(3)}`
    bar.append(mark)
  }
  const others = classes.slice(1).map((other, j) => `${model.classes[other]} ${percent(probabilities[j + 1], 0)}`)
  const reason = ran ? reasonOf(model, predictions, step, k, k === taken) : `${k < taken ? "skipped" : "not run"}; would have predicted this`
  item.append(
    element("span", "offramp-chip", String(k + 1)),
    element("strong", "", `${model.classes[top]} ${correct ? "✓" : "✗"}`),
    element("span", "offramp-probability", percent(confidence)),
    bar,
    element("small", "", others.length ? `then ${others.join(", ")}` : ""),
    element("span", "offramp-reason", reason),
  )
  return item
}

/**
 * Why an example leaves at an exit that ran, or does not.
 * @param {Model} model @param {Predictions} predictions @param {number} step @param {number} k  the exit @param {boolean} leaves
 */
function reasonOf(model, { decision }, step, k, leaves) {
  const outcome = leaves ? "leaves here" : "continues"
  if (k === model.exits.length - 1) return "leaves here: this is the last exit"
  const rule = model.threshold
  const threshold = model.thresholdAt(step, k)
  if (!rule || threshold === null) return outcome
  if (threshold === Infinity || threshold === -Infinity) {
    const allLeave = (threshold === Infinity) === rule.falls
    return allLeave ? "leaves here: at this budget all images do" : "continues: at this budget no image leaves here"
  }
  if (!decision) return outcome
  const value = decision[k]
  const tie = rule.ties[step * (model.exits.length - 1) + k]
  const score = rule.title.toLowerCase()
  const [shown, needed] = distinct(value, threshold)
  if (value === threshold && tie < 1) return `${outcome}: ${score} ${shown}, exactly the threshold, where ${percent(tie, 0)} of the images leave`
  const sign = rule.falls ? (leaves ? "≤" : ">") : leaves ? "≥" : "<"
  return `${outcome}: ${score} ${shown} ${sign} ${needed}`
}

/** Its difficulty, and what else is most marked about it. @param {Model} model @param {number} example */
function factorsOf(model, example) {
  const factors = Object.entries(model.factors).map(([name, values]) => ({ name, value: values[example] }))
  const first = (/** @type {{name: string}} */ { name }) => Number(name === "difficulty")
  factors.sort((a, b) => first(b) - first(a) || b.value - a.value)
  const strongest = factors.filter(({ name, value }) => name === "difficulty" || value >= 0.1).slice(0, FACTORS)
  return element("p", "offramp-factors", ...strongest.map(({ name, value }) => element("span", "", `${name} ${value.toFixed(2)}`)))
}

/** Two numbers with as many digits as it takes to distinguish them, at least two. @param {number} a @param {number} b */
function distinct(a, b) {
  for (let digits = 2; digits < 7; digits++) if (a.toFixed(digits) !== b.toFixed(digits)) return [a.toFixed(digits), b.toFixed(digits)]
  return [a.toFixed(2), b.toFixed(2)]
}
