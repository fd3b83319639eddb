// The trace of one image: what every exit predicts, how confident it is, the threshold, where the image leaves, and what later exits would predict.

import { element, percent } from "../core/dom.js"

const FACTORS = 4 // strongest ones named

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
    this.drop = this.pictures?.want(example, (address) => {
      const image = element("img")
      image.alt = data.classes[data.label[example]]
      if (address) image.src = address
      picture.replaceChildren(address ? image : "No picture here.")
    })
    this.verdict = element("p", "offramp-verdict")
    this.steps = element("ol", "offramp-steps")
    const name = element("h3", "", data.classes[data.label[example]], element("small", "", ` image ${data.ids[example]}`))
    this.place.replaceChildren(close, element("div", "offramp-who", picture, element("div", "", name, this.#factors(example), this.verdict)), this.steps)
    this.paint(step)
    this.place.scrollIntoView({ block: "nearest", behavior: "smooth" })
  }

  close() {
    this.drop?.() // the wish for its picture
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
    const left = routes.exit[at]
    const answer = data.classes[routes.answer[at]]
    const outcome = routes.is_correct[at] ? "correct" : "incorrect"
    const cost = percent(data.pathCost[routes.path[at]], 0)
    this.verdict.textContent = `Leaves at ${data.exits[left].name} as “${answer}”, which is ${outcome}, for ${cost} of the full network’s ${data.spent}.`
    this.steps.replaceChildren(...data.exits.map((exit, k) => this.#exit(exit, k, left, step)))
  }

  #exit(exit, k, left, step) {
    const { data, example } = this
    const n = data.label.length
    const first = (k * n + example) * data.top
    const ran = this.#ran(k, step)
    const item = element("li", k === left ? "offramp-left" : ran ? "offramp-passed" : "offramp-unrun")
    item.style.setProperty("--exit", exit.colour)
    const sure = data.topProbability[first]
    const top = data.topClass[first]
    const correct = top === data.label[example]
    const bar = element("div", "offramp-sure", element("b"))
    bar.firstElementChild.style.width = percent(sure)
    const threshold = this.#threshold(k, step)
    if (threshold !== null && data.threshold.score === "maxprob" && Number.isFinite(threshold)) {
      const mark = element("i")
      mark.style.left = percent(threshold)
      mark.title = `threshold ${threshold.toFixed(3)}`
      bar.append(mark)
    }
    const others = []
    for (let j = 1; j < data.top; j++) others.push(`${data.classes[data.topClass[first + j]]} ${percent(data.topProbability[first + j], 0)}`)
    item.append(
      element("span", "offramp-chip", String(k + 1)),
      element("strong", "", `${data.classes[top]} ${correct ? "✓" : "✗"}`),
      element("span", "offramp-probability", percent(sure)),
      bar,
      element("small", "", others.length ? `then ${others.join(", ")}` : ""),
      element("span", "offramp-why", ran ? this.#why(k, left, threshold) : `${k < left ? "skipped" : "not run"}; would say the same`),
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

  #why(k, left, threshold) {
    const { data, example } = this
    if (k === data.exits.length - 1) return "leaves here: the last exit takes all"
    if (threshold === null) return k === left ? "leaves here" : "goes on"
    if (threshold === Infinity || threshold === -Infinity) {
      const open = (threshold === Infinity) === data.threshold.falls
      return open ? "leaves here: at this budget all images do" : "goes on: at this budget no image leaves here"
    }
    const value = data.threshold.value[k * data.label.length + example]
    const tie = data.threshold.ties[this.step * (data.exits.length - 1) + k]
    if (value === threshold && tie < 1) {
      const [shown] = apart(value, threshold)
      return `${k === left ? "leaves here" : "goes on"}: ${data.threshold.title.toLowerCase()} ${shown}, exactly the threshold, where ${percent(tie, 0)} leave`
    }
    const enough = k === left
    const sign = enough === data.threshold.falls ? "≤" : "≥"
    const compare = enough ? sign : data.threshold.falls ? ">" : "<"
    const [shown, needed] = apart(value, threshold)
    return `${enough ? "leaves here" : "goes on"}: ${data.threshold.title.toLowerCase()} ${shown} ${compare} ${needed}`
  }

  #factors(example) {
    const named = Object.entries(this.data.factors)
      .map(([name, values]) => [name, values[example]])
      .sort(([a, x], [b, y]) => (b === "difficulty") - (a === "difficulty") || y - x)
    const strongest = named.filter(([name, value]) => name === "difficulty" || value >= 0.1).slice(0, FACTORS)
    return element("p", "offramp-factors", ...strongest.map(([name, value]) => element("span", "", `${name} ${value.toFixed(2)}`)))
  }
}

// Two numbers with as many digits as tell them apart, two at least.
function apart(a, b) {
  for (let digits = 2; digits < 7; digits++) if (a.toFixed(digits) !== b.toFixed(digits)) return [a.toFixed(digits), b.toFixed(digits)]
  return [a.toFixed(2), b.toFixed(2)]
}
