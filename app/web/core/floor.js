// An accuracy to reach instead of a budget: the cheapest recorded budget that reaches it on calibration, where the knob is set, and what
// that budget gives on test.

import { percent } from "./dom.js"
import { printedDifference } from "./printed.js"
import { USUAL, amount, difference } from "./words.js"

/** @typedef {{cost: number[], accuracy: number[], calibrationCost: number[], calibrationAccuracy: number[], spent: string, words?: import("./words.js").Words}} Recorded  of a `Model` */

/**
 * @param {Recorded} model
 * @param {number} floor
 * @returns {{step: number | null, text: string}} step: null if no budget reaches it
 */
export function cheapestFor(model, floor) {
  const { calibrationCost, calibrationAccuracy, accuracy, cost, spent, words = USUAL } = model
  let step = null
  for (let i = 0; i < cost.length; i++)
    if (calibrationAccuracy[i] >= floor && (step === null || calibrationCost[i] < calibrationCost[step])) step = i
  if (step === null) {
    const best = amount(words, Math.max(...calibrationAccuracy))
    return { step, text: `No budget reaches ${amount(words, floor)} on calibration; the highest ${words.measure} is ${best}.` }
  }
  const gap = printedDifference(accuracy[step], floor)
  const onTest = amount(words, accuracy[step])
  const kept = gap >= 0 ? `${onTest} on test` : `on test ${onTest}, which misses it by ${difference(words, gap)}`
  return { step, text: `Cheapest recorded budget: ${amount(words, calibrationAccuracy[step])} on calibration, ${kept}, at ${percent(cost[step])} of the ${spent}.` }
}
