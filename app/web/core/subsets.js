// Subsets of the test examples: a class, or a level of a factor. Their numbers come from the engine's counts over all test examples, even
// where a file holds only a sample of them; which examples belong to a subset is known of those here.

import { factorTitle } from "./factors.js"
import { capital } from "./words.js"

/** @typedef {import("./resource.js").Resource} Resource */
/**
 * name: as in "on the 500 images of class cat";  option: its name in a list;  group: heading of that list
 * @typedef {{class: number | null, factor: string | null, level: string | null, name: string, option: string, group: string, tested: number, full: number}} Subset
 *   tested: number of test examples;  full: accuracy of the full network on them
 */

const UNKNOWN = 255

export class Subsets {
  /**
   * @param {Resource} bundle see app/payload/bundle_resource.py
   * @param {Resource} sweep see app/payload/subset_tables.py
   */
  constructor(bundle, sweep) {
    const { subsets, ways, steps } = sweep.values
    this.steps = steps
    this.ways = ways
    this.exits = bundle.values.exits.length
    /** @type {Subset[]} without those that have no examples */
    this.list = []
    /** @type {number[]} the row of each in the tables */
    this.rows = []
    /** @type {{array: ArrayLike<number>, value: number}[]} an example belongs to a subset if it has this value in this array */
    this.members = []
    subsets.forEach((/** @type {any} */ each, /** @type {number} */ row) => {
      if (each.tested === 0) return
      this.list.push(described(each, bundle.values.classes))
      this.rows.push(row)
      const byClass = each.class !== undefined
      this.members.push(byClass ? { array: bundle.arrays.label, value: each.class } : { array: bundle.arrays[`level ${each.factor}`], value: each.level })
    })
    this.left = summed(sweep.arrays["subset left"], steps)
    this.incorrect = summed(sweep.arrays["subset incorrect"], steps)
    /** @type {Float32Array | null} */
    this.cost = sweep.arrays["subset cost"] ?? null // of those who took each way together, where costs depend on the example
  }

  /** Whether an example belongs to a subset; to null, all do. @param {number | null} subset @param {number} example */
  has(subset, example) {
    if (subset === null) return true
    const { array, value } = this.members[subset]
    return array[example] === value && value !== UNKNOWN
  }

  /**
   * Shares of the subset that leave at each exit, as in Model.at, and that pass each exit without running it.
   * @param {number} subset
   * @param {number} step
   */
  at(subset, step) {
    const { ways, exits, steps } = this
    const { tested } = this.list[subset]
    const [share, incorrect, spent, passing] = Array.from({ length: 4 }, () => new Float64Array(exits))
    ways.exit.forEach((/** @type {number} */ exit, /** @type {number} */ way) => {
      const at = (this.rows[subset] * ways.exit.length + way) * steps + step
      const part = this.left[at] / tested
      share[exit] += part
      incorrect[exit] += this.incorrect[at] / tested
      spent[exit] += this.cost ? this.cost[at] / tested : part * ways.cost[way]
      const last = ways.ran[way].lastIndexOf(1)
      for (let k = 0; k < last; k++) if (ways.ran[way][k] === 0) passing[k] += part
    })
    return {
      exits: Array.from(share, (part, k) => ({ share: part, correct: part - incorrect[k], incorrect: incorrect[k], cost: part > 0 ? spent[k] / part : null, difficulty: null })),
      cost: spent.reduce((sum, each) => sum + each, 0),
      accuracy: share.reduce((sum, part, k) => sum + part - incorrect[k], 0),
      passing,
    }
  }
}

/** @param {any} each @param {string[]} classes @returns {Subset} */
function described({ class: label, factor, name, from, to, tested, fullCorrect }, classes) {
  const full = fullCorrect / tested
  if (label !== undefined) return { class: label, factor: null, level: null, name: className(classes[label]), option: classes[label], group: "Class", tested, full }
  const bounds = boundsOf(from, to)
  return { class: null, factor, level: name, name: `${name} ${factorTitle(factor)} (${bounds})`, option: `${name} ${factorTitle(factor)}, ${bounds}`, group: title(factor), tested, full }
}

/** In a sentence. Classes without a name of their own are numbered: "Class 3". @param {string} name */
const className = (name) => (/^class \d+$/i.test(name) ? `class ${name.slice(6)}` : `class ${name}`)

/** Counts as they are; else with two digits, or as many as it takes to tell them from each other. @param {number} from @param {number} to */
function boundsOf(from, to) {
  if (from === to) return String(Number(from.toFixed(4)))
  if (Number.isInteger(from) && Number.isInteger(to)) return `${from} to ${to}`
  let digits = 2
  while (digits < 5 && from.toFixed(digits) === to.toFixed(digits)) digits++
  return `${from.toFixed(digits)} to ${to.toFixed(digits)}`
}

/** @param {string} factor such as "contrast" or "visible_size" */
const title = (factor) => capital(factorTitle(factor))

/**
 * Whole numbers come as differences from one step to the next, modulo the size of their type, which wraps in the same way here.
 * @template {Float32Array | Uint16Array | Uint32Array} Table
 * @param {Table} table (subsets, ways, steps)
 * @param {number} steps
 * @returns {Table}
 */
function summed(table, steps) {
  if (table instanceof Float32Array) return table
  const sums = /** @type {Table} */ (table.slice())
  for (let i = 0; i < sums.length; i++) if (i % steps > 0) sums[i] += sums[i - 1]
  return sums
}
