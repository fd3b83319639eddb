// The trace of one image: the prediction, the confidence and the threshold of every exit, and where the image leaves.

import { element, percent } from "../core/dom.js"

const FACTORS = 4 // at most; the strongest

export class Trace {
  constructor(place, onClose) {
    this.place = place
    this.onClose = onClose
    this.example = null
  }

  draw(data, routes, pictures) {
    Object.assign(this, { data, routes, pictures })
    this.close()
  }

  open(example, step) {
    this.drop?.()
    this.example = example
    this.place.hidden = false
    const { data } = this
    const close = element("button", "offramp-close", "×")
    close.type = "button"
    close.setAttribute("aria-label", "Close the trace")
    close.onclick = () => this.onClose()
    const picture = element("div", "offramp-picture", data.missing)
    this.drop = this.pictures?.request(example, (address) => {
      const image = element("img")
      image.alt = data.classes[data.label[example]]
      if (address) image.src = address
      picture.replaceChildren(address ? image : "No image.")
    })
    this.verdict = element("p", "offramp-verdict")
    this.steps = element("ol", "offramp-steps")
    const name = element("h3", "", data.classes[data.label[example]], element("small", "", ` image ${data.ids[example]}`))
    this.place.replaceChildren(close, element("div", "offramp-example", picture, element("div", "", name, this.#factors(example), this.verdict)), this.steps)
    this.answers = null
    this.paint(step)
    data.answers(example).then(
      (answers) => {
        if (this.example !== example) return
        this.answers = answers
        this.paint(this.step)
      },
      (problem) => {
        if (this.example === example) this.steps.replaceChildren(element("li", "", `What the exits predict could not be fetched: ${problem.message}`))
      },
    )
    this.place.scrollIntoView({ block: "nearest", behavior: "smooth" })
  }

  close() {
    this.drop?.() // the request for its image
    this.drop = null
    this.example = null
    this.place.hidden = true
    this.place.replaceChildren()
  }

  paint(step) {
    if (this.example === null) return
    this.step = step
    const { data, routes, example } = this
    const at = routes.at(step, example)
    const taken = routes.exit[at]
    const predicted = data.classes[routes.answer[at]]
    const outcome = routes.is_correct[at] ? "correct" : "incorrect"
    const cost = percent(data.pathCost[routes.path[at]], 0)
    this.verdict.textContent = `Leaves at ${data.exits[taken].name} with “${predicted}” (${outcome}), at ${cost} of the full network’s ${data.spent}.`
    if (this.answers) this.steps.replaceChildren(...data.exits.map((exit, k) => this.#exit(exit, k, taken, step)))
  }

  #exit(exit, k, taken, step) {
    const { data, example } = this
    const [classes, probabilities] = [this.answers.classes[k], this.answers.probabilities[k]]
    const ran = this.#ran(k, step)
    const item = element("li", k === taken ? "offramp-taken" : ran ? "offramp-passed" : "offramp-not-run")
    item.style.setProperty("--exit", exit.colour)
    const [top, confidence] = [classes[0], probabilities[0]]
    const correct = top === data.label[example]
    const bar = element("div", "offramp-confidence", element("b"))
    bar.firstElementChild.style.width = percent(confidence)
    const threshold = this.#threshold(k, step)
    if (threshold !== null && data.threshold.score === "maxprob" && Number.isFinite(threshold)) {
      const mark = element("i")
      mark.style.left = percent(threshold)
      mark.title = `threshold ${threshold.toFixed(3)}`
      bar.append(mark)
    }
    const others = []
    for (let j = 1; j < classes.length; j++) others.push(`${data.classes[classes[j]]} ${percent(probabilities[j], 0)}`)
    item.append(
      element("span", "offramp-chip", String(k + 1)),
      element("strong", "", `${data.classes[top]} ${correct ? "✓" : "✗"}`),
      element("span", "offramp-probability", percent(confidence)),
      bar,
      element("small", "", others.length ? `then ${others.join(", ")}` : ""),
      element("span", "offramp-reason", ran ? this.#reason(k, taken, threshold) : `${k < taken ? "skipped" : "not run"}; would have predicted this`),
    )
    return item
  }

  #ran(k, step) {
    return this.data.pathRan[this.routes.path[this.routes.at(step, this.example)]][k] === 1
  }

  #threshold(k, step) {
    const { threshold: spec, exits } = this.data
    const threshold = spec && k < exits.length - 1 ? spec.threshold[step * (exits.length - 1) + k] : NaN
    return Number.isNaN(threshold) ? null : threshold
  }

  #reason(k, taken, threshold) {
    const { data } = this
    if (k === data.exits.length - 1) return "leaves here: this is the last exit"
    if (threshold === null) return k === taken ? "leaves here" : "continues"
    if (threshold === Infinity || threshold === -Infinity) {
      const allLeave = (threshold === Infinity) === data.threshold.falls
      return allLeave ? "leaves here: at this budget all images do" : "continues: at this budget no image leaves here"
    }
    const value = this.answers.decision[k]
    const tie = data.threshold.ties[this.step * (data.exits.length - 1) + k]
    if (value === threshold && tie < 1) {
      const [shown] = distinct(value, threshold)
      return `${k === taken ? "leaves here" : "continues"}: ${data.threshold.title.toLowerCase()} ${shown}, exactly the threshold, where ${percent(tie, 0)} of the images leave`
    }
    const leaves = k === taken
    const sign = data.threshold.falls ? (leaves ? "≤" : ">") : leaves ? "≥" : "<"
    const [shown, needed] = distinct(value, threshold)
    return `${leaves ? "leaves here" : "continues"}: ${data.threshold.title.toLowerCase()} ${shown} ${sign} ${needed}`
  }

  #factors(example) {
    const named = Object.entries(this.data.factors)
      .map(([name, values]) => [name, values[example]])
      .sort(([a, x], [b, y]) => (b === "difficulty") - (a === "difficulty") || y - x)
    const strongest = named.filter(([name, value]) => name === "difficulty" || value >= 0.1).slice(0, FACTORS)
    return element("p", "offramp-factors", ...strongest.map(([name, value]) => element("span", "", `${name} ${value.toFixed(2)}`)))
  }
}

// Two numbers with as many digits as it takes to distinguish them, at least two.
function distinct(a, b) {
  for (let digits = 2; digits < 7; digits++) if (a.toFixed(digits) !== b.toFixed(digits)) return [a.toFixed(digits), b.toFixed(digits)]
  return [a.toFixed(2), b.toFixed(2)]
}
