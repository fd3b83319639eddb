// What a visitor looks at within a block, and its parameters in the address.

import { percent } from "./dom.js"

/** @typedef {import("./model.js").Model} Model */
/** @typedef {"all" | "correct" | "incorrect"} Show */

/**
 * step: of the budget;  class: index or null for all;  picked: number of an example or null
 * @typedef {{step: number, class: number | null, show: Show, picked: number | null}} View
 */

/** @type {Record<Show, string>} */
export const SHOWS = { all: "All", correct: "Correct", incorrect: "Incorrect" }
export const DEFAULT_BUDGET = 0.25
/** The parameters that a view is written to. */
export const PARAMETERS = ["budget", "class", "show", "image"]

/**
 * The view that an address asks for. What is invalid is replaced, with a sentence about it.
 * @param {Record<string, string>} parameters
 * @param {Model} model
 * @returns {{view: View, notices: string[]}}
 */
export function readView(parameters, model) {
  /** @type {string[]} */
  const notices = []
  const [low, high] = [model.budget[0], model.budget[model.steps - 1]]
  let budget = DEFAULT_BUDGET
  if (parameters.budget !== undefined) {
    const asked = budgetOf(parameters.budget)
    if (!Number.isNaN(asked)) budget = asked
    if (!isReached(asked, model)) {
      const instead = percent(Math.min(Math.max(budget, low), high))
      notices.push(`The address asks for a budget of “${short(parameters.budget)}”; it must be between ${low.toFixed(2)} and ${high.toFixed(2)}. Showing ${instead}.`)
    }
  }
  const byName = (parameters.class ?? "") === "" ? -1 : model.classes.indexOf(parameters.class)
  if (parameters.class && byName < 0) notices.push(`The address asks for the class “${short(parameters.class)}”, which does not exist here. Showing all classes.`)
  const show = parameters.show ?? "all"
  const known = Object.hasOwn(SHOWS, show)
  if (!known) notices.push(`The address asks for the filter “${short(show)}”, which does not exist here. Showing all.`)
  const picked = parameters.image === undefined ? -1 : model.ids.indexOf(parameters.image)
  if (parameters.image !== undefined && picked < 0) notices.push(`The address asks for the image “${short(parameters.image)}”, which is not in the test split of this bundle.`)
  const view = {
    step: nearest(model.budget, budget),
    class: byName < 0 ? null : byName,
    show: known ? /** @type {Show} */ (show) : /** @type {Show} */ ("all"),
    picked: picked < 0 ? null : picked,
  }
  return { view, notices }
}

/**
 * The parameters of a link to a view, without defaults.
 * @param {View} view
 * @param {Model} model
 * @param {Record<string, string>} before the parameters that there are: a budget stays as it is written if it leads to the same step
 * @returns {import("./address.js").Change}
 */
export function writeView(view, model, before) {
  const budget = before.budget === undefined ? DEFAULT_BUDGET : budgetOf(before.budget)
  const stays = nearest(model.budget, budget) === view.step && (before.budget === undefined || isReached(budget, model))
  return {
    budget: stays ? (before.budget ?? null) : String(Number(model.budget[view.step].toFixed(4))),
    class: view.class === null ? null : model.classes[view.class],
    show: view.show === "all" ? null : view.show,
    image: view.picked === null ? null : model.ids[view.picked],
  }
}

/**
 * The parameters of a link to what is selected, without defaults.
 * @template {Record<string, string>} Selection
 * @param {Selection} selection
 * @param {Selection} defaults
 * @returns {import("./address.js").Change}
 */
export function writeSelection(selection, defaults) {
  return Object.fromEntries(Object.entries(selection).map(([name, value]) => [name, value === defaults[name] ? null : value]))
}

/**
 * The index of the value nearest to a target.
 * @param {ArrayLike<number>} values
 * @param {number} target
 */
export function nearest(values, target) {
  let best = 0
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - target) < Math.abs(values[best] - target)) best = i
  return best
}

/** @param {string} text NaN if it is not a number */
const budgetOf = (text) => (text.trim() === "" ? NaN : Number(text))

/** @param {number} budget @param {Model} model */
const isReached = (budget, model) => budget >= model.budget[0] - 5e-4 && budget <= model.budget[model.steps - 1] + 5e-4

/** @param {string} text of a stranger, for a sentence */
const short = (text) => [...text.slice(0, 40)].map((character) => (/\p{C}/u.test(character) ? "?" : character)).join("")
