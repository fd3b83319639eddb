// What an exit gave for one example, and in words what it would have given if it had run.

import { printed } from "./printed.js"
import { difference } from "./words.js"

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./source.js").Predictions} Predictions */
/**
 * What an exit gave for an example. name: the class it predicts, if it predicts one;  confidence, quality: null if not known;  correct: null
 * where quality is graded;  failed: it gave nothing.
 * @typedef {{name: string | null, confidence: number | null, quality: number | null, correct: boolean | null, failed: boolean}} Result
 */

/** @param {Model} model @param {Predictions} predictions @param {number} example @param {number} k @returns {Result} */
export function resultOf(model, { classes, probabilities, quality, confidence }, example, k) {
  const [top] = classes[k]
  const known = confidence ? confidence[k] : (probabilities[k][0] ?? null)
  return {
    name: top === undefined ? null : model.classes[top],
    confidence: known,
    quality: quality?.[k] ?? null,
    correct: model.routes.graded ? null : model.exitIsCorrect(example, k),
    failed: confidence !== undefined && known === null,
  }
}

/** What an exit would have given that did not run. @param {Model} model @param {number} step @param {number} example @param {Result} result */
export function wouldGive({ routes, classes, words }, step, example, { name, quality, correct, failed }) {
  if (failed) return "failed"
  if (name !== null && routes.answer) return `would say ${name === classes[routes.answer[routes.at(step, example)]] ? "the same" : `“${name}”`}`
  if (correct !== null) return `would be ${correct ? "correct" : "incorrect"}`
  const gap = printed(quality ?? 0) - printed(routes.quality[routes.at(step, example)])
  return Math.abs(gap) < 0.05 ? "as good" : `${difference(words, gap)} ${gap > 0 ? "better" : "worse"}`
}
