// What a visitor looks at within a block, and its parameters in the address.

import { count, percent } from "./dom.js"
import { decodeGame } from "./game.js"
import { showsOf } from "./highlights.js"
import { nearest } from "./nearest.js"
import { sortsOf } from "./sorting.js"

export { nearest }

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./highlights.js").Show} Show */
/** A sentence about what an address asks for and does not get. about: the parameters that it speaks of @typedef {{about: string[], text: string}} Remark */

/**
 * step: of the budget;  subset: index, or null for all examples;  show: what is highlighted;  open: the exit whose examples are listed, or
 * null;  sort: their order;  picked: number of an example or null;  game: code of a game that is shown, or null
 * @typedef {{
 *   step: number, subset: number | null, show: Show, open: number | null, sort: string, picked: number | null, game: string | null,
 * }} View
 */

export const DEFAULT_BUDGET = 0.25
/** The parameters that a view is written to. */
export const PARAMETERS = ["budget", "class", "level", "show", "grid", "sort", "image", "game"]

/**
 * The view that an address asks for. What is invalid is replaced, with a sentence about it.
 * @param {Record<string, string>} parameters
 * @param {Model} model
 * @returns {{view: View, notices: Remark[]}}
 */
export function readView(parameters, model) {
  /** @type {Remark[]} */
  const notices = []
  const remark = (/** @type {string} */ about, /** @type {string} */ text) => void notices.push({ about: [about], text })
  const { one, many, stage } = model.words
  const [low, high] = [model.budget[0], model.budget[model.steps - 1]]
  const reached = (/** @type {number} */ budget) => Math.min(Math.max(budget, low), high)
  let budget = reached(DEFAULT_BUDGET)
  if (parameters.budget !== undefined) {
    const asked = budgetOf(parameters.budget)
    if (!Number.isNaN(asked)) budget = reached(asked)
    if (!isReached(asked, model)) {
      const [from, to] = boundTexts(low, high)
      remark("budget", `The address asks for a budget of “${short(parameters.budget)}”; it must be between ${from} and ${to}. Showing ${percent(budget)}.`)
    }
  }
  const subset = subsetOf(parameters, model, notices)
  const show = parameters.show ?? "all"
  const known = showsOf(model).some((each) => each.show === show)
  if (!known) remark("show", `The address asks for the highlight “${short(show)}”, which does not exist here. Showing none.`)
  const open = parameters.grid === undefined ? null : Number(parameters.grid) - 1
  const exists = open === null || model.exits[open] !== undefined
  if (!exists) remark("grid", `The address asks for the ${many} of ${stage} “${short(parameters.grid)}”; there are ${model.exits.length} ${stage}s.`)
  const sorts = sortsOf(model).map(({ name }) => name)
  const sort = parameters.sort ?? sorts[0]
  if (!sorts.includes(sort)) remark("sort", `The address asks for the order “${short(sort)}”, which does not exist here.`)
  const picked = parameters.image === undefined ? -1 : model.ids.indexOf(parameters.image)
  const missing = model.examples < model.tested ? `among the ${count(model.examples)} of ${count(model.tested)} that ${model.holder} holds` : "in the test split of this bundle"
  if (parameters.image !== undefined && picked < 0) remark("image", `The address asks for the ${one} “${short(parameters.image)}”, which is not ${missing}.`)
  const game = parameters.game === undefined || decodeGame(parameters.game, model) ? (parameters.game ?? null) : null
  if (parameters.game !== undefined && game === null) remark("game", `The address holds the game “${short(parameters.game)}”, which is mistyped or was played with another bundle or policy. It is not shown.`)
  const view = {
    step: nearest(model.budget, budget),
    subset,
    show: known ? /** @type {Show} */ (show) : /** @type {Show} */ ("all"),
    open: exists ? open : null,
    sort: sorts.includes(sort) ? sort : sorts[0],
    picked: picked < 0 ? null : picked,
    game,
  }
  return { view, notices }
}

/** @param {Record<string, string>} parameters @param {Model} model @param {Remark[]} notices some are added @returns {number | null} */
function subsetOf(parameters, model, notices) {
  const { list } = model.subsets
  const remark = (/** @type {string} */ text) => void notices.push({ about: ["class", "level"], text })
  const [name, level] = [parameters.class || undefined, parameters.level || undefined]
  const byClass = name === undefined ? -1 : list.findIndex((subset) => subset.class !== null && model.classes[subset.class] === name)
  const byLevel = level === undefined ? -1 : list.findIndex((subset) => subset.factor !== null && levelName(subset) === level)
  if (name !== undefined && byClass < 0) remark(`The address asks for the class “${short(name)}”, which does not exist here. Showing all classes.`)
  if (level !== undefined && byLevel < 0) remark(`The address asks for the level “${short(level)}”, which does not exist here. Showing all ${model.words.many}.`)
  if (byClass >= 0 && byLevel >= 0) remark("The address asks for a class and a level of a factor; only one subset is shown at a time. Showing the class.")
  return byClass >= 0 ? byClass : byLevel >= 0 ? byLevel : null
}

/** @param {import("./subsets.js").Subset} subset of a factor */
const levelName = ({ factor, level }) => `${factor}:${level}`

/**
 * The parameters of a link to a view, without defaults.
 * @param {View} view
 * @param {Model} model
 * @param {Record<string, string>} before the parameters that there are: a budget stays as it is written if it leads to the same step
 * @returns {import("./address.js").Change}
 */
export function writeView(view, model, before) {
  const budget = before.budget === undefined ? DEFAULT_BUDGET : budgetOf(before.budget)
  const subset = view.subset === null ? null : model.subsets.list[view.subset]
  const stays = nearest(model.budget, budget) === view.step && (before.budget === undefined || isReached(budget, model))
  return {
    budget: stays ? (before.budget ?? null) : String(Number(model.budget[view.step].toFixed(4))),
    class: subset?.class == null ? null : model.classes[subset.class],
    level: subset?.factor == null ? null : levelName(subset),
    show: view.show === "all" ? null : view.show,
    grid: view.open === null ? null : String(view.open + 1),
    sort: view.sort === sortsOf(model)[0].name ? null : view.sort,
    image: view.picked === null ? null : model.ids[view.picked],
    game: view.game,
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
 * What to ask the server for after a change of what is selected. Another bundle has its own defaults: only what is no default here is kept there.
 * @template {{bundle: string}} Selection
 * @param {Record<string, string>} parameters of the address
 * @param {{selection: Selection, defaults: Selection}} shown
 * @param {Record<string, string>} change
 */
export function changed(parameters, { selection, defaults }, change) {
  const kept = "bundle" in change ? writeSelection(selection, defaults) : selection
  /** @type {Record<string, string | null>} */
  const all = { ...parameters, ...kept, ...change }
  return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [[name, value]])))
}

/** @param {string} text NaN if it is not a number */
const budgetOf = (text) => (text.trim() === "" ? NaN : Number(text))

/** @param {number} budget @param {Model} model */
const isReached = (budget, model) => budget >= model.budget[0] - 5e-4 && budget <= model.budget[model.steps - 1] + 5e-4

/** The least and the greatest budget, rounded to numbers that are within them. @param {number} low @param {number} high */
function boundTexts(low, high) {
  const digits = low > 0 ? Math.max(2, 1 - Math.floor(Math.log10(low))) : 2
  const [unit, exact] = [10 ** digits, 1e-9]
  return [Math.ceil(low * unit - exact) / unit, Math.floor(high * unit + exact) / unit].map((bound, i) => bound.toFixed(i === 0 ? digits : 2))
}

/** @param {string} text of a stranger, for a sentence */
const short = (text) => [...text.slice(0, 40)].map((character) => (/\p{C}/u.test(character) ? "?" : character)).join("")
