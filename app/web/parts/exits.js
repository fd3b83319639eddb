// A row for each exit: the share of the images that leave there, correct and incorrect, and their difficulty.

import { element, percent } from "../core/dom.js"

/** @typedef {import("../core/model.js").AtBudget} AtBudget */
/** @typedef {import("../core/model.js").ExitAtBudget} ExitAtBudget */
/** @typedef {{row: HTMLElement, correct: HTMLElement, incorrect: HTMLElement, share: HTMLElement, difficulty: HTMLElement | null}} Row */

export class Exits {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place
    this.place.classList.add("offramp-exits")
    /** @type {Row[]} */
    this.rows = []
  }

  /**
   * @param {import("../core/model.js").Exit[]} exits
   * @param {boolean} difficulty whether it is known
   */
  draw(exits, difficulty) {
    this.exits = exits
    const key = (/** @type {string} */ name) => element("i", `offramp-key offramp-key-${name}`)
    const shares = element("span", "", "Share of images", key("correct"), "correct", key("incorrect"), "incorrect")
    const head = element("div", "offramp-row offramp-head", element("span"), element("span", "", "Exit, cost"), shares, element("span"))
    if (difficulty) head.append(element("span", "", "Difficulty (0 easy, 1 hard)"))
    this.rows = exits.map((exit, k) => this.#row(exit, k, difficulty))
    this.place.replaceChildren(head, ...this.rows.map(({ row }) => row))
    this.place.classList.toggle("offramp-with-difficulty", difficulty)
  }

  #row(/** @type {import("../core/model.js").Exit} */ exit, /** @type {number} */ k, /** @type {boolean} */ known) {
    const [correct, incorrect, share] = [element("b", "offramp-correct"), element("b", "offramp-incorrect"), element("span", "offramp-share")]
    const name = element("span", "offramp-name", exit.name, element("small", "", ` ${percent(exit.cost, 0)}`))
    const row = element("div", "offramp-row", element("span", "offramp-chip", String(k + 1)), name, element("div", "offramp-bar", correct, incorrect), share)
    row.setAttribute("role", "group")
    row.style.setProperty("--exit", exit.colour)
    const difficulty = known ? element("div", "offramp-difficulty", element("b", "offramp-spread"), element("b", "offramp-mean"), element("span")) : null
    if (difficulty) row.append(difficulty)
    return { row, correct, incorrect, share, difficulty }
  }

  /** @param {AtBudget} now */
  paint(now) {
    now.exits.forEach((exit, k) => {
      const { row, correct, incorrect, share, difficulty } = this.rows[k]
      correct.style.width = `${100 * exit.correct}%`
      incorrect.style.width = `${100 * exit.incorrect}%`
      share.textContent = percent(exit.share)
      row.setAttribute("aria-label", `${percent(exit.share)} of the images leave at ${this.exits?.[k].name}, ${percent(exit.incorrect)} incorrect`)
      row.classList.toggle("offramp-empty", exit.share === 0)
      if (difficulty && exit.difficulty) paintDifficulty(difficulty, exit.difficulty)
    })
  }
}

function paintDifficulty(/** @type {HTMLElement} */ strip, /** @type {NonNullable<ExitAtBudget["difficulty"]>} */ { mean, low, high }) {
  const known = mean !== null && low !== null && high !== null && !Number.isNaN(mean)
  const [spread, mark, value] = /** @type {HTMLElement[]} */ ([...strip.children])
  spread.hidden = mark.hidden = !known
  value.textContent = known ? mean.toFixed(2) : "–"
  if (!known) return
  spread.style.left = `${100 * low}%`
  spread.style.width = `${100 * (high - low)}%`
  mark.style.left = `${100 * mean}%`
}
