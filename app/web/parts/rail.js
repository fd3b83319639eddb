// The rail under the front, with the handle of the budget. It shows what is spent on average: no example has to stop there.

import { element, percent } from "../core/dom.js"
import { shape } from "../core/svg.js"
import { fontOf, textWidth } from "../core/text_width.js"
import { tickTexts, ticksWithWhole } from "../core/ticks.js"
import { nearest } from "../core/view.js"

/** @typedef {import("../core/layout.js").Layout} Layout */
/** @typedef {import("../core/model.js").Model} Model */

const PAGE = 10 // steps
const [Y, HEIGHT] = [12, 38] // px: the rail's middle, and the height of all
const ROOM = 24 // px behind the highest cost from which it is marked that more budget changes nothing
const REACH = 50 // px from the middle of the handle to the end of its text, without the text
const PADDING = 16 // px beside the text that more budget changes nothing, both sides together

export class Rail {
  /**
   * @param {HTMLElement} place
   * @param {(step: number, done: boolean) => void} onMove  done: the handle was released
   */
  constructor(place, onMove) {
    this.place = place
    this.onMove = onMove
    this.drawing = shape("svg", { class: "offramp-rail-drawing", "aria-hidden": "true" })
    this.track = shape("path", { class: "offramp-rail-line" })
    this.nothing = element("div", "offramp-nothing")
    this.nothing.title = "More budget changes nothing."
    this.nothingText = element("div", "offramp-nothing-text", "more budget changes nothing")
    this.text = element("span", "offramp-handle-text")
    this.handle = element("div", "offramp-handle offramp-slider", this.text)
    this.handle.setAttribute("role", "slider")
    this.handle.setAttribute("aria-label", "Budget")
    this.handle.setAttribute("aria-disabled", "true")
    this.filled = element("div", "offramp-rail-filled")
    place.replaceChildren(this.nothing, this.drawing, this.nothingText, this.filled, this.handle)
    /** @type {Model | null} */
    this.model = null
    this.step = 0
    this.nothingFrom = Infinity // px to the text that more budget changes nothing
    this.#listen()
  }

  /** @param {Model} model */
  draw(model) {
    this.model = model
    this.last = lastStepThatChanges(model)
    this.handle.tabIndex = 0
    this.handle.removeAttribute("aria-disabled")
    this.handle.setAttribute("aria-valuemin", (100 * model.cost[0]).toFixed(1))
    this.handle.setAttribute("aria-valuemax", (100 * model.cost[this.last]).toFixed(1))
    if (this.layout) this.layOut(this.layout)
  }

  /** @param {Layout} layout */
  layOut(layout) {
    this.layout = layout
    const { left, right, width, end, toPixels, scale } = layout
    const tall = HEIGHT * scale
    this.font = fontOf(this.text)
    const ticks = ticksWithWhole(0, end, (right - left) / (90 * scale))
    const texts = tickTexts(ticks)
    this.drawing.setAttribute("viewBox", `0 0 ${width / scale} ${HEIGHT}`)
    this.drawing.style.width = `${width}px`
    this.place.style.width = `${width}px`
    this.drawing.style.height = `${tall}px`
    this.drawing.replaceChildren(
      this.track,
      ...ticks.map((tick, i) => {
        const [x, whole] = [toPixels(tick) / scale, tick === 1]
        const edge = width / scale
        const anchor = x > edge - 40 ? "end" : "middle"
        const text = shape("text", { x: (anchor === "end" ? Math.min(x + 16, edge) : x).toFixed(1), y: HEIGHT - 5, "text-anchor": anchor, class: whole ? "offramp-rail-whole" : "" }, texts[i])
        return shape("g", {}, shape("path", { class: whole ? "offramp-rail-mark" : "offramp-rail-tick", d: `M${x.toFixed(1)} ${Y - (whole ? 8 : 4)}V${Y + (whole ? 10 : 6)}` }), text)
      }),
    )
    this.#markNothing()
    if (this.spent !== undefined) this.#place(this.spent)
  }

  /** Before the model is known. @param {number} cost spent on average */
  preview(cost) {
    this.#place(cost)
  }

  /** @param {number} step @param {boolean} [others] whether other numbers on the page are of a subset; the rail's are of all examples */
  paint(step, others = false) {
    const { model } = this
    if (!model) return
    this.others = others
    this.step = step
    this.#place(model.cost[step])
    this.handle.setAttribute("aria-valuenow", (100 * model.cost[step]).toFixed(1))
    this.handle.setAttribute("aria-valuetext", `${percent(model.cost[step])} of the ${model.words.reference}’s ${model.spent} on average`)
  }

  #place(/** @type {number} */ cost) {
    this.spent = cost
    const { layout } = this
    if (!layout) return
    const x = layout.toPixels(cost)
    const of = !this.others ? "" : layout.down ? "all: " : `all ${this.model?.words.many}: `
    this.text.textContent = `${of}average ${percent(cost, 0)}`
    this.handle.style.transform = `translateX(${x.toFixed(1)}px)`
    // Its text is on the left of the handle where it would reach out of the rail, or hide what is written there.
    const reach = REACH * layout.scale + textWidth(this.text.textContent.replace(/\d/g, "0"), this.font ?? "")
    const [outside, onText] = [x + reach > layout.width, x + reach > this.nothingFrom]
    const turned = (outside && x > layout.width / 2) || (onText && x >= reach)
    this.handle.toggleAttribute("data-turned", turned)
    this.nothingText.style.visibility = onText && !turned ? "hidden" : ""
    this.filled.style.left = `${layout.left}px`
    this.filled.style.width = `${Math.max(0, x - layout.left).toFixed(1)}px`
  }

  // Hatched from the highest cost that is reached to the end.
  #markNothing() {
    const { model, layout } = this
    if (!layout) return
    const from = model ? layout.toPixels(Math.max(...model.cost)) : layout.right
    const room = layout.right - from
    const { scale } = layout
    this.nothing.hidden = room < ROOM * scale
    this.track.setAttribute("d", `M${layout.left / scale} ${Y}H${((room < ROOM * scale ? layout.right : from) / scale).toFixed(1)}`)
    this.nothing.style.left = `${from.toFixed(1)}px`
    this.nothing.style.width = `${room.toFixed(1)}px`
    const wide = Math.ceil(textWidth(this.nothingText.textContent ?? "", fontOf(this.nothingText))) + PADDING * scale
    this.nothingText.hidden = this.nothing.hidden || wide + ROOM * scale > room
    this.nothingFrom = this.nothingText.hidden ? Infinity : from + (room - wide) / 2
    this.nothingText.style.left = `${(from + (room - wide) / 2).toFixed(1)}px`
  }

  #listen() {
    const { place, handle } = this
    /** @type {number | null} */
    let held = null
    let [grip, before] = [0, 0]
    const to = (/** @type {PointerEvent} */ event, /** @type {boolean} */ done) => {
      if (!this.model || !this.layout) return
      const x = event.clientX - place.getBoundingClientRect().left - grip
      this.onMove(nearest(this.model.cost, this.layout.toCost(x)), done)
    }
    place.addEventListener("pointerdown", (event) => {
      if (!this.model || !this.layout || event.button !== 0 || held !== null) return
      event.preventDefault()
      held = event.pointerId
      before = this.step
      const onHandle = event.target instanceof Node && handle.contains(event.target)
      grip = onHandle ? event.clientX - place.getBoundingClientRect().left - this.layout.toPixels(this.spent ?? 0) : 0
      place.setPointerCapture(held)
      handle.focus({ preventScroll: true })
      place.toggleAttribute("data-held", true)
      if (!onHandle) to(event, false)
    })
    place.addEventListener("pointermove", (event) => {
      if (event.pointerId === held) to(event, false)
    })
    place.addEventListener("pointerup", (event) => {
      if (event.pointerId !== held) return
      to(event, true)
      held = null
      place.removeAttribute("data-held")
    })
    place.addEventListener("pointercancel", (event) => {
      if (event.pointerId !== held) return
      held = null
      place.removeAttribute("data-held")
      this.onMove(before, true)
    })
    handle.addEventListener("keydown", (event) => {
      const { last = 0, step } = this
      const limit = Math.max(last, step)
      /** @type {Record<string, number>} */
      const targets = { ArrowRight: step + 1, ArrowUp: step + 1, ArrowLeft: step - 1, ArrowDown: step - 1, PageUp: step + PAGE, PageDown: step - PAGE, Home: 0, End: last }
      const target = targets[event.key]
      if (target === undefined || !this.model || event.altKey || event.ctrlKey || event.metaKey) return
      event.preventDefault()
      this.step = Math.min(Math.max(target, 0), limit) // at once: the next key may come before the next paint
      this.onMove(this.step, true)
    })
  }
}

/** The first step from which on nothing changes. @param {Model} model */
function lastStepThatChanges(model) {
  const { steps, cost, accuracy } = model
  let last = steps - 1
  while (last > 0 && cost[last - 1] === cost[steps - 1] && accuracy[last - 1] === accuracy[steps - 1]) last--
  return last
}
