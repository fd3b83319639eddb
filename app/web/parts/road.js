// The road with its ramps. Drawn once for a bundle, laid out once for a size; a move of the budget only changes its paths.

import { count, element } from "../core/dom.js"
import { shortNames } from "../core/naming.js"
import { sumOf } from "../core/printed.js"
import { shapeOf } from "../core/road.js"
import { shape } from "../core/svg.js"

/** @typedef {import("../core/layout.js").Layout} Layout */
/** @typedef {import("../core/model.js").AtBudget} AtBudget */
/** @typedef {import("../core/model.js").Exit} Exit */
/** @typedef {import("../core/road.js").Ground} Ground */
/** @typedef {import("../core/words.js").Words} Words */

const [THICK, THICK_SHORT, THICK_DOWN] = [44, 32, 34] // px of the road at its start
const [EDGE, EDGE_DOWN] = [14, 4] // px from the drawing's edge to the road
const LINES = 6 // of the sum, at most; the touched exit is one of them

export class Road {
  /** @param {HTMLElement} place an empty element, which the part fills */
  constructor(place) {
    this.place = place
    this.asphalt = shape("path", { class: "offramp-asphalt" })
    this.marking = shape("path", { class: "offramp-marking" })
    this.ramps = shape("g", {})
    this.lanes = shape("g", {})
    this.line = shape("path", { class: "offramp-average-line" })
    this.grip = shape("path", { class: "offramp-average-grip" })
    this.start = shape("text", { class: "offramp-road-text" })
    this.drawing = shape("svg", { class: "offramp-road-drawing", role: "img" }, this.ramps, this.asphalt, this.lanes, this.marking, this.start, this.line, this.grip)
    this.sum = element("div", "offramp-sum")
    this.sum.setAttribute("role", "tooltip")
    this.sum.hidden = true
    place.replaceChildren(this.drawing, this.sum)
    /** @type {Exit[]} */
    this.exits = []
    /** @type {number | null | undefined} the exit whose ramp is touched; null for the line, undefined for nothing */
    this.touched = undefined
    this.#listen()
  }

  /**
   * @param {Exit[]} exits
   * @param {number} tested number of examples
   * @param {Words} words
   */
  draw(exits, tested, words) {
    this.exits = exits
    this.words = words
    this.now = undefined // of other exits
    this.touch(undefined)
    this.tested = tested
    const band = (/** @type {Exit} */ exit, /** @type {number} */ k, /** @type {string} */ name) => {
      const group = shape("g", { class: name }, shape("path", { "data-exit": k }), shape("path", { "data-exit": k })) // a kerb, and what lies on it
      group.style.setProperty("--exit", exit.colour)
      return group
    }
    this.ramps.replaceChildren(...exits.map((exit, k) => band(exit, k, "offramp-ramp")))
    const lanes = exits.map((exit, k) => band(exit, k, "offramp-lane"))
    for (const lane of lanes) lane.append(shape("title", {}, `Bypass: ${words.many} that skip the ${words.stage} here and run a later one`))
    this.lanes.replaceChildren(...lanes)
  }

  /**
   * @param {Layout} layout
   * @param {number[]} places where the ramps end: the middles of the exits, across or down
   */
  layOut(layout, places) {
    const { down, short, scale } = layout
    this.layout = layout
    // Drawn in px before they are scaled, so that strokes and texts grow with the rest.
    const width = layout.width / scale
    const toPixels = (/** @type {number} */ cost) => layout.toPixels(Math.min(cost, layout.end)) / scale // a ramp beyond the axis stands at its end
    const tall = layout.road
    const wide = down ? 62 : width
    this.place.style.height = down ? "" : `${tall * scale}px`
    this.drawing.setAttribute("viewBox", `0 0 ${wide} ${tall}`)
    this.drawing.style.width = `${wide * scale}px`
    this.drawing.style.height = `${tall * scale}px`
    this.ground = down
      ? { down, start: 0, edge: EDGE_DOWN, thick: THICK_DOWN, ends: wide, places, toPixels }
      : { down, start: -16, edge: EDGE, thick: short ? THICK_SHORT : THICK, ends: tall, places: places.map((place) => place / scale), toPixels }
    this.start.setAttribute("x", "0")
    this.start.setAttribute("y", String(EDGE + this.ground.thick / 2 + 4))
    if (this.now) this.paint(this.now, this.passing ?? null)
  }

  /**
   * @param {AtBudget} now
   * @param {ArrayLike<number> | null} passing share of the examples that pass each exit without running it; null while it is not known
   */
  paint(now, passing) {
    this.now = now
    this.passing = passing
    const tested = now.of?.tested ?? this.tested ?? 0
    const examples = `${count(tested)} ${tested === 1 ? this.words?.one : this.words?.many}`
    if (this.start.textContent !== examples) this.start.textContent = examples
    const { ground, layout } = this
    if (!ground || !layout) return
    const { road, dashes, ramps, lanes, stops } = shapeOf(now.exits, passing ?? NONE, this.exits.map(({ cost }) => cost), ground)
    this.asphalt.setAttribute("d", road)
    this.marking.setAttribute("d", dashes)
    ramps.forEach((band, k) => paintBand(this.ramps.children[k], band))
    lanes.forEach((band, k) => paintBand(this.lanes.children[k], band))
    const first = stops.length > 0 ? stops[0].at - 0.4 * ground.thick * (stops[0].before - stops[0].after) : 0
    const room = !layout.down && first > 104
    this.start.style.display = room ? "" : "none"
    if (room) this.marking.setAttribute("d", dashes.replace(/^M[^M]*/, "")) // the number stands where the first dashes would be
    const x = ground.toPixels(now.cost).toFixed(1)
    const d = layout.down ? "" : `M${x} 0V${EDGE + ground.thick + 10}`
    this.line.setAttribute("d", d)
    this.grip.setAttribute("d", d)
    this.drawing.setAttribute("aria-label", `Of ${now.of ? `the examples of ${now.of.name}` : "all examples"} ${now.exits.map(({ share }, k) => `${(100 * share).toFixed(1)}% leave at ${this.exits[k].name}`).join(", ")}.`)
    if (this.touched !== undefined) this.#showSum()
  }

  // Touching a ramp or the line shows how the average comes about.
  #listen() {
    this.drawing.addEventListener("pointerover", (event) => {
      const node = /** @type {SVGElement} */ (event.target)
      if (node === this.grip) this.touch(null)
      else if (node.dataset.exit !== undefined) this.touch(Number(node.dataset.exit))
      else this.touch(undefined)
    })
    this.drawing.addEventListener("pointerleave", () => this.touch(undefined))
  }

  /** Show the sum with one exit marked, with none (null), or not at all (undefined). @param {number | null | undefined} exit */
  touch(exit) {
    if (exit === this.touched) return
    this.touched = exit
    ;[...this.ramps.children].forEach((ramp, k) => ramp.classList.toggle("offramp-touched", k === exit))
    if (exit === undefined) this.sum.hidden = true
    else this.#showSum()
  }

  /** Returns whether the sum was shown. */
  hideSum() {
    const shown = !this.sum.hidden
    this.touch(undefined)
    return shown
  }

  #showSum() {
    const { now, layout } = this
    if (!now || !layout) return
    const { terms, total } = sumOf(now)
    const names = shortNames(this.exits.map(({ name }) => name))
    const weight = (/** @type {{exit: number, adds: string}} */ term) => (term.exit === this.touched ? Infinity : parseFloat(term.adds))
    const largest = [...terms].sort((a, b) => weight(b) - weight(a)).slice(0, LINES - 1)
    const shown = terms.length <= LINES ? terms : terms.filter((term) => largest.includes(term))
    const rest = terms.filter((term) => !shown.includes(term))
    const row = (/** @type {string[]} */ texts, name = "") => {
      const cells = texts.map((text) => element("span", "", text))
      return element("div", `offramp-sum-row ${name}`, ...cells)
    }
    this.sum.replaceChildren(
      row(["", "share", "mean cost", "adds"], "offramp-sum-head"),
      ...shown.map((term) => {
        const node = row([names[term.exit], term.share, `× ${term.cost}`, `= ${term.adds}`], term.exit === this.touched ? "offramp-touched" : "")
        node.style.setProperty("--exit", this.exits[term.exit].colour)
        node.title = this.exits[term.exit].name
        return node
      }),
      ...(rest.length > 0 ? [row([`${rest.length} others`, "", "", `= ${rest.reduce((sum, term) => sum + parseFloat(term.adds), 0).toFixed(1)}%`])] : []),
      row(["spent on average", "", "", total], "offramp-sum-total"),
    )
    this.sum.hidden = false
    const x = this.touched === null || this.touched === undefined ? layout.toPixels(now.cost) : layout.toPixels(now.exits[this.touched].cost ?? this.exits[this.touched].cost)
    this.sum.style.left = `${Math.min(Math.max(x + 16, 8), Math.max(8, layout.width - 376 * layout.scale))}px`
  }
}

/** @param {Element} group @param {import("../core/road.js").Band} band */
function paintBand(group, { path, width }) {
  const [kerb, surface] = group.children
  kerb.setAttribute("d", path)
  surface.setAttribute("d", path)
  kerb.setAttribute("stroke-width", String(width + 2.2))
  surface.setAttribute("stroke-width", String(width))
}

const NONE = new Float64Array(256)
