// The handle that moves the budget, on a track with the cost of each exit.

import { element, percent } from "../core/dom.js"

/** @typedef {import("../core/model.js").Model} Model */

export class Handle {
  /**
   * @param {HTMLElement} place
   * @param {(step: number, done: boolean) => void} onMove  done: the handle was released
   */
  constructor(place, onMove) {
    this.slider = element("input", "offramp-slider")
    Object.assign(this.slider, { type: "range", min: "0", step: "1", max: "0", disabled: true })
    this.ticks = element("div", "offramp-ticks")
    this.ticks.setAttribute("aria-hidden", "true")
    this.slider.addEventListener("input", () => onMove(Number(this.slider.value), false))
    this.slider.addEventListener("change", () => onMove(Number(this.slider.value), true))
    const track = element("div", "offramp-track", this.slider, this.ticks)
    place.replaceChildren(element("label", "offramp-budget", element("span", "offramp-label", "Budget"), track))
  }

  /** @param {Model} model */
  draw(model) {
    this.model = model
    this.slider.max = String(model.steps - 1)
    this.slider.disabled = false
    const [low, high] = [model.budget[0], model.budget[model.steps - 1]]
    const at = (/** @type {number} */ cost) => (high > low ? (cost - low) / (high - low) : 0)
    this.ticks.replaceChildren(
      ...model.exits.flatMap((exit, k) => {
        if (at(exit.cost) > 1.001) return []
        const tick = element("span", "offramp-tick", String(k + 1))
        tick.style.left = percent(at(exit.cost))
        tick.style.setProperty("--exit", exit.colour)
        return [tick]
      }),
    )
  }

  /** @param {number} step */
  paint(step) {
    const { model, slider } = this
    if (!model) return
    if (Number(slider.value) !== step) slider.value = String(step)
    slider.setAttribute("aria-valuetext", `${percent(model.budget[step])} of the full network’s ${model.spent}`)
    slider.style.setProperty("--filled", percent(step / Math.max(model.steps - 1, 1)))
  }
}
