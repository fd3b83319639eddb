// The front, accuracy against cost. Drawn once for a size; a move of the budget only moves the dot, its guide and its label.

import { button, element, percent } from "../core/dom.js"
import { around, besides, freest, grown, nearestOnLine, shared } from "../core/placement.js"
import { shape } from "../core/svg.js"
import { textWidth } from "../core/text_width.js"
import { USUAL, adapted, amount } from "../core/words.js"
import { Card } from "./card.js"
import { scene, stroke, symbol } from "./front_scene.js"

const [NEAR, NEAR_FINGER, NEAR_LINE] = [14, 24, 9] // px from the pointer to what it points at
/** What a curve is, by its kind. @type {Record<string, string>} */
const ABOUT = {
  oracle: "what leaving at the best exit for each example would give, a bound that no policy reaches",
  hull: "the best that leaving by chance could give, if it were known which exits do well on test",
  mix: "what leaving by chance gives",
  calibration: "the policy on the examples on which its knob was set",
}
const DOT = 20 // px across the dot
const DRAG = 6 // px that a finger moves before it drags
const LABEL = 1.15 // size of the dot's label in em
const APART = 10 // px between the dot's label and an exit
/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 } // from one marker to the next

/** @typedef {import("../core/placement.js").Point} Point */
/** @typedef {import("./front_scene.js").Curve} Curve */
/** @typedef {import("./front_scene.js").FrontData} FrontData */
/** @typedef {import("./front_scene.js").Item} Item */
/** @typedef {import("./front_scene.js").Scene} Scene */
/** @typedef {{pointer: number, start: Point, onName: boolean, dragged: boolean}} Press  a button or finger that is down; onName: went down on a name */
/** @typedef {"pointerdown" | "pointermove" | "pointerup" | "pointercancel" | "pointerleave"} PointerType */

export class Front {
  /**
   * @param {HTMLElement} place  an empty element, which the part fills
   * @param {HTMLElement} key  an empty element, for the names of curves that are hidden or have no room, and for the real runs
   * @param {(cost: number | null, done: boolean) => void} onPoint  a cost was pointed at; null if the drag was cancelled
   * @param {() => void} onRuns  real runs are shown or hidden, which may need another length of the axis
   * @param {(unit: string) => void} onUnit  another unit of cost is wanted, because only there real runs can be drawn
   */
  constructor(place, key, onPoint, onRuns, onUnit) {
    this.onPoint = onPoint
    this.runs = false // whether real runs are wanted
    this.changed = "" // the unit of cost that came with showing them
    this.switch = button("offramp-runs", "", () => {
      const unit = this.front?.runsUnit
      this.runs = unit ? true : !this.runs
      this.changed = unit ?? ""
      if (unit) return onUnit(unit)
      this.why.textContent = ""
      this.#drawNames()
      onRuns()
    })
    /** @type {import("../core/layout.js").Layout | null} */
    this.layout = null
    this.off = new Set(["calibration", "hull"]) // kinds of curves that are not shown
    this.drawing = shape("svg", { class: "offramp-drawing", role: "img" })
    this.names = element("div", "offramp-curve-names")
    this.spots = element("div", "offramp-spots")
    this.spots.setAttribute("role", "group")
    this.spots.setAttribute("aria-label", "Exits and real runs")
    this.guide = element("div", "offramp-guide")
    this.dot = element("div", "offramp-dot")
    this.label = element("div", "offramp-dot-label")
    this.dot.hidden = this.guide.hidden = this.label.hidden = true
    this.plot = element("div", "offramp-plot", this.guide, this.drawing, this.names, this.spots, this.dot, this.label)
    this.card = new Card(this.plot)
    this.key = key
    this.key.classList.add("offramp-front-key")
    place.append(this.plot)
    /** @type {FrontData | null} */
    this.front = null
    this.units = false // whether other units can be shown here
    this.words = USUAL
    /** @type {Curve[]} */
    this.curves = []
    /** @type {Scene | null} */
    this.scene = null // null until there is a front and room for it
    this.size = { width: 0, height: 0 } // that the scene is drawn for
    /** @type {{cost: number, accuracy: number, label: string} | null} */
    this.point = null // of the dot
    /** @type {Point | null} */
    this.at = null // the same in pixels
    /** @type {string | undefined} */
    this.side = undefined // of the dot that its label is on
    /** @type {Map<string, {button: HTMLButtonElement, colour: string, name: string}>} */
    this.buttons = new Map() // kind of curve -> the button with its name
    /** @type {HTMLElement[]} */
    this.devices = [] // what the symbols of runs mean
    this.why = element("span") // the axis is another one
    /** @type {HTMLElement[]} */
    this.markers = [] // of exits and runs, in the order of the scene's items, to be reached by keyboard
    this.#listen()
  }

  /**
   * @param {FrontData} front
   * @param {boolean} units whether other units can be shown here
   * @param {import("../core/words.js").Words} words
   * @param {{value: string, title: string}} selected the unit of cost
   */
  draw(front, units, words, selected) {
    this.front = front
    this.units = units
    this.words = words
    this.card.hide()
    this.drawing.setAttribute("aria-label", front.alt)
    this.plot.style.setProperty("--run", front.runColour)
    this.key.style.setProperty("--run", front.runColour)
    this.#drawNames()
    this.why = element("span", "offramp-runs-why", this.changed && this.changed === selected.value ? `Axis and costs are now in “${selected.title}”, in which these runs are measured.` : "")
    this.devices = front.devices.map((device, i) => {
      const swatch = shape("svg", { class: "offramp-swatch", viewBox: "-8 -8 16 16", "aria-hidden": "true" }, symbol(i))
      return element("span", "offramp-device", swatch, element("span", "", front.devices.length === 1 ? "Measured time, by batch size" : `Measured time on ${device}`))
    })
    this.#layOut(true)
  }

  /** Whether real runs are drawn. */
  get showsRuns() {
    return this.runs && (this.front?.runs.length ?? 0) > 0
  }

  /** @param {import("../core/layout.js").Layout} layout  the axis of cost is that of all below */
  layOut(layout) {
    this.layout = layout
    this.#layOut(true)
  }

  /** Move the dot to a point of the front. @param {{cost: number, accuracy: number, label: string}} point */
  paint(point) {
    this.point = point
    if (!this.scene) return
    const { scales, area, marks, exits, type } = this.scene
    const at = { x: scales.cost.toPixels(point.cost), y: scales.accuracy.toPixels(point.accuracy) }
    const size = { width: type.width(point.label, LABEL, 700) + 8, height: LABEL * 1.3 * type.em }
    const scale = this.layout?.scale ?? 1
    const gaps = [12, 26, 44].map((gap) => gap * scale)
    const places = besides(at, size, gaps)
    for (const place of places) if (place.name === this.side) place.penalty = (place.penalty ?? 0) - 4 // it stays where it is, unless that is worse
    // It may be above the curves, in line with the title. Close to an exit, it would be taken for that exit's accuracy.
    const apart = exits.map((exit) => grown(exit, APART * scale))
    const place = freest(places, [...marks, ...apart], { ...area, top: 0 })
    this.side = place.name
    this.at = at
    this.label.textContent = point.label
    this.dot.style.transform = `translate(${at.x.toFixed(1)}px, ${at.y.toFixed(1)}px)`
    this.guide.style.transform = `translateX(${at.x.toFixed(1)}px)`
    this.label.style.transform = `translate(${place.left.toFixed(1)}px, ${place.top.toFixed(1)}px)`
    if (this.dot.hidden) this.dot.hidden = this.guide.hidden = this.label.hidden = false
  }

  /** Once the dot has come to rest: a name that it lies on goes elsewhere. */
  settle() {
    const { at, scene } = this
    if (!at || !scene || this.card.item) return // a card goes when the chart is drawn again
    const size = DOT * (this.layout?.scale ?? 1)
    if ([...scene.names.values()].some((name) => shared(name, around(at.x, at.y, size, size)) > 0)) this.#layOut(true)
  }

  dispose() {
    this.card.hide()
    this.front = this.scene = null
  }

  // Draw for the current size. again: even if the size is the same
  #layOut(again = false) {
    const size = { width: this.plot.clientWidth, height: this.plot.clientHeight }
    if (!this.front || !this.layout || !size.width || !size.height) return
    if (!again && this.size.width === size.width && this.size.height === size.height) return
    this.size = size
    this.card.hide()
    const { left, right, end, scale, down } = this.layout
    const shown = { left, right, end, scale, down, runs: this.showsRuns, graded: this.words.graded, point: this.point ?? undefined }
    this.scene = scene({ ...this.front, curves: this.curves }, size, typeOf(this.plot), this.off, shown)
    this.markers = this.scene.items.map(({ lines }, i) => spot(lines, i === 0))
    this.spots.replaceChildren(...this.markers)
    const { area, items, names, nodes } = this.scene
    this.drawing.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`)
    this.drawing.replaceChildren(...nodes)
    this.guide.style.top = `${area.top}px`
    this.guide.style.height = `${area.bottom - area.top}px`
    items.forEach(({ x, y, size }, i) => placed(this.markers[i], around(x, y, size + 6, size + 6)))
    this.#placeNames(names)
    this.side = undefined // the names have other places
    if (this.point) this.paint(this.point)
  }

  // Beside measured runs, what the policy's curve shows is called what it is.
  #drawNames() {
    const curves = this.front?.curves ?? []
    this.curves = curves.map((curve) => (this.showsRuns && curve.kind === "policy" ? { ...curve, name: `${curve.name}, predicted` } : curve))
    this.buttons = new Map(this.curves.map((curve) => [curve.kind, { button: this.#button(curve), colour: curve.colour, name: curve.name }]))
  }

  // Beside the curves if there is room, else below the chart.
  #placeNames(/** @type {Scene["names"]} */ names) {
    const { activeElement } = /** @type {Document | ShadowRoot} */ (this.plot.getRootNode())
    const focused = [...this.buttons.values()].find(({ button }) => button === activeElement)
    /** @type {HTMLElement[]} */
    const beside = []
    /** @type {HTMLElement[]} */
    const below = []
    for (const [kind, { button, colour, name }] of this.buttons) {
      const place = names.get(kind)
      button.setAttribute("aria-pressed", String(!this.off.has(kind)))
      const help = ABOUT[kind]
      button.title = `${name}: ${help ? `${adapted(this.words, help)}. Press to ` : ""}${this.off.has(kind) ? "show" : "hide"}`
      const text = /** @type {Element} */ (button.lastElementChild)
      text.textContent = place?.text ?? name
      if (place) placed(button, place)
      else button.removeAttribute("style")
      button.style.setProperty("--curve", colour)
      ;(place ? beside : below).push(button)
    }
    this.names.replaceChildren(...beside)
    const elsewhere = this.units && this.front?.runsUnit
    this.switch.textContent = elsewhere ? "Show measured runs, on an axis of time" : this.runs ? "Hide measured runs" : "Show measured runs"
    this.key.replaceChildren(...below, ...(elsewhere || this.front?.runs.length ? [this.switch] : []), ...(this.showsRuns ? [...this.devices, this.why] : []))
    focused?.button.focus({ preventScroll: true })
  }

  #button(/** @type {Curve} */ curve) {
    const swatch = shape("svg", { class: "offramp-swatch", viewBox: "0 0 20 8", "aria-hidden": "true" }, stroke(curve, "M0 4H20"))
    const toggle = () => {
      if (!this.off.delete(curve.kind)) this.off.add(curve.kind)
      this.#layOut(true)
    }
    const node = button(`offramp-curve-name offramp-curve-name-${curve.kind}`, "", toggle)
    node.append(swatch, element("span", "", curve.name))
    return node
  }

  // A press anywhere on the chart moves the budget there; a drag moves it along. A finger may also scroll the page or tap a marker.
  // On the name of a curve, a press is for the name, but a drag is for the budget as everywhere else.
  #listen() {
    const position = (/** @type {PointerEvent} */ event) => {
      const box = this.plot.getBoundingClientRect()
      return { x: event.clientX - box.left, y: event.clientY - box.top }
    }
    const point = (/** @type {PointerEvent} */ event, /** @type {boolean} */ done) => {
      this.card.hide()
      if (this.scene) this.onPoint(this.scene.scales.cost.toShare(position(event).x), done)
    }
    /** @type {Press | null} */
    let held = null
    const listen = (/** @type {PointerType} */ type, /** @type {(event: PointerEvent) => void} */ listener) => this.plot.addEventListener(type, listener)
    const drag = (/** @type {Press} */ press, /** @type {PointerEvent} */ event) => {
      press.dragged = true
      this.plot.setPointerCapture(event.pointerId)
      point(event, false)
    }
    listen("pointerdown", (event) => {
      if (!this.scene || event.button !== 0 || held) return
      const onName = /** @type {Element} */ (event.target).closest("button") !== null
      held = { pointer: event.pointerId, start: position(event), onName, dragged: false }
      if (event.pointerType !== "touch" && !onName) drag(held, event)
    })
    listen("pointermove", (event) => {
      if (!this.scene) return
      if (!held) {
        if (event.pointerType !== "touch") this.#hover(position(event), NEAR)
        return
      }
      if (event.pointerId === held.pointer && (held.dragged || Math.abs(position(event).x - held.start.x) > DRAG)) drag(held, event)
    })
    listen("pointerup", (event) => {
      if (!held || event.pointerId !== held.pointer || !this.scene) return
      const tapped = !held.dragged && (held.onName || this.#hover(position(event), NEAR_FINGER, false))
      held = null
      if (!tapped) point(event, true)
    })
    listen("pointercancel", (event) => {
      if (!held || event.pointerId !== held.pointer) return
      if (held.dragged) this.onPoint(null, true)
      held = null
    })
    listen("pointerleave", (event) => {
      if (held && !held.dragged) held = null
      if (!held && event.pointerType !== "touch") this.card.hide()
    })
    this.spots.addEventListener("focusin", (event) => this.scene && this.#mark(this.scene.items[this.#indexOf(event.target)]))
    this.spots.addEventListener("focusout", () => this.card.hide())
    this.spots.addEventListener("keydown", (event) => {
      const step = STEPS[event.key]
      if (!step) return
      event.preventDefault()
      const from = this.#indexOf(event.target)
      const next = this.markers[from + step]
      if (!next) return
      this.markers[from].tabIndex = -1
      next.tabIndex = 0
      next.focus({ preventScroll: true })
    })
  }

  #indexOf(/** @type {EventTarget | null} */ marker) {
    return this.markers.findIndex((other) => other === marker)
  }

  // Mark what is near a position: an exit or a run, else a curve. Returns whether there is any.
  #hover(/** @type {Point} */ at, /** @type {number} */ reach, curves = true) {
    const near = this.#nearestItem(at, reach) ?? (curves ? this.#nearestCurve(at) : null)
    if (near) this.#mark(near)
    else this.card.hide()
    return Boolean(near)
  }

  #nearestItem(/** @type {Point} */ at, /** @type {number} */ reach) {
    const distance = (/** @type {Item} */ item) => Math.hypot(item.x - at.x, item.y - at.y)
    const near = this.scene?.items.filter((item) => distance(item) <= reach) ?? []
    return near.sort((a, b) => distance(a) - distance(b)).at(0)
  }

  /** @returns {Item | null} */
  #nearestCurve(/** @type {Point} */ at) {
    if (!this.scene) return null
    const { curves, scales } = this.scene
    let best = null
    for (const { curve, points } of [...curves].reverse()) {
      const point = nearestOnLine(points, at) // the policy comes first, and stays unless another is clearly nearer
      if (point.distance < Math.min(NEAR_LINE, (best?.distance ?? Infinity) - 2)) best = { ...point, curve }
    }
    if (!best) return null
    const { measure, reference } = this.words
    const facts = [`${amount(this.words, scales.accuracy.toShare(best.y))} ${measure}`, `${percent(scales.cost.toShare(best.x))} of the ${reference}’s cost`]
    return { x: best.x, y: best.y, size: 8, lines: [best.curve.name, ...facts] }
  }

  #mark(/** @type {Item} */ item) {
    if (!this.scene) return
    const dot = this.at ? [around(this.at.x, this.at.y, 22, 22, 40)] : []
    const soft = this.scene.marks.map((mark) => ({ ...mark, weight: mark.weight / 20 }))
    this.card.show(item, [...this.scene.exits, ...dot, ...soft])
  }
}

/** A place that is reached by keyboard. @param {string[]} lines @param {boolean} first */
function spot(lines, first) {
  const node = element("div", "offramp-spot")
  node.tabIndex = first ? 0 : -1
  node.setAttribute("role", "img")
  node.setAttribute("aria-label", lines.join(". "))
  return node
}

/** @param {HTMLElement} node @param {import("../core/placement.js").Box} box */
function placed(node, { left, top, right, bottom }) {
  Object.assign(node.style, { left: `${left.toFixed(1)}px`, top: `${top.toFixed(1)}px`, width: `${(right - left).toFixed(1)}px`, height: `${(bottom - top).toFixed(1)}px` })
}

/** The size of an element's text, and the width of any text in its font. @param {HTMLElement} node @returns {import("./front_scene.js").Type} */
function typeOf(node) {
  const { fontFamily, fontSize } = getComputedStyle(node)
  const em = parseFloat(fontSize)
  const width = (/** @type {string} */ text, size = 1, weight = 400) => textWidth(text, `${weight} ${size * em}px ${fontFamily}`)
  return { em, width }
}
