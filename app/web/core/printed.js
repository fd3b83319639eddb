// Numbers as they are printed. Printed parts add up to the printed whole, and every difference is that of the printed numbers, so that a
// reader who does the sum gets the same.

import { percent } from "./dom.js"
import { USUAL, amount, difference, named } from "./words.js"

/** @typedef {import("./words.js").Words} Words */
/** @typedef {{value: string, text: string}} Figure  a large number and what it is */

/** A share as it is printed: a multiple of 1% or of a part of it. @param {number} share @param {number} [digits] after the point of the percentage */
export const printed = (share, digits = 1) => Number((100 * share).toFixed(digits))

/** A cost on a sign, in percent: two digits are enough. @param {number} cost */
export function costOnSign(cost) {
  const value = printed(cost, cost < 0.1 ? 1 : 0)
  return cost > 0 && value === 0 ? "<0.1%" : `${value}%`
}

/**
 * A cost in a sentence, and what is saved of the full network's: whole percentages that add up to 100%, with a digit more where the cost
 * would be 0%.
 * @param {number} cost
 * @returns {{cost: string, saved: string}}
 */
export function costInWords(cost) {
  const whole = printed(cost, 0)
  if (whole >= 1 || cost <= 0) return { cost: `${whole}%`, saved: `${Math.abs(100 - whole)}%` }
  const tenths = printed(cost)
  return tenths > 0 ? { cost: `${tenths.toFixed(1)}%`, saved: `${(100 - tenths).toFixed(1)}%` } : { cost: "<0.1%", saved: ">99.9%" }
}

/** A difference of two numbers as they are printed, in percent. @param {number} share @param {number} other @param {number} [digits] after the point */
export const printedDifference = (share, other, digits = 1) => Number((printed(share, digits) - printed(other, digits)).toFixed(digits))

/** The sign of a printed difference: of no difference it is the same everywhere. @param {number} difference */
export const signOf = (difference) => (difference > 0 ? "+" : difference < 0 ? "−" : "±")

/**
 * Parts rounded so that they add up to the rounded whole: rounded down, and the largest remainders up. None is off by one unit or more.
 * @param {ArrayLike<number>} parts shares
 * @param {number} [digits] after the point of the percentage
 * @param {number} [whole] the printed whole in percent; 100 for all shares
 * @returns {number[]} in percent
 */
export function largestRemainder(parts, digits = 0, whole = 100) {
  const unit = 10 ** -digits
  const exact = Array.from(parts, (part) => (100 * part) / unit)
  const down = exact.map((value) => Math.floor(value + 1e-6))
  let left = Math.round(whole / unit) - down.reduce((sum, value) => sum + value, 0)
  const order = exact.map((value, i) => ({ i, rest: value - down[i] })).sort((a, b) => b.rest - a.rest || a.i - b.i)
  for (const { i } of order) {
    if (left <= 0) break
    down[i]++
    left--
  }
  return down.map((value) => Number((value * unit).toFixed(digits)))
}

/**
 * The sentence of a budget, and the three numbers that add up with it.
 * @param {{cost: number, accuracy: number}} now
 * @param {number} full accuracy of the full network on the same examples
 * @param {string} spent what is spent, such as "compute"
 * @param {Words} [words]
 * @returns {{sentence: string, figures: Figure[]}}
 */
export function headline(now, full, spent, words = USUAL) {
  const { cost, saved } = costInWords(now.cost)
  const points = printedDifference(now.accuracy, full)
  return {
    sentence: `${amount(words, now.accuracy)} ${words.measure} at ${cost} of the ${spent}`,
    figures: [
      { value: saved, text: printed(now.cost, 0) > 100 ? `more ${spent}` : `of the ${spent} saved` },
      { value: amount(words, now.accuracy), text: `test ${words.measure}` },
      { value: `${signOf(points)}${words.graded ? difference(words, points) : Math.abs(points).toFixed(1)}`, text: `${words.graded ? "" : "points "}against ${amount(words, full)} of the ${named(words)}` },
    ],
  }
}

/**
 * What is spent as the sum over the exits of share times mean cost, in printed numbers: the shares add up to 100%, the products to the
 * whole. Exits where none leaves are left out.
 * @param {{cost: number, exits: {share: number, cost: number | null}[]}} now
 * @returns {{terms: {exit: number, share: string, cost: string, adds: string}[], total: string}}
 */
export function sumOf({ cost, exits }) {
  const used = exits.flatMap((exit, k) => (exit.share > 0 && exit.cost !== null ? [{ k, share: exit.share, cost: exit.cost }] : []))
  const shares = largestRemainder(used.map(({ share }) => share), 1)
  const whole = printed(cost)
  const adds = largestRemainder(used.map((exit) => exit.share * exit.cost), 1, whole)
  const terms = used.map(({ k, cost }, i) => ({ exit: k, share: `${shares[i].toFixed(1)}%`, cost: percent(cost), adds: `${adds[i].toFixed(1)}%` }))
  return { terms, total: `${whole.toFixed(1)}%` }
}
