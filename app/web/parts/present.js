// Shows the block to a room: it fills the window in large type, with nothing but the sentence, the front, the road and the exits, and steps
// through named operating points.

import { button, element } from "../core/dom.js"
import { presentedScale } from "../core/layout.js"
import { headline } from "../core/printed.js"
import { nearestPoint, operatingPoints, pointBeyond } from "../core/operating_points.js"

/** @typedef {import("../core/operating_points.js").OperatingPoint} OperatingPoint */
/** @typedef {import("../core/view.js").View} View */

const DURATION = 700 // ms in which the road moves from one point to the next

export class Present {
  /**
   * @param {HTMLElement} root of the block
   * @param {{tools: HTMLElement, points: HTMLElement}} places for the button, and for the names of the points
   * @param {{address: import("../core/address.js").Address, move: (step: number, done: boolean) => void, settle: () => void, layOut: () => void, close: () => boolean}} block
   *   settle: writes what has changed to the address at once;  close: closes what lies over the block, such as an example, and returns whether there was any
   */
  constructor(root, { tools, points }, block) {
    this.root = root
    this.block = block
    this.presenting = false
    this.button = button("offramp-tool offramp-tool-present", "Present", () => this.enter())
    this.button.title = "Large type and nothing else (P). Arrow keys step through operating points, Esc leaves."
    tools.append(this.button)
    this.names = element("div", "offramp-point-names")
    this.names.setAttribute("role", "group")
    this.names.setAttribute("aria-label", "Operating points")
    this.definition = element("p", "offramp-point-definition")
    this.definition.setAttribute("aria-live", "polite")
    this.place = points
    this.exit = button("offramp-leave-talk", "×", () => this.leave()) // for a finger, which has no keys
    this.exit.title = "Leave (Esc)"
    this.exit.setAttribute("aria-label", "Leave")
    points.replaceChildren(this.names, this.definition, this.exit)
    /** @type {OperatingPoint[]} */
    this.points = []
    /** @type {HTMLButtonElement[]} */
    this.buttons = []
    this.step = 0 // of the budget
    this.target = 0 // to which the budget is moving
    this.before = { step: 0, focus: /** @type {Element | null} */ (null) } // what leaving restores
    this.start = 0 // step with which the talk began
    this.pushed = false // whether the address got an entry of its own when the talk began
    /** @type {number | undefined} */
    this.frame = undefined
    this.filled = false // whether it fills the screen, and not only the window
    this.onFullscreen = () => {
      if (!this.filled || document.fullscreenElement === root) return
      this.filled = false
      if (!block.close()) this.leave() // Esc is the browser's there, and had something else to close
    }
    document.addEventListener("fullscreenchange", this.onFullscreen)
    this.onFocus = (/** @type {FocusEvent} */ event) => {
      if (this.presenting && event.target instanceof Node && !root.contains(event.target)) root.focus({ preventScroll: true }) // not behind what is shown
    }
    document.addEventListener("focusin", this.onFocus)
  }

  /** By how much everything grows, if it is presented. @returns {number | undefined} */
  get scale() {
    if (!this.presenting) return undefined
    const scale = presentedScale(innerWidth, innerHeight)
    this.root.style.setProperty("--scale", scale.toFixed(4))
    return scale
  }

  /** @param {import("../blocks/explore.js").Opened} opened */
  draw({ model }) {
    this.model = model
    this.points = operatingPoints(model)
    this.buttons = this.points.map((point) => {
      const node = button("offramp-point", point.name, () => this.#go(point.step))
      node.title = `${point.name}: ${point.definition}`
      return node
    })
    this.names.replaceChildren(...this.buttons)
    const letters = Math.max(...Array.from(model.cost, (cost, i) => headline({ cost, accuracy: model.accuracy[i] }, model.full.accuracy, model.spent, model.words).sentence.length))
    this.root.style.setProperty("--letters", String(letters)) // of the longest sentence, which must fit
  }

  /** @param {View} view */
  paint({ step }) {
    this.step = step
    if (this.frame === undefined) this.target = step
    if (!this.presenting) return
    const shown = this.points.find((point) => point.step === this.target)
    this.buttons.forEach((node, i) => node.setAttribute("aria-pressed", String(this.points[i] === shown)))
    const text = shown ? `${shown.name}: ${shown.definition}` : ""
    if (this.definition.textContent !== text) this.definition.textContent = text
  }

  /**
   * Begin or end as the address says.
   * @param {Record<string, string>} parameters
   * @param {View} view
   * @returns {import("../core/view.js").Remark[]} about what is invalid there
   */
  follow({ present }, { step }) {
    this.#stop()
    this.step = this.target = step
    if (present === "1") {
      if (!this.presenting) this.#begin(false)
      return []
    }
    if (this.presenting) this.#end()
    if (present === undefined) return []
    this.block.address.replace({ present: null })
    return [{ about: ["present"], text: "The address asks to present in a way that does not exist; “present” can only be 1." }]
  }

  /** Begin at the nearest operating point, with an entry in the browser's history, so that Back leaves. */
  enter() {
    if (this.presenting || !this.model) return
    this.block.settle()
    this.block.address.push({ present: "1" })
    this.#begin(true)
    const point = nearestPoint(this.points, this.model.cost, this.step)
    if (point) {
      this.start = point.step
      this.block.move(point.step, true)
    }
    this.root.requestFullscreen?.().then(
      () => {
        this.filled = this.presenting
        if (!this.presenting) void document.exitFullscreen()
      },
      () => {}, // the window will do
    )
  }

  /** End, and restore the budget and the focus. */
  leave() {
    if (!this.presenting) return
    this.#stop()
    this.block.settle()
    const { pushed, before } = this
    this.#end()
    this.block.move(before.step, !pushed)
    if (pushed) this.block.address.back({ present: null })
    else this.block.address.replace({ present: null })
  }

  /** Close what lies over the block; if there is nothing, leave. */
  close() {
    if (!this.block.close()) this.leave()
  }

  /** To the next or the previous operating point. @param {1 | -1} direction */
  next(direction) {
    if (!this.model) return
    const point = pointBeyond(this.points, this.model.cost, this.target, direction)
    if (point) this.#go(point.step)
  }

  /** Back to the budget with which the talk began. */
  reset() {
    this.#go(this.start)
  }

  dispose() {
    this.#stop()
    if (this.presenting) this.#end()
    document.removeEventListener("fullscreenchange", this.onFullscreen)
    document.removeEventListener("focusin", this.onFocus)
  }

  #begin(/** @type {boolean} */ pushed) {
    this.presenting = true
    this.pushed = pushed
    this.before = { step: this.step, focus: document.activeElement }
    this.start = this.step
    this.root.dataset.present = "true"
    this.root.tabIndex = -1
    this.block.layOut()
    this.root.focus({ preventScroll: true })
    this.paint(/** @type {View} */ ({ step: this.step }))
  }

  #end() {
    this.presenting = false
    const filled = document.fullscreenElement === this.root
    this.filled = false
    if (filled) void document.exitFullscreen().catch(() => {})
    delete this.root.dataset.present
    this.root.removeAttribute("tabindex")
    this.root.style.removeProperty("--scale")
    this.block.layOut()
    const { focus } = this.before
    this.root.blur()
    if (focus instanceof HTMLElement && focus.isConnected && focus !== document.body) focus.focus({ preventScroll: true })
  }

  // Through all budgets between, so that one sees who changes the exit.
  #go(/** @type {number} */ step) {
    this.#stop()
    this.target = step
    const from = this.step
    if (from === step || matchMedia("(prefers-reduced-motion: reduce)").matches) return this.block.move(step, true)
    const start = performance.now()
    const move = (/** @type {number} */ now) => {
      const share = Math.min(1, Math.max(0, now - start) / DURATION)
      const eased = share < 0.5 ? 2 * share * share : 1 - 2 * (1 - share) ** 2
      this.frame = share < 1 ? requestAnimationFrame(move) : undefined
      this.block.move(Math.round(from + eased * (step - from)), share === 1)
    }
    this.frame = requestAnimationFrame(move)
    this.paint(/** @type {View} */ ({ step: from })) // the name of where it goes, at once
  }

  #stop() {
    if (this.frame !== undefined) cancelAnimationFrame(this.frame)
    this.frame = undefined
    this.target = this.step
  }
}
