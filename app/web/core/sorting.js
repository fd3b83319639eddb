// Orders in which the examples of an exit can be listed.

import { hashOf } from "./cast.js"
import { factorTitle } from "./factors.js"

/** @typedef {import("./model.js").Model} Model */
/** @typedef {{name: string, title: string, help: string}} Sort  name: as in the address */

const FACTOR = "factor:"

/** The orders that a model has what it takes for; the first is the default. @param {Model} model @returns {Sort[]} */
export function sortsOf(model) {
  const { confidence, factors, routes } = model
  const { measure, stage } = model.words
  const top = routes.answer ? "top probability" : "confidence"
  const sorts = []
  if (confidence) sorts.push({ name: "typical", title: "most typical", help: "Nearest to the median confidence of those listed." })
  if (confidence || factors.difficulty) sorts.push({ name: "hardest", title: "hardest", help: factors.difficulty ? "Highest difficulty." : `Lowest confidence at the ${stage}.` })
  sorts.push({ name: "random", title: "random", help: "By the hash of their ids: the same order at every visit." })
  sorts.push({ name: "change", title: "closest to a change", help: `Fewest steps of the budget until they leave at another ${stage}.` })
  if (confidence) sorts.push({ name: "confidence", title: "most confident", help: `Highest ${top} at the ${stage}.` })
  if (routes.graded) sorts.push({ name: "quality", title: `lowest ${measure}`, help: `Lowest ${measure} where they leave.` })
  for (const factor of Object.keys(factors)) {
    if (factor !== "difficulty") sorts.push({ name: `${FACTOR}${factor}`, title: `most ${factorTitle(factor)}`, help: `Highest ${factorTitle(factor)}.` })
  }
  return sorts
}

/**
 * Examples in an order, highlighted ones first. Equal ones keep the order of their numbers.
 * @param {Model} model
 * @param {number[]} examples all leave at one exit
 * @param {number} step
 * @param {string} sort
 * @param {(example: number) => boolean} first
 * @returns {number[]}
 */
export function sorted(model, examples, step, sort, first) {
  const key = keyOf(model, examples, step, sort)
  const keyed = examples.map((example) => ({ example, rank: first(example) ? 0 : 1, key: key(example) }))
  keyed.sort((a, b) => a.rank - b.rank || a.key - b.key || a.example - b.example)
  return keyed.map(({ example }) => example)
}

/** @param {Model} model @param {number[]} examples @param {number} step @param {string} sort @returns {(example: number) => number} lowest first */
function keyOf(model, examples, step, sort) {
  const { routes, factors } = model
  const confidence = (/** @type {number} */ example) => model.confidenceAt(example, routes.exit[routes.at(step, example)])
  if (sort === "random") return (example) => hashOf(model.ids[example])
  if (sort === "change") return (example) => routes.stepsAway[routes.at(step, example)]
  if (sort === "quality") return (example) => routes.quality[routes.at(step, example)]
  if (sort === "confidence") return (example) => -confidence(example)
  if (sort === "typical") {
    const middle = median(examples.map(confidence))
    return (example) => Math.abs(confidence(example) - middle)
  }
  const factor = sort === "hardest" ? factors.difficulty : factors[sort.slice(FACTOR.length)]
  if (!factor) return confidence
  return (example) => (Number.isNaN(factor[example]) ? Infinity : -factor[example])
}

/** @param {number[]} values */
function median(values) {
  const order = Float64Array.from(values).sort()
  const middle = order.length >> 1
  return order.length % 2 ? order[middle] : (order[middle - 1] + order[middle]) / 2
}
