// What stands below the sentence of a budget: what chance would give at the same cost, what the policy gave where its knob was set, and the
// cost in its unit.

import { percent } from "./dom.js"
import { printed } from "./printed.js"
import { USUAL, amount, costTexts } from "./words.js"

/** @typedef {{cost: number[], accuracy: number[]}} Line  by rising cost */

/**
 * The value of a line at a cost, between its points linearly; null outside of them.
 * @param {Line} line
 * @param {number} cost
 */
export function valueAt({ cost: costs, accuracy }, cost) {
  const last = costs.length - 1
  if (last < 0 || cost < costs[0] || cost > costs[last]) return null
  const after = costs.findIndex((other) => other >= cost)
  if (costs[after] === cost) return accuracy[after]
  const part = (cost - costs[after - 1]) / (costs[after] - costs[after - 1])
  return accuracy[after - 1] + part * (accuracy[after] - accuracy[after - 1])
}

/**
 * @param {{cost: number[], accuracy?: number[], calibrationCost: number[], calibrationAccuracy: number[], full: {cost: number}, spent: string, words?: import("./words.js").Words}} model
 * @param {number} step
 * @param {Line | undefined} randomMix
 * @returns {string[]}
 */
export function facts({ cost, accuracy, calibrationCost, calibrationAccuracy, full, spent, words = USUAL }, step, randomMix) {
  const chance = randomMix && valueAt(randomMix, cost[step])
  const isWorse = typeof chance === "number" && accuracy !== undefined && printed(accuracy[step]) < printed(chance)
  return [
    ...(typeof chance === "number" ? [`${isWorse ? "worse than the random mix," : "random mix at this cost"} ${amount(words, chance)}`] : []),
    `on calibration ${amount(words, calibrationAccuracy[step])} at ${percent(calibrationCost[step], 0)}`,
    ...(words.sign ? [`mean ${spent} ${costTexts(words.sign, [cost[step] * full.cost, full.cost]).join(" instead of ")}`] : []),
  ]
}
