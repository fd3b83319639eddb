// The interval of how much more or less accurate the policy is than the full network on the same examples, at every budget.

import { printedDifference, signOf } from "./printed.js"

/** @typedef {import("./tables.js").Cell} Cell */
/** @typedef {import("./tables.js").Table} Table */
/** low, high: the ends of the 95% interval at each step, as shares;  graded: whether they are qualities, not accuracies @typedef {{low: number[], high: number[], graded: boolean}} Intervals */

const EMPTY = { text: "", value: null }

/** With its sign, in points of a percentage or as a quality. @param {number} percentage @param {boolean} graded @param {number} [digits] */
function signed(percentage, graded, digits = 1) {
  const shown = Number(percentage.toFixed(digits))
  return `${signOf(shown)}${graded ? (Math.abs(shown) / 100).toFixed(digits + 2) : Math.abs(shown).toFixed(digits)}`
}

/**
 * The difference at a step, of the two numbers as they are printed, and its interval.
 * @param {Intervals} intervals
 * @param {number} step
 * @param {number} accuracy
 * @param {number} full accuracy of the full network
 */
export function differenceTexts({ low, high, graded }, step, accuracy, full) {
  const ends = [low[step], high[step]].map((end) => signed(100 * end, graded))
  return [`${signed(printedDifference(accuracy, full), graded)}${graded ? "" : " points"}`, ends.join(" to ")]
}

/**
 * The table of the front with three columns more, filled in where the policy is. As printed, a difference is that of the printed numbers.
 * @param {Table} table see `frontTable`
 * @param {Intervals} intervals
 * @param {{step: number, accuracy: number, of?: unknown}} now  of: the subset that the numbers are of; the intervals are of all examples
 * @param {{accuracy: number[], full: number, policy: string}} sweep  policy: the title of its curve
 * @returns {Table}
 */
export function withDifferences(table, intervals, now, { accuracy, full, policy }) {
  const { low, high, graded } = intervals
  const end = (/** @type {number} */ value) => ({ text: signed(100 * value, graded, 2), value })
  const at = (/** @type {number} */ step) => {
    const difference = { text: signed(printedDifference(accuracy[step], full, 2), graded, 2), value: Number((accuracy[step] - full).toFixed(7)) }
    return [difference, end(low[step]), end(high[step])]
  }
  const empty = [EMPTY, EMPTY, EMPTY]
  const last = table.groups.length - 1
  const groups = table.groups.map(({ title, rows }, g) => {
    const isPolicy = g === last && title === policy && rows.length === low.length
    return { title, rows: rows.map((row, i) => [...row, ...(isPolicy ? at(i) : g === 0 && !now.of ? at(now.step) : empty)]) }
  })
  return {
    ...table,
    heads: [...table.heads, graded ? "Difference" : "Difference in points", "95% from", "to"],
    names: [...table.names, "difference", "difference_low", "difference_high"],
    groups,
  }
}
