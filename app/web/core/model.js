// All that is known of a bundle and of one sweep over it: what the parts of a block paint at any budget.

import { Routes } from "./routes.js"
import { Subsets } from "./subsets.js"
import { USUAL } from "./words.js"

/** @typedef {import("./resource.js").Resource} Resource */
/** @typedef {{name: string, colour: string, cost: number}} Exit  cost: of leaving there, as a share of the full network's */
/**
 * of: the subset that the numbers are of, if not all test examples;  passing: share that passes each exit without running it, where it is known
 * @typedef {{step: number, sentence: string, cost: number, accuracy: number, exits: ExitAtBudget[], of?: import("./subsets.js").Subset, passing?: Float64Array}} AtBudget
 */
/** correct, incorrect: shares that are, or, where quality is graded, quality and what is missing of it;  cost: mean of those who leave there, null if none does @typedef {{share: number, correct: number, incorrect: number, cost: number | null, difficulty: {mean: number | null, low: number | null, high: number | null} | null}} ExitAtBudget */
/** @typedef {{score: string, title: string, falls: boolean, threshold: Float32Array, ties: Float32Array}} Threshold */

const ONE_DRAW = 0.003 // a difference of shares that is seen

export class Model {
  /**
   * @param {Resource} bundle see app/payload/bundle_resource.py
   * @param {Resource} sweep see app/payload/sweep_resource.py
   * @param {import("./words.js").Words} [words]
   */
  constructor(bundle, sweep, words = USUAL) {
    this.words = words
    const { values, arrays } = sweep
    // Of the examples, in the order of the sweep's columns
    /** @type {string[]} */
    this.ids = bundle.values.ids
    /** @type {string[]} */
    this.classes = bundle.values.classes
    /** @type {string[] | null} */
    this.texts = bundle.values.texts ?? null // the beginning of what each example says
    /** @type {Uint32Array | null} */
    this.label = bundle.arrays.label ?? null
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
    /** @type {string} */
    this.holder = values.holder ?? "this file" // of the examples, where they are not all
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
    /** @type {string[]} */
    this.settings = values.settings // of the knob
    /** @type {{accuracy: number, cost: number}} */
    this.full = values.full
    /** @type {string} */
    this.spent = values.spent // what is spent, such as "compute"
    /** @type {number[]} */
    this.pathCost = values.pathCost // of each set of stages that ran, the mean over examples
    /** @type {Float32Array | null} */
    this.stageCost = arrays["stage cost"] ?? null // (examples, exits), where it depends on the example
    /** @type {number[][]} */
    this.pathRan = values.pathRan
    /** @type {[string, string]} */
    this.why = values.policy.why // an example goes on, or leaves, where no threshold decides
    /** @type {Threshold | null} */
    this.threshold = values.threshold && { ...values.threshold, threshold: arrays.threshold, ties: arrays.ties }
    this.arrays = arrays
    /** @type {Uint8Array | null} */
    this.exitCorrect = bundle.arrays["exit correct"] ?? null // (examples, bytes), a bit for each exit; none where quality is graded
    /** @type {Float32Array | undefined} */
    this.confidence = bundle.arrays.confidence // (examples, exits), the top probability of each exit, unless there are too many
    this.subsets = new Subsets(bundle, sweep)
    this.routes = new Routes(arrays, this.steps, this.examples)
  }

  /**
   * What a budget amounts to, as the sweep counted it over all examples, or the engine over a subset.
   * @param {number} step
   * @param {number | null} subset
   * @returns {AtBudget}
   */
  at(step, subset = null) {
    if (subset !== null) return { step, sentence: "", of: this.subsets.list[subset], ...this.subsets.at(subset, step) }
    const { share, correct, incorrect, "difficulty mean": mean, "difficulty quartiles": quartiles, "exit cost": cost } = this.arrays
    const exits = this.exits.map((_, k) => {
      const at = step * this.exits.length + k
      const difficulty = mean ? { mean: mean[at], low: quartiles[3 * at], high: quartiles[3 * at + 2] } : null
      return { share: share[at], correct: correct[at], incorrect: incorrect[at], cost: Number.isNaN(cost[at]) ? null : cost[at], difficulty }
    })
    return { step, sentence: this.sentence[step], cost: this.cost[step], accuracy: this.accuracy[step], exits }
  }

  /**
   * How many examples leave at each exit: those listed where all are here, for the shares of a random mix are expectations.
   * @param {AtBudget} now
   */
  numbers({ step, exits, of }) {
    if (this.examples < this.tested) return exits.map(({ share }) => Math.round(share * (of?.tested ?? this.tested)))
    const { routes, subsets } = this
    const subset = of ? subsets.list.indexOf(of) : null
    const numbers = exits.map(() => 0)
    for (let i = 0, at = routes.at(step, 0); i < this.examples; i++, at++) if (subsets.has(subset, i)) numbers[routes.exit[at]]++
    return numbers
  }

  /**
   * Whether chance decides so much at a budget that the listed examples, which are one draw, are not as many as the shares say.
   * @param {AtBudget} now
   * @param {number[]} numbers of listed examples by exit
   */
  isOneDraw(now, numbers = this.numbers(now)) {
    const tested = now.of?.tested ?? this.tested
    return numbers.some((number, k) => Math.abs(number / tested - now.exits[k].share) > ONE_DRAW)
  }

  /**
   * What an example costs that runs a set of stages, as a share of the full network's mean cost.
   * @param {number} example
   * @param {number} path number of the set
   */
  costOf(example, path) {
    const { stageCost, pathCost, pathRan } = this
    if (!stageCost) return pathCost[path]
    const first = example * this.exits.length
    return pathRan[path].reduce((sum, ran, k) => (ran ? sum + stageCost[first + k] : sum), 0)
  }

  /** What each stage costs on an example, in the unit of cost; null where all examples cost the same. @param {number} example @returns {number[] | null} */
  stageCostsOf(example) {
    const { stageCost, exits, full } = this
    return stageCost && exits.map((_, k) => stageCost[example * exits.length + k] * full.cost)
  }

  /**
   * What a budget amounts to, counted here from the routes of some examples. Without an example, shares, accuracy and cost are NaN.
   * @param {number} step
   * @param {ArrayLike<number> | null} subset numbers of examples; all if left out
   */
  totals(step, subset = null) {
    const { routes } = this
    const leaving = new Float64Array(this.exits.length)
    const correct = new Float64Array(this.exits.length)
    let cost = 0
    const count = subset ? subset.length : this.examples
    for (let i = 0; i < count; i++) {
      const example = subset ? subset[i] : i
      const at = routes.at(step, example)
      leaving[routes.exit[at]]++
      correct[routes.exit[at]] += routes.quality[at]
      cost += this.costOf(example, routes.path[at])
    }
    return {
      shares: Array.from(leaving, (number) => number / count),
      accuracy: correct.reduce((sum, number) => sum + number, 0) / count,
      cost: cost / count,
    }
  }

  /** Whether an exit is correct. Not where quality is graded. @param {number} example @param {number} k */
  exitIsCorrect(example, k) {
    if (!this.exitCorrect) throw new Error("These results are graded, not correct or incorrect.")
    const bytes = (this.exits.length + 7) >> 3
    return ((this.exitCorrect[example * bytes + (k >> 3)] >> (7 - (k & 7))) & 1) === 1
  }

  /** The top probability of an exit, NaN if it is not known here. @param {number} example @param {number} k */
  confidenceAt(example, k) {
    return this.confidence ? this.confidence[example * this.exits.length + k] : NaN
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
