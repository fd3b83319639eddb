// The explore block: one budget, and every part painted from it, at most once a frame.

import { element, percent } from "../core/dom.js"
import { Model } from "../core/model.js"
import { Pictures } from "../core/pictures.js"
import { nearest, readView, writeSelection, writeView } from "../core/view.js"
import { Controls } from "../parts/controls.js"
import { Exits } from "../parts/exits.js"
import { Filters } from "../parts/filters.js"
import { Front } from "../parts/front.js"
import { Gallery } from "../parts/gallery.js"
import { Handle } from "../parts/handle.js"
import { Headline } from "../parts/headline.js"
import { Notices } from "../parts/notices.js"
import { Readouts } from "../parts/readouts.js"
import { Trace } from "../parts/trace.js"

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/source.js").Source} Source */
/** @typedef {import("../parts/controls.js").Selection} Selection */
/**
 * What a host gives first, see app/payload/explore_data.py: enough for a first paint.
 * scope: of which examples a file holds, if not of all.
 * @typedef {{
 *   selection: Selection, defaults: Selection, choices: import("../parts/controls.js").Choices, notices: string[],
 *   first: import("../core/model.js").AtBudget, exits: import("../core/model.js").Exit[],
 *   front: import("../parts/front_scene.js").FrontData, speedupVerdict: string[], missing: string, scope?: string,
 * }} ExploreData
 */

const SETTLE = 150 // ms without a move before the address follows
const HINT = "Images closest to a change of exit come first. Click one to see what every exit predicted."

export class Explore {
  /**
   * @param {HTMLElement} root empty
   * @param {{address: import("../core/address.js").Address, select: (change: Partial<Selection>) => void}} host
   *   select: called when another bundle, policy or unit is wanted; the host then calls open() again
   */
  constructor(root, { address, select }) {
    this.root = root
    this.address = address
    const place = (/** @type {string} */ name, tag = "div") => element(/** @type {"div"} */ (tag), name && `offramp-${name}`)
    const places = {
      controls: place("controls"),
      notices: place("notices"),
      headline: place("headline"),
      handle: place("handle"),
      readouts: place("numbers"),
      front: place("front"),
      exits: place("exits"),
      filters: place("filtering"),
      gallery: place("gallery"),
      trace: place("trace", "aside"),
    }
    this.note = element("p", "offramp-budget-note")
    this.speedup = element("figcaption", "offramp-speedup")
    this.controls = new Controls(places.controls, (change) => {
      this.#settleNow()
      select(change)
    })
    this.notices = new Notices(places.notices)
    this.headline = new Headline(places.headline)
    this.handle = new Handle(places.handle, (step, done) => this.#move(step, done))
    this.readouts = new Readouts(places.readouts)
    this.front = new Front(places.front, (cost, done) => this.#pointAt(cost, done))
    this.exits = new Exits(places.exits)
    this.filters = new Filters(places.filters, (change) => this.#change(change))
    this.gallery = new Gallery(places.gallery, (example) => this.#pick(example))
    this.trace = new Trace(places.trace, () => this.#pick(null))
    root.classList.add("offramp")
    root.setAttribute("role", "region")
    root.setAttribute("aria-label", "Budget explorer")
    root.replaceChildren(
      places.controls,
      places.notices,
      element("div", "offramp-sticky", places.headline, places.handle),
      places.readouts,
      this.note,
      element("div", "offramp-charts", element("figure", "offramp-figure", places.front, this.speedup), places.exits),
      places.filters,
      element("div", "offramp-body", places.gallery, places.trace),
    )
    this.onKey = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape" && this.view && this.view.picked !== null) this.#pick(null)
    }
    root.addEventListener("keydown", this.onKey)
    /** @type {ExploreData | null} */
    this.data = null
    /** @type {Model | null} */
    this.model = null
    /** @type {View | null} */
    this.view = null
    /** @type {Pictures | null} */
    this.pictures = null
    /** @type {number | undefined} */
    this.frame = undefined // in which the view will be painted
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined // after which the view is settled
  }

  /**
   * Show a bundle under a policy. The first paint waits for nothing; later ones replace what is shown once all of it is there. Fetching may
   * fail, and then it can be tried again. The view is that of the address, and what is invalid there is replaced.
   * @param {ExploreData} data
   * @param {Source} source
   */
  async open(data, source) {
    this.opening = data
    this.notices.set("failure", null)
    if (!this.model) this.#drawFirst(data)
    try {
      const [bundle, sweep] = await Promise.all([source.bundle(), source.sweep()])
      if (this.opening === data) this.#show(new Model(bundle, sweep), data, source)
    } catch (problem) {
      if (this.opening !== data) return // something else is being opened by now
      this.fail(`The data of this view could not be fetched. ${/** @type {Error} */ (problem).message}`, () => void this.open(data, source))
    }
  }

  /** Show the view that the address asks for. Returns sentences about what is invalid in it. */
  follow() {
    clearTimeout(this.timer)
    this.timer = undefined
    if (!this.model) return []
    const { view, notices } = readView(this.address.parameters(), this.model)
    this.view = view
    this.#paint()
    return notices
  }

  /**
   * Something is being fitted; what is shown until then is marked as what it is.
   * @param {{what: string, share: number} | null} progress null when it has ended
   * @param {() => void} [cancel]
   */
  busy(progress, cancel) {
    const title = this.data?.choices.policy.find(({ value }) => value === this.data?.selection.policy)?.title
    const until = this.model && title ? ` The numbers below are still those of “${title}”.` : ""
    this.root.toggleAttribute("data-busy", progress !== null)
    if (progress) {
      const detail = progress.share > 0 ? `${Math.floor(100 * progress.share)}%` : ""
      this.notices.set("busy", { text: `${progress.what} …${until}`, detail, action: cancel && { title: "Cancel", press: cancel } })
    } else {
      this.notices.set("busy", null)
      if (this.data) this.controls.draw(this.data.choices, this.data.selection)
    }
  }

  /**
   * What was asked for could not be had. What is shown stays.
   * @param {string} reason a sentence
   * @param {() => void} retry
   */
  fail(reason, retry) {
    const press = () => {
      this.notices.set("failure", null)
      retry()
    }
    this.notices.set("failure", { text: reason, action: { title: "Try again", press } })
  }

  /** Fetch what could not be fetched before. */
  retry() {
    this.pictures?.retry()
    this.trace.retry()
    this.notices.press("failure")
  }

  dispose() {
    clearTimeout(this.timer)
    if (this.frame) cancelAnimationFrame(this.frame)
    this.root.removeEventListener("keydown", this.onKey)
    this.opening = this.data = this.model = this.view = null // what is still being fetched is not shown
    for (const part of [this.front, this.gallery, this.trace, this.pictures]) part?.dispose()
    this.pictures = null
    this.root.replaceChildren()
    delete this.root.dataset.ready
  }

  // What needs nothing but the data that came first.
  #drawFirst(/** @type {ExploreData} */ data) {
    this.data = data
    this.controls.draw(data.choices, data.selection)
    this.front.draw(data.front)
    this.exits.draw(data.exits, data.first.exits[0].difficulty !== null)
    this.speedup.replaceChildren(...data.speedupVerdict.map((sentence) => element("p", "", sentence)))
    this.#paintBudget(data.first)
  }

  #show(/** @type {Model} */ model, /** @type {ExploreData} */ data, /** @type {Source} */ source) {
    this.#keepMove()
    if (this.model) this.#drawFirst(data)
    this.model = model
    const before = this.pictures
    if (before?.images.key !== source.images?.key) this.pictures = source.images && new Pictures(source.images)
    this.handle.draw(model)
    this.readouts.draw(model)
    this.note.hidden = model.notes.every((note) => note === "") // else its space is reserved, so that nothing jumps when the budget moves
    const images = source.images ? HINT : `${data.missing} Tiles show the names of classes instead.`
    this.filters.draw(model.classes, `${images} ${data.scope ?? ""}`.trim())
    this.gallery.draw(model, this.pictures)
    this.trace.draw(model, this.pictures, source, data.missing)
    if (before !== this.pictures) before?.dispose()
    const notices = this.follow()
    const all = [...data.notices, ...notices]
    this.notices.set("address", all.length ? { text: all.join(" ") } : null)
    this.#writeAddress()
    this.root.dataset.ready = "true"
  }

  // A move of which the address has yet to hear, when something else is shown.
  #keepMove() {
    if (this.timer === undefined || !this.model || !this.view) return
    clearTimeout(this.timer)
    this.timer = undefined
    const { budget } = writeView(this.view, this.model, this.address.parameters())
    this.address.replace({ budget })
  }

  // What is default or invalid is not kept in the address.
  #writeAddress() {
    const { data, view, model } = this
    if (!data || !view || !model) return
    this.address.replace({ ...writeSelection(data.selection, data.defaults), ...writeView(view, model, this.address.parameters()) })
  }

  // To the budget whose cost is nearest to the one pointed at; null if the drag was cancelled.
  #pointAt(/** @type {number | null} */ cost, /** @type {boolean} */ done) {
    if (this.model && this.view) this.#move(cost === null ? this.view.step : nearest(this.model.cost, cost), done)
  }

  #move(/** @type {number} */ step, /** @type {boolean} */ done) {
    if (!this.view) return
    if (step !== this.view.step) {
      this.view = { ...this.view, step }
      this.frame ??= requestAnimationFrame(() => this.#paint())
    }
    if (done) this.#settle()
  }

  #change(/** @type {Partial<View>} */ change) {
    if (!this.view) return
    this.view = { ...this.view, ...change }
    this.#paint()
    this.#settle()
  }

  #pick(/** @type {number | null} */ example) {
    const { view, model } = this
    if (!view || !model || view.picked === example) return
    this.#settleNow()
    this.view = { ...view, picked: example }
    this.address.push(writeView(this.view, model, this.address.parameters()))
    this.#paint()
    if (example === null) this.gallery.focus(view.picked)
    else this.trace.reveal()
  }

  #paint() {
    this.frame = undefined
    const { view, model } = this
    if (!view || !model) return
    this.#paintBudget(model.at(view.step))
    this.note.textContent = model.notes[view.step]
    this.handle.paint(view.step)
    this.readouts.paint(view.step)
    this.filters.paint(view)
    this.gallery.paint(view)
    this.trace.paint(view)
  }

  #paintBudget(/** @type {import("../core/model.js").AtBudget} */ now) {
    this.headline.paint(now.sentence)
    this.front.paint({ ...now, label: percent(now.accuracy) })
    this.exits.paint(now)
  }

  // When nothing has moved for a moment, the sentence is read out and the address follows.
  #settle() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.#settleNow(), SETTLE)
  }

  #settleNow() {
    clearTimeout(this.timer)
    if (this.timer === undefined) return
    this.timer = undefined
    this.headline.announce(this.note.textContent ?? "")
    this.#writeAddress()
  }
}
