// Why an example drives on at an exit or leaves there, in words.

import { percent } from "./dom.js"

/** @typedef {import("./model.js").Model} Model */

/**
 * Of one example.
 * @param {Model} model
 * @param {number} k of the exit
 * @param {{step: number, taken: number, decision: (number | null)[] | null, failed: boolean}} of taken: the exit where it leaves;  decision: see `Predictions`; failed: whether the exit gave nothing
 */
export function reasonAt(model, k, { step, taken, decision, failed }) {
  const leaves = k === taken
  const does = leaves ? "leaves here" : "drives on"
  const straight = model.pathRan.every((ran) => ran.reduce((sum, runs) => sum + runs) === 1) // it is decided before any runs
  if (k === model.exits.length - 1 && !(straight && model.why[1])) return `last ${model.words.stage}: leaves here`
  if (failed) return `failed: ${does}`
  const threshold = model.thresholdAt(step, k)
  if (threshold === null || model.threshold === null || decision === null) {
    const why = model.why[leaves ? 1 : 0]
    return why ? `${why}: ${does}` : does
  }
  if (threshold === Infinity || threshold === -Infinity) return allDo(threshold, model.threshold.falls)
  const value = decision[k] ?? -Infinity
  const tie = model.threshold.ties[step * (model.exits.length - 1) + k]
  const [shown, needed] = distinct(value, threshold)
  const what = model.threshold.score === "maxprob" ? "" : `${model.threshold.title.toLowerCase()} `
  if (value === threshold && tie < 1) return `${what}${shown}, exactly the threshold, where ${percent(tie, 0)} leave: ${does}`
  const sign = model.threshold.falls ? (leaves ? "≤" : ">") : leaves ? "≥" : "<"
  return `${what}${shown} ${sign} ${needed}: ${does}`
}

/** Of any example: what it takes to leave at an exit. @param {Model} model @param {number} k @param {number} step */
export function conditionAt(model, k, step) {
  const threshold = model.thresholdAt(step, k)
  if (k === model.exits.length - 1) return `last ${model.words.stage}: the rest leave here`
  if (threshold === null || !model.threshold) return ""
  const { falls } = model.threshold
  return Number.isFinite(threshold) ? `${falls ? "≤" : "≥"} ${threshold.toFixed(2)}: leaves here` : allDo(threshold, falls)
}

/** At a threshold that is infinite. @param {number} threshold @param {boolean} falls */
const allDo = (threshold, falls) => ((threshold === Infinity) === falls ? "all leave here" : "all drive on")

/** Two numbers with as many digits as it takes to distinguish them, at least two. @param {number} a @param {number} b */
function distinct(a, b) {
  for (let digits = 2; digits < 7; digits++) if (a.toFixed(digits) !== b.toFixed(digits)) return [a.toFixed(digits), b.toFixed(digits)]
  return [a.toFixed(2), b.toFixed(2)]
}
