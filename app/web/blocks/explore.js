// The explore block. Its only moving part is the step of the budget: every part paints itself from it, at most once a frame.

import { element, percent } from "../core/dom.js"
import { Exits } from "../parts/exits.js"
import { Front } from "../parts/front.js"
import { Gallery } from "../parts/gallery.js"
import { Pictures } from "../core/pictures.js"
import { Routes } from "../core/routes.js"
import { Trace } from "../parts/trace.js"

const SETTLE = 150 // ms without a move before it is reported to the server
const SHOWS = { all: "All", correct: "Correct", incorrect: "Incorrect" }

export default class Explore {
  constructor(root) {
    const part = (name) => root.querySelector(`.offramp-${name}`)
    this.root = root
    this.parts = Object.fromEntries(["sentence", "budget-note", "announcement", "slider", "ticks", "readouts", "speedup", "class", "show", "hint", "failure"].map((name) => [name, part(name)]))
    this.hint = this.parts.hint.textContent
    this.front = new Front(part("front"), (share, done) => this.#pointAt(share, done))
    this.exits = new Exits(part("exits"))
    this.gallery = new Gallery(part("gallery"), (example) => this.#pick(example))
    this.trace = new Trace(part("trace"), () => this.#pick(null))
    this.#listen()
  }

  // The sentence to show while the rest is still being fetched.
  announce(sentence) {
    if (!this.data) this.parts.sentence.textContent = sentence
  }

  // What was asked for could not be fetched. What is shown stays.
  fail(problem, retry) {
    const button = element("button", "offramp-retry", "Try again")
    button.type = "button"
    button.onclick = () => {
      this.parts.failure.hidden = true
      retry()
    }
    this.parts.failure.replaceChildren(`The data of this view could not be fetched: ${problem.message} `, button)
    this.parts.failure.hidden = false
  }

  // data: as of core/store.js.  report(view): called on release with where the visitor is
  show(data, report) {
    this.report = report
    const before = this.data && { budget: this.data.budget[this.step], ids: this.data.ids, picked: this.data.ids[this.picked] ?? null }
    this.data = data
    this.routes = new Routes(data.arrays, data.steps, data.examples)
    const previous = this.pictures
    if (previous?.address !== data.images) this.pictures = data.images ? new Pictures(data.images) : null
    const begin = before ?? data.begin
    const filter = before ? this.#sameFilter(before) : { class: data.begin.class, show: data.begin.show }
    this.gallery.filter = filter
    this.#drawControls()
    this.exits.draw(this.data)
    this.gallery.draw(this.data, this.routes, this.pictures)
    this.trace.draw(this.data, this.routes, this.pictures)
    if (previous !== this.pictures) previous?.dispose()
    this.front.draw(data).catch((problem) => this.front.plot.replaceChildren(problem.message))
    this.step = nearest(data.budget, begin.budget)
    this.#paint()
    const example = begin.picked === null || begin.picked === undefined ? -1 : this.data.ids.indexOf(begin.picked)
    if (example >= 0) this.#pick(example, false)
    else this.picked = null
    this.root.dataset.ready = "true"
  }

  dispose() {
    this.front.dispose()
    this.pictures?.dispose()
    clearTimeout(this.timer)
  }

  // The filter and the picked image are kept only if the examples are the same.
  #sameFilter(before) {
    const same = before.ids.length === this.data.ids.length && before.ids.every((id, i) => id === this.data.ids[i])
    if (!same) before.picked = null
    return same ? this.gallery.filter : { class: null, show: "all" }
  }

  #drawControls() {
    const { data, parts } = this
    parts.slider.max = data.steps - 1
    const at = (cost) => (cost - data.budget[0]) / (data.budget[data.steps - 1] - data.budget[0])
    parts.ticks.replaceChildren(
      ...data.exits.filter((exit) => at(exit.cost) <= 1.001).map((exit, k) => {
        const tick = element("span", "offramp-tick", String(k + 1))
        tick.style.left = percent(at(exit.cost))
        tick.style.setProperty("--exit", exit.colour)
        return tick
      }),
    )
    parts.class.replaceChildren(new Option("all", ""), ...data.classes.map((name, i) => new Option(name, i)))
    parts.class.value = this.gallery.filter.class ?? ""
    const group = (title, ...names) => element("div", "", element("dt", "", title), ...names.map((name) => element("dd", `offramp-${name}`)))
    parts.readouts.replaceChildren(
      group("Cost", "cost", "cost-tuned", "cost-planned"),
      group("Test accuracy", "accuracy", "accuracy-tuned"),
      group("Full network", "full"),
      group("Effective exits", "balance"),
    )
    parts["budget-note"].hidden = data.notes.every((note) => note === "") // else its space is reserved, so that nothing jumps when the budget moves
    parts.speedup.replaceChildren(...data.speedupVerdict.map((sentence) => element("p", "", sentence)))
    parts.show.replaceChildren(
      ...Object.entries(SHOWS).map(([value, title]) => {
        const button = element("button", "", title)
        button.type = "button"
        button.dataset.show = value
        button.onclick = () => this.#filter({ show: value })
        return button
      }),
    )
    parts.hint.textContent = data.images ? this.hint : `${data.missing} Tiles show the names of classes instead.`
    this.#markShow()
  }

  #listen() {
    const { slider, class: classMenu } = this.parts
    slider.addEventListener("input", () => this.#move(Number(slider.value), false))
    slider.addEventListener("change", () => this.#move(Number(slider.value), true))
    classMenu.addEventListener("change", () => this.#filter({ class: classMenu.value === "" ? null : Number(classMenu.value) }))
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.picked !== null) this.#pick(null)
    })
  }

  // To the budget whose cost is nearest to the one pointed at.
  #pointAt(share, done) {
    this.#move(share === null ? this.step : nearest(this.data.cost, share), done)
  }

  #move(step, done) {
    if (step !== this.step) {
      this.step = step
      this.frame ??= requestAnimationFrame(() => this.#paint())
    }
    if (done) this.#settle()
  }

  #filter(change) {
    Object.assign(this.gallery.filter, change)
    this.#markShow()
    this.gallery.paint(this.step)
    this.#settle()
  }

  #markShow() {
    for (const button of this.parts.show.children) button.setAttribute("aria-pressed", String(button.dataset.show === this.gallery.filter.show))
  }

  #pick(example, settle = true) {
    const previous = this.picked
    this.picked = example
    this.gallery.mark(example)
    if (example === null) {
      this.trace.close()
      this.gallery.tiles.get(previous)?.focus({ preventScroll: true })
    } else this.trace.open(example, this.step)
    if (settle) this.#settle()
  }

  #paint() {
    this.frame = null
    const { data, step, parts } = this
    parts.sentence.textContent = data.sentence[step]
    parts["budget-note"].textContent = data.notes[step]
    if (Number(parts.slider.value) !== step) parts.slider.value = step
    parts.slider.setAttribute("aria-valuetext", `${percent(data.budget[step])} of the full network’s ${data.spent}`)
    parts.slider.style.setProperty("--filled", percent(step / (data.steps - 1)))
    const readouts = {
      cost: percent(data.cost[step]),
      "cost-tuned": `${percent(data.calibrationCost[step])} on calibration`,
      "cost-planned": `${percent(data.planned[step])} planned`,
      accuracy: percent(data.accuracy[step]),
      "accuracy-tuned": `${percent(data.calibrationAccuracy[step])} on calibration`,
      full: `${percent(data.full.accuracy)} accuracy at 100%`,
      balance: `${data.effectiveExits[step].toFixed(1)} of ${data.exits.length}`,
    }
    parts.readouts.lastElementChild.title = "The number of evenly used exits with the same entropy: the exponential of the entropy of the shares"
    for (const name in readouts) parts.readouts.querySelector(`.offramp-${name}`).textContent = readouts[name]
    this.front.place({ cost: data.cost[step], accuracy: data.accuracy[step], label: percent(data.accuracy[step]) })
    this.exits.paint(step)
    this.gallery.paint(step)
    this.trace.paint(step)
  }

  // On release: announce the sentence, and report to the server.
  #settle() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      const { data, step, gallery, picked } = this
      this.parts.announcement.textContent = `${data.sentence[step]} ${data.notes[step]}`
      this.report({
        budget: data.budget[step],
        class: gallery.filter.class,
        show: gallery.filter.show,
        picked: picked === null ? null : data.ids[picked],
      })
    }, SETTLE)
  }
}

function nearest(values, target) {
  let best = 0
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - target) < Math.abs(values[best] - target)) best = i
  return best
}
