// All that is known of a bundle and of one sweep over it: what the parts of a block paint at any budget.

import { Routes } from "./routes.js"

/** @typedef {import("./resource.js").Resource} Resource */
/** @typedef {{name: string, colour: string, cost: number}} Exit  cost: of leaving there, as a share of the full network's */
/** @typedef {{step: number, sentence: string, cost: number, accuracy: number, exits: ExitAtBudget[]}} AtBudget */
/** @typedef {{share: number, correct: number, incorrect: number, difficulty: {mean: number | null, low: number | null, high: number | null} | null}} ExitAtBudget */
/** @typedef {{score: string, title: string, falls: boolean, threshold: Float32Array, ties: Float32Array}} Threshold */

export class Model {
  /**
   * @param {Resource} bundle see app/payload/bundle_resource.py
   * @param {Resource} sweep see app/payload/sweep_resource.py
   */
  constructor(bundle, sweep) {
    const { values, arrays } = sweep
    // Of the examples, in the order of the sweep's columns
    /** @type {string[]} */
    this.ids = bundle.values.ids
    /** @type {string[]} */
    this.classes = bundle.values.classes
    this.label = bundle.arrays.label
    /** @type {Record<string, Float32Array>} */
    this.factors = Object.fromEntries(bundle.values.factors.map((/** @type {string} */ name) => [name, bundle.arrays[`factor ${name}`]]))
    /** @type {Exit[]} */
    this.exits = bundle.values.exits.map((/** @type {{name: string, colour: string}} */ exit, /** @type {number} */ k) => ({ ...exit, cost: values.exitCost[k] }))
    // Of the sweep; each array has a value for each step of the budget
    /** @type {number} */
    this.steps = values.steps
    /** @type {number} */
    this.examples = values.examples // whose routes are known here
    /** @type {number} */
    this.tested = values.tested // on which all shares and costs are counted
    /** @type {number[]} */
    this.budget = values.budget
    /** @type {number[]} */
    this.planned = values.planned
    /** @type {number[]} */
    this.calibrationCost = values.calibrationCost
    /** @type {number[]} */
    this.calibrationAccuracy = values.calibrationAccuracy
    /** @type {number[]} */
    this.cost = values.cost
    /** @type {number[]} */
    this.accuracy = values.accuracy
    /** @type {number[]} */
    this.effectiveExits = values.effectiveExits
    /** @type {string[]} */
    this.sentence = values.sentence
    /** @type {string[]} */
    this.notes = values.notes
    /** @type {{accuracy: number, cost: number}} */
    this.full = values.full
    /** @type {string} */
    this.spent = values.spent // what is spent, such as "compute"
    /** @type {number[]} */
    this.pathCost = values.pathCost // of each set of stages that ran
    /** @type {number[][]} */
    this.pathRan = values.pathRan
    /** @type {Threshold | null} */
    this.threshold = values.threshold && { ...values.threshold, threshold: arrays.threshold, ties: arrays.ties }
    this.arrays = arrays
    this.routes = new Routes(arrays, this.steps, this.examples)
  }

  /**
   * What a budget amounts to, as the sweep counted it over all examples.
   * @param {number} step
   * @returns {AtBudget}
   */
  at(step) {
    const { share, correct, incorrect, "difficulty mean": mean, "difficulty quartiles": quartiles } = this.arrays
    const exits = this.exits.map((_, k) => {
      const at = step * this.exits.length + k
      const difficulty = mean ? { mean: mean[at], low: quartiles[3 * at], high: quartiles[3 * at + 2] } : null
      return { share: share[at], correct: correct[at], incorrect: incorrect[at], difficulty }
    })
    return { step, sentence: this.sentence[step], cost: this.cost[step], accuracy: this.accuracy[step], exits }
  }

  /**
   * The same, counted here from the routes of some examples. Without an example, shares, accuracy and cost are NaN.
   * @param {number} step
   * @param {ArrayLike<number> | null} subset numbers of examples; all if left out
   */
  totals(step, subset = null) {
    const { routes, pathCost } = this
    const leaving = new Float64Array(this.exits.length)
    const correct = new Float64Array(this.exits.length)
    let cost = 0
    const count = subset ? subset.length : this.examples
    for (let i = 0; i < count; i++) {
      const at = routes.at(step, subset ? subset[i] : i)
      leaving[routes.exit[at]]++
      correct[routes.exit[at]] += routes.is_correct[at]
      cost += pathCost[routes.path[at]]
    }
    return {
      shares: Array.from(leaving, (number) => number / count),
      accuracy: correct.reduce((sum, number) => sum + number, 0) / count,
      cost: cost / count,
    }
  }

  /**
   * The threshold of an exit, or null if none decides there.
   * @param {number} step
   * @param {number} k
   */
  thresholdAt(step, k) {
    const gates = this.exits.length - 1
    const value = this.threshold && k < gates ? this.threshold.threshold[step * gates + k] : NaN
    return Number.isNaN(value) ? null : value
  }
}
