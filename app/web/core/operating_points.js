// Named points of a recorded sweep, for a talk: each has a definition that can be said in a few words. They describe the sweep on the test
// examples; they are not a way to select a budget, for which the calibration examples are there.

import { nearest } from "./nearest.js"
import { printed, printedDifference } from "./printed.js"
import { USUAL, difference } from "./words.js"

/**
 * step: of the budget;  name: such as "Economy", or the names of equal points, such as "Break-even and best";  definition: in words
 * @typedef {{step: number, name: string, definition: string}} OperatingPoint
 */

const EXACT = 1e-6 // more than what rounding costs

/**
 * The points that a sweep has, from the cheapest on. Except for the best, a point must be cheaper than the reference. Equal ones are one.
 * @param {{cost: ArrayLike<number>, accuracy: ArrayLike<number>, full: {accuracy: number, cost: number}, words?: import("./words.js").Words}} sweep  cost, accuracy: at each step, as shares
 * @returns {OperatingPoint[]}
 */
export function operatingPoints({ cost, accuracy, full, words = USUAL }) {
  const { reference, measure } = words
  // As computed and as printed, so that a reader who subtracts the printed numbers agrees.
  const within = (/** @type {number} */ points) => (/** @type {number} */ step) =>
    full.accuracy - accuracy[step] <= points / 100 + EXACT && printedDifference(full.accuracy, accuracy[step]) <= points
  const isCheaper = (/** @type {number} */ step) => printed(cost[step]) < printed(full.cost)
  const highest = Math.max(...Array.from(accuracy))
  const steps = Array.from(cost, (_, step) => step)
  /** @type {[string, string, (step: number) => boolean][]} */
  const kinds = [
    ["Economy", `cheapest within ${difference(words, 3)} of the ${reference}`, (step) => isCheaper(step) && within(3)(step)],
    ["Balanced", `cheapest within ${words.graded ? difference(words, 1) : "1.0 point"} of the ${reference}`, (step) => isCheaper(step) && within(1)(step)],
    ["Break-even", `cheapest no worse than the ${reference}`, (step) => isCheaper(step) && accuracy[step] >= full.accuracy - EXACT],
    ["Best", `highest ${measure}`, (step) => accuracy[step] >= highest - EXACT],
  ]
  /** @type {Map<string, {step: number, names: string[], definitions: string[]}>} */
  const points = new Map() // by what a point amounts to: several budgets may amount to the same
  for (const [name, definition, matches] of kinds) {
    const candidates = steps.filter(matches)
    if (candidates.length === 0) continue
    const step = candidates.reduce((best, other) => (cost[other] < cost[best] || (cost[other] === cost[best] && accuracy[other] > accuracy[best]) ? other : best))
    const key = `${cost[step]} ${accuracy[step]}`
    const point = points.get(key) ?? { step, names: [], definitions: [] }
    point.names.push(point.names.length ? name.toLowerCase() : name)
    point.definitions.push(definition)
    points.set(key, point)
  }
  return [...points.values()]
    .sort((a, b) => cost[a.step] - cost[b.step])
    .map(({ step, names, definitions }) => ({ step, name: listed(names), definition: definitions.join("; ") }))
}

/**
 * The point that a move leads to, or null if there is none in that direction.
 * @param {OperatingPoint[]} points from the cheapest on
 * @param {ArrayLike<number>} cost at each step
 * @param {number} step at which the budget is
 * @param {1 | -1} direction
 * @returns {OperatingPoint | null}
 */
export function pointBeyond(points, cost, step, direction) {
  const here = points.findIndex((point) => point.step === step)
  if (here >= 0) return points[here + direction] ?? null
  const beyond = points.filter((point) => (cost[point.step] - cost[step]) * direction > 0)
  return (direction > 0 ? beyond[0] : beyond[beyond.length - 1]) ?? null
}

/**
 * The point whose cost is the nearest to that of a step, or null without points.
 * @param {OperatingPoint[]} points @param {ArrayLike<number>} cost at each step @param {number} step
 */
export const nearestPoint = (points, cost, step) => (points.length > 0 ? points[nearest(points.map((point) => cost[point.step]), cost[step])] : null)

/** @param {string[]} names */
const listed = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`)
