// The explore block: one budget, and every part painted from it, at most once a frame.

import { count, element } from "../core/dom.js"
import { facts } from "../core/facts.js"
import { Model } from "../core/model.js"
import { Pictures } from "../core/pictures.js"
import { nearest, readView, writeSelection, writeView } from "../core/view.js"
import { layOut } from "../core/layout.js"
import { passingBy } from "../core/road.js"
import { USUAL, amount } from "../core/words.js"
import { Calculator } from "../parts/calculator.js"
import { Columns } from "../parts/columns.js"
import { Controls } from "../parts/controls.js"
import { Filters } from "../parts/filters.js"
import { Front } from "../parts/front.js"
import { Game } from "../parts/game.js"
import { Grid } from "../parts/grid.js"
import { Headline } from "../parts/headline.js"
import { Help } from "../parts/help.js"
import { Panel } from "../parts/panel.js"
import { Keys } from "../parts/keys.js"
import { Notices } from "../parts/notices.js"
import { Present } from "../parts/present.js"
import { Rail } from "../parts/rail.js"
import { Readouts } from "../parts/readouts.js"
import { Road } from "../parts/road.js"
import { TakeHome } from "../parts/take_home.js"
import { Trace } from "../parts/trace.js"

/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("../core/view.js").Remark} Remark */
/** @typedef {import("../core/source.js").Source} Source */
/** @typedef {import("../parts/controls.js").Selection} Selection */
/**
 * What a host gives first, see app/payload/explore_data.py: enough for a first paint.
 * scope: of which examples a file holds, if not of all;  terms: of which data set images or texts are shown, if it matters to those who pass
 * them on;  noWords: why words cannot be coloured, if they cannot;  saving: why the policy cannot be saved, or empty, and how it is used;
 * words: if they are not the usual ones.
 * @typedef {{
 *   selection: Selection, defaults: Selection, choices: import("../parts/controls.js").Choices, notices: string[],
 *   first: import("../core/model.js").AtBudget, exits: import("../core/model.js").Exit[],
 *   full: number, spent: string, tested: number, front: import("../parts/front_scene.js").FrontData, speedupVerdict: string[], missing: string, scope?: string, terms?: string, noWords?: string, saving: {unavailable: string, usage: string}, words?: import("../core/words.js").Words,
 * }} ExploreData
 */

/**
 * What stands beside the road, such as a calculator. It is drawn for what is opened and painted at every budget.
 * @typedef {{model: Model, data: ExploreData, source: Source, pictures: Pictures | null}} Opened
 * follow: called with the address's parameters when they are to be followed; returns remarks about what is invalid in them.
 * @typedef {{
 *   draw: (opened: Opened) => void, paint: (view: View, now: import("../core/model.js").AtBudget) => void, dispose: () => void,
 *   follow?: (parameters: Record<string, string>, view: View) => Remark[],
 * }} Extra
 */

const SETTLE = 150 // ms without a move before the address follows

export class Explore {
  /**
   * @param {HTMLElement} root empty
   * @param {{
   *   address: import("../core/address.js").Address, select: (change: Partial<Selection>, budget?: number) => void,
   *   guarantee?: import("../parts/panel.js").Guarantee, above?: number,
   * }} host
   *   select: called when another bundle, policy or unit is wanted; the host then calls open() again
   *   guarantee: the budget at which a promise about errors is kept, where that can be computed
   *   above: px of the host's own above the block
   */
  constructor(root, { address, select, guarantee, above = 0 }) {
    this.root = root
    root.toggleAttribute("data-empty", true) // until there is something to control
    this.above = above
    this.address = address
    address.onWrite = () => this.#keepTrueRemarks()
    const place = (/** @type {string} */ name, tag = "div") => element(/** @type {"div"} */ (tag), name && `offramp-${name}`)
    const places = {
      controls: place("controls"),
      tools: place("tools"),
      panel: place("panel"),
      notices: place("notices"),
      headline: place("headline"),
      points: place("points"),
      front: place("front"),
      rail: place("rail"),
      road: place("road"),
      columns: place("columns"),
      trace: place("trace", "aside"),
      readouts: place("numbers"),
      key: place("key"),
      filters: place("filtering"),
      gallery: place("gallery"),
      tables: place("tables"),
    }
    this.note = element("p", "offramp-budget-note")
    this.speedup = element("div", "offramp-speedup")
    this.controls = new Controls(places.controls, (name, chip) => this.#togglePanel(name, chip))
    this.panel = new Panel(places.panel, {
      select: (change, budget) => {
        this.#settleNow()
        select(change, budget)
      },
      move: (step) => this.#move(step, true),
      close: () => this.#closePanel(),
      cards: async () => this.source?.cards() ?? [],
      guarantee,
    })
    this.notices = new Notices(places.notices)
    this.headline = new Headline(places.headline)
    this.rail = new Rail(places.rail, (step, done) => this.#move(step, done))
    this.road = new Road(places.road)
    this.columns = new Columns(places.columns, {
      pick: (example) => this.#pick(example),
      open: (exit) => this.#open(exit),
      all: (exit) => this.#showAll(exit),
      touch: (exit) => this.road.touch(exit),
    })
    this.trace = new Trace(places.trace, () => this.#pick(null))
    this.readouts = new Readouts(places.readouts)
    this.front = new Front(
      places.front,
      places.key,
      (cost, done) => this.#pointAt(cost, done),
      () => this.#layOut(),
      (unit) => select({ unit }),
    )
    this.filters = new Filters(places.filters, (change) => this.#change(change))
    this.grid = new Grid(places.gallery, { pick: (example) => this.#pick(example), change: (change) => this.#change(change), close: () => this.#showAll(null) })
    this.calculator = new Calculator(places.tools, { address, move: (step, done) => this.#move(step, done) })
    this.present = new Present(root, places, {
      address,
      move: (step, done) => this.#move(step, done),
      settle: () => this.#settleNow(),
      layOut: () => this.#layOut(true),
      close: () => this.#closeTop(),
    })
    this.keys = new Keys(root, places.tools, { presenting: () => this.present.presenting, act: (action) => this.#act(action) })
    const game = new Game(places.tools, (code) => this.#showGame(code))
    /** @type {Extra[]} */
    this.extras = [this.present, this.calculator, game, new TakeHome(root, places)]
    this.opened = -1 // the exit whose column shows all, where there are many
    /** @type {{example: number | null, exit: number}} */
    this.followed = { example: null, exit: -1 } // the picked example, and the exit whose column was opened for it
    /** @type {(Remark & {values: (string | undefined)[]})[]} */
    this.remarks = [] // about the address, as long as what they speak of stays:  values: of the parameters
    this.stage = element("div", "offramp-stage", places.front, places.rail, element("div", "offramp-ground", places.road, places.columns))
    root.classList.add("offramp")
    root.setAttribute("role", "region")
    root.setAttribute("aria-label", "Budget explorer")
    root.replaceChildren(
      element("div", "offramp-top", places.controls, places.tools),
      places.panel,
      places.notices,
      places.headline,
      places.points,
      this.stage,
      places.filters,
      places.gallery,
      places.trace,
      element("div", "offramp-details", places.readouts, places.key, this.note, this.speedup, places.tables),
      this.calculator.node,
      this.keys.dialog,
      new Help(root).node,
    )
    this.resized = new ResizeObserver(() => this.#layOut())
    this.resized.observe(this.stage)
    this.onResize = () => this.#layOut() // of the window's height
    addEventListener("resize", this.onResize)
    void document.fonts.ready.then(() => this.#layOut(true)) // texts have other widths then
    this.onKey = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {HTMLElement} */ (event.target)
      if (event.key === "Escape" && !event.defaultPrevented && !target.closest("dialog")) this.#dismiss() // a dialog closes itself
    }
    root.addEventListener("keydown", this.onKey)
    /** @type {HTMLElement | null} */
    this.chip = null // that opened the panel, if it is open
    /** @type {Source | null} */
    this.source = null
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
    /** @type {string | null} */
    this.scope = null // what is said of the examples in place of what the data say
    this.done = "" // how far figures of all examples are, while those of a sample are shown
    this.withoutImages = "" // a sentence on what tiles show instead
  }

  /**
   * Show a bundle under a policy. The first paint waits for nothing; later ones replace what is shown once all of it is there. Fetching may
   * fail, and then it can be tried again. The view is that of the address, and what is invalid there is replaced.
   * @param {ExploreData} data
   * @param {Source} source
   */
  async open(data, source) {
    this.opening = data
    this.source = source
    this.notices.set("failure", null)
    if (!this.model) this.#drawFirst(data)
    try {
      const [bundle, sweep] = await Promise.all([source.bundle(), source.sweep()])
      if (this.opening === data) this.#show(new Model(bundle, sweep, data.words), data, source)
    } catch (problem) {
      if (this.opening !== data) return // something else is being opened by now
      this.fail(`The data of this view could not be fetched. ${/** @type {Error} */ (problem).message}`, () => void this.open(data, source))
    }
  }

  /** Show the view that the address asks for. Returns remarks about what is invalid in it. */
  follow() {
    clearTimeout(this.timer)
    this.timer = undefined
    if (!this.model) return /** @type {Remark[]} */ ([])
    const parameters = this.address.parameters()
    const { view, notices } = readView(parameters, this.model)
    this.view = view
    const others = this.extras.flatMap((extra) => extra.follow?.(parameters, view) ?? [])
    this.#paint()
    this.#openUsed()
    const all = [...notices, ...others]
    if (all.length > 0) this.#remark(all)
    else this.#keepTrueRemarks()
    return all
  }

  /**
   * Something is being fitted; what is shown until then is marked as what it is.
   * @param {{what: string, share: number} | null} progress null when it has ended
   * @param {() => void} [cancel]
   */
  busy(progress, cancel) {
    const until = this.model && this.data ? ` The numbers below are still those of “${titleOf(this.data, "policy")}” on “${titleOf(this.data, "bundle")}”.` : ""
    this.root.toggleAttribute("data-busy", progress !== null)
    if (progress) {
      const detail = progress.share > 0 ? `${Math.floor(100 * progress.share)}%` : ""
      this.notices.set("busy", { text: `${progress.what} …${until}`, detail, action: cancel && { title: "Cancel", press: cancel } })
    } else {
      this.notices.set("busy", null)
      if (this.data) this.panel.draw(this.data.choices, this.data.selection)
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

  /**
   * Others than those of the data are being computed: of which examples the figures are until then, in place of what the data say.
   * @param {string | null} scope null if none are
   * @param {string} [done] how far that is, such as "37%"; empty if it has ended
   */
  awaiting(scope, done = "") {
    this.scope = scope
    this.done = done
    this.root.toggleAttribute("data-awaiting", done !== "")
    if (!this.model || !this.data) return
    this.filters.say(this.#hint(this.data))
    this.#paintFacts()
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
    this.resized.disconnect()
    removeEventListener("resize", this.onResize)
    this.root.removeEventListener("keydown", this.onKey)
    this.address.onWrite = null
    this.opening = this.data = this.model = this.view = null // what is still being fetched is not shown
    for (const part of [this.front, this.columns, this.trace, this.grid, this.keys, ...this.extras, this.pictures]) part?.dispose()
    this.pictures = null
    this.root.replaceChildren()
    delete this.root.dataset.ready
  }

  // What needs nothing but the data that came first.
  #drawFirst(/** @type {ExploreData} */ data) {
    this.data = data
    this.root.toggleAttribute("data-empty", false)
    const { words = USUAL } = data
    this.root.toggleAttribute("data-graded", words.graded)
    this.root.toggleAttribute("data-named", words.best !== "")
    this.controls.draw(data.choices, data.selection)
    this.panel.draw(data.choices, data.selection)
    this.headline.draw(data.full, data.spent, words)
    const selected = data.choices.unit.find(({ value }) => value === data.selection.unit)
    this.front.draw(data.front, data.choices.unit.length > 1, words, { value: data.selection.unit, title: selected?.title ?? data.selection.unit })
    this.road.draw(data.exits, data.tested, words)
    this.columns.draw(data.exits, { spent: data.spent, tested: data.tested, chain: data.front.marksExits, words })
    this.opened = mostUsed(data.first)
    this.#layOut(true)
    this.rail.preview(data.first.cost)
    this.speedup.replaceChildren(...data.speedupVerdict.map((sentence) => element("p", "", sentence)))
    this.#paintBudget(data.first, null)
  }

  #show(/** @type {Model} */ model, /** @type {ExploreData} */ data, /** @type {Source} */ source) {
    this.#keepMove()
    if (this.model) this.#drawFirst(data)
    this.model = model
    const before = this.pictures
    if (before?.images.key !== source.images?.key) this.pictures = source.images && new Pictures(source.images)
    this.rail.draw(model)
    this.readouts.draw(model)
    this.readouts.intervals = data.front.intervals
    this.panel.drawModel(model)
    this.note.hidden = model.notes.every((note) => note === "") // else its space is reserved, so that nothing jumps when the budget moves
    this.withoutImages = source.images || !data.missing ? "" : `${data.missing} Tiles show the ${model.label ? "first letters of their classes" : "ends of their ids"} instead.`
    this.filters.draw(model, this.#hint(data))
    this.keys.draw(model)
    this.grid.draw(model, this.pictures)
    this.columns.drawCast(model, this.pictures)
    this.trace.draw(model, this.pictures, source, data.noWords)
    for (const extra of this.extras) extra.draw({ model, data, source, pictures: this.pictures })
    if (before !== this.pictures) before?.dispose()
    const notices = this.follow()
    this.#remark([...data.notices.map((text) => ({ about: ["bundle", "policy", "unit"], text })), ...notices])
    this.root.dataset.ready = "true"
  }

  #hint(/** @type {ExploreData} */ data) {
    return `${this.withoutImages} ${this.scope ?? data.scope ?? ""}`.trim()
  }

  // A move of which the address has yet to hear, when something else is shown.
  #keepMove() {
    if (this.timer === undefined || !this.model || !this.view) return
    clearTimeout(this.timer)
    this.timer = undefined
    const { budget } = writeView(this.view, this.model, this.address.parameters())
    this.address.replace({ budget })
  }

  // Say what the address asked for and did not get, and correct it there.
  #remark(/** @type {Remark[]} */ remarks) {
    this.#writeAddress()
    const parameters = this.address.parameters()
    this.remarks = remarks.map((remark) => ({ ...remark, values: remark.about.map((name) => parameters[name]) }))
    this.#keepTrueRemarks()
  }

  // A remark goes when the address has another value of what it speaks of.
  #keepTrueRemarks() {
    const parameters = this.address.parameters()
    this.remarks = this.remarks.filter(({ about, values }) => about.every((name, i) => parameters[name] === values[i]))
    this.notices.set("address", this.remarks.length > 0 ? { text: this.remarks.map(({ text }) => text).join(" ") } : null)
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

  #act(/** @type {Exclude<import("../core/keys.js").Action, "keys">} */ action) {
    const actions = {
      present: () => this.present.enter(),
      leave: () => this.present.leave(),
      close: () => this.present.close(),
      dismiss: () => this.#dismiss(),
      next: () => this.present.next(1),
      previous: () => this.present.next(-1),
      reset: () => this.present.reset(),
      nextExit: () => this.columns.stepSign(1),
      previousExit: () => this.columns.stepSign(-1),
      filter: () => this.filters.focus(),
    }
    actions[action]()
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
    const change = writeView(this.view, model, this.address.parameters())
    if (this.present.presenting) this.address.replace(change) // Back leaves a talk
    else this.address.push(change)
    this.#paint()
    if (example === null) return this.columns.focus(view.picked)
    this.trace.reveal()
  }

  // What lies over the block: the table of all keys, the sum over the road, or the example. Returns whether there was any.
  #closeTop() {
    if (this.keys.close() || this.road.hideSum()) return true
    if (!this.view || this.view.picked === null) return false
    this.#pick(null)
    return true
  }

  // Escape, where the part that has the focus does not close itself.
  #dismiss() {
    if (this.chip) this.#closePanel()
    else if (this.#closeTop()) return
    else if (!this.calculator.node.hidden) this.calculator.close()
    else if (this.view && this.view.open !== null) this.#showAll(null)
  }

  #togglePanel(/** @type {keyof Selection} */ name, /** @type {HTMLElement} */ chip) {
    if (this.chip === chip) return this.#closePanel()
    this.chip = chip
    this.controls.mark(true)
    void this.panel.show(name)
  }

  #closePanel() {
    this.chip?.focus({ preventScroll: true })
    this.chip = null
    this.controls.mark(false)
    this.panel.hide()
  }

  // A column that shows all; the others are narrower where there are many.
  #open(/** @type {number} */ exit) {
    if (exit === this.opened) return
    this.opened = exit
    this.#layOut(true)
  }

  // The column of the picked example, or the one where most leave at the budget of the address.
  #openUsed() {
    const { model, view } = this
    if (!model || !view) return
    if (view.picked === null) this.#open(mostUsed(model.at(view.step)))
    else this.#open(model.routes.exit[model.routes.at(view.step, view.picked)])
  }

  // The column of the picked example, when it is picked and when it moves. Until then another one can be opened.
  #openPicked() {
    const { model, view, followed } = this
    if (!model || !view) return
    const exit = view.picked === null ? -1 : model.routes.exit[model.routes.at(view.step, view.picked)]
    if (followed.example === view.picked && followed.exit === exit) return
    this.followed = { example: view.picked, exit }
    if (exit >= 0) this.#open(exit)
  }

  // The address has it at once, since what follows is to copy it.
  #showGame(/** @type {string | null} */ game) {
    this.#change({ game })
    this.#settleNow()
  }

  // List all examples of an exit; again, or null: no longer.
  #showAll(/** @type {number | null} */ exit) {
    const before = this.view?.open ?? null
    this.#change({ open: exit === before ? null : exit })
    if (exit !== null && exit !== before) this.grid.focus()
    else if (before !== null) this.columns.focusAll(before)
  }

  // Everything that depends on the size of the block, or on which column is open.
  #layOut(again = false) {
    const { data } = this
    const { scale } = this.present
    const size = { width: this.stage.clientWidth, height: innerHeight - (scale ? 0 : this.above), scale }
    if (!data || !size.width) return
    const axes = this.front.showsRuns ? data.front.axes : data.front.withoutRuns
    const end = axes.cost[1]
    const same = this.layout && this.layout.end === end && this.size?.width === size.width && this.size.height === size.height
    if (same && !again) return
    this.size = size
    const layout = layOut(size, data.exits.length, end, this.opened)
    this.layout = layout
    this.root.toggleAttribute("data-down", layout.down)
    this.root.toggleAttribute("data-short", layout.short)
    this.columns.layOut(layout)
    this.road.layOut(layout, this.columns.places)
    this.rail.layOut(layout)
    this.front.layOut(layout) // which takes the height that is left where the block is presented
    this.trace.layOut(layout)
  }

  #paint() {
    this.frame = undefined
    const { view, model } = this
    if (!view || !model) return
    this.#openPicked()
    const now = model.at(view.step, view.subset)
    this.#paintBudget(now, now.passing ?? passingBy(model, view.step))
    this.#paintFacts()
    this.note.textContent = model.notes[view.step]
    this.rail.paint(view.step, now.of !== undefined)
    this.columns.paintCast(view)
    this.columns.paintOpen(view.open)
    this.readouts.paint(now)
    this.panel.paint(view.step)
    this.filters.paint(view)
    this.root.toggleAttribute("data-listing", view.open !== null)
    this.grid.paint(view, now)
    this.trace.paint(view)
    for (const extra of this.extras) extra.paint(view, now)
  }

  // That figures are those of a sample is said where they are, too.
  #paintFacts() {
    const { view, model, data } = this
    if (!view || !model || !data) return
    const mix = data.front.curves.find(({ kind }) => kind === "mix")
    const sample = this.scope === null ? [] : [`of a sample of ${count(data.tested)}${this.done && ` (all: ${this.done} done)`}`]
    this.headline.paintFacts([...sample, ...(view.subset === null ? facts(model, view.step, mix) : [])])
  }

  #paintBudget(/** @type {import("../core/model.js").AtBudget} */ now, /** @type {Float64Array | null} */ passing) {
    const { words = USUAL } = /** @type {ExploreData} */ (this.data)
    this.headline.paint(now)
    const all = now.of && this.model ? this.model.at(now.step) : now // the front and its curves are those of all examples
    this.front.paint({ ...all, label: `${!now.of ? "" : this.layout?.down ? "all: " : `all ${words.many}: `}${amount(words, all.accuracy)}` })
    this.road.paint(now, passing)
    this.columns.paint(now)
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
    this.front.settle()
    this.headline.announce(this.note.textContent ?? "")
    this.#writeAddress()
  }
}

/** Of what is selected. @param {ExploreData} data @param {keyof Selection} name */
const titleOf = ({ choices, selection }, name) => choices[name].find(({ value }) => value === selection[name])?.title ?? selection[name]

/** The exit where most leave. @param {import("../core/model.js").AtBudget} now */
const mostUsed = ({ exits }) => exits.reduce((best, { share }, k) => (share > exits[best].share ? k : best), 0)
