// Outcomes that can be highlighted. They depend on what the exits before the one taken predicted, mark examples and change no number.

import { adapted, amount } from "./words.js"

/** @typedef {import("./model.js").Model} Model */
/** @typedef {"all" | "low" | "incorrect" | "overthought" | "rescued" | "changing"} Show */

export const NEAR = 2 // steps of the budget within which an exit is about to change
const LOW = 0.5 // of the reference's mean quality

/** @type {Record<Show, {title: string, help: string}>} */
const SHOWS = {
  all: { title: "none", help: "All examples look the same." },
  low: { title: "low", help: "" },
  incorrect: { title: "incorrect", help: "What the example leaves with is incorrect." },
  overthought: { title: "overthought", help: "An earlier exit on its way was already correct, and the one it leaves at is incorrect." },
  rescued: { title: "rescued", help: "The first exit on its way was incorrect, and the one it leaves at is correct." },
  changing: { title: "about to change", help: `Leaves at another exit if the budget moves by ${NEAR} steps or less.` },
}

/** What can be highlighted: where quality is graded, nothing is incorrect. @param {Model} model @returns {{show: Show, title: string, help: string}[]} */
export function showsOf({ routes, full, words }) {
  /** @type {Show[]} */
  const shows = routes.graded ? ["all", "low", "changing"] : ["all", "incorrect", "overthought", "rescued", "changing"]
  const low = `Leaves with ${words.measure} below ${amount(words, LOW * full.accuracy)}, half of what the ${words.reference} has on average.`
  return shows.map((show) => ({ show, title: show === "low" ? `low ${words.measure}` : SHOWS[show].title, help: show === "low" ? low : adapted(words, SHOWS[show].help) }))
}

/**
 * @param {Model} model
 * @param {Show} show
 * @param {number} step
 * @param {number} example
 */
export function isHighlighted(model, show, step, example) {
  if (show === "all") return true
  const { routes, pathRan } = model
  const at = routes.at(step, example)
  if (show === "changing") return routes.stepsAway[at] <= NEAR
  if (show === "low") return routes.quality[at] < LOW * model.full.accuracy
  const correct = routes.quality[at] === 1
  if (show === "incorrect") return !correct
  const taken = routes.exit[at]
  const ran = pathRan[routes.path[at]]
  if (show === "rescued") {
    const first = ran.indexOf(1)
    return correct && first < taken && !model.exitIsCorrect(example, first)
  }
  return !correct && ran.some((runs, k) => runs === 1 && k < taken && model.exitIsCorrect(example, k))
}
