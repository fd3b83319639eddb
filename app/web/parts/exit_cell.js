// What one exit gave for the picked example: its prediction, how confident it was, its mask, and in words why the example drives on or leaves
// there. While no example is picked, what it takes to leave there.

import { element, percent } from "../core/dom.js"
import { inkOn } from "../core/ink.js"
import { conditionAt, reasonAt } from "../core/reasons.js"
import { resultOf, wouldGive } from "../core/results.js"
import { amount, costTexts } from "../core/words.js"
import { predictedMask } from "./mask_picture.js"

/** @typedef {import("../core/model.js").Model} Model */
/** @typedef {import("../core/source.js").Predictions} Predictions */

/**
 * @param {Model} model
 * @param {number} k
 * @param {number} step
 * @param {number} example
 * @param {Predictions} predictions
 */
export function exitCell(model, k, step, example, predictions) {
  const { routes, pathRan } = model
  const at = routes.at(step, example)
  const taken = routes.exit[at]
  const ran = pathRan[routes.path[at]][k] === 1
  const result = resultOf(model, predictions, example, k)
  const cell = cellOf(model, k, k === taken ? "offramp-taken" : ran ? "offramp-passed" : "offramp-not-run")
  const bar = confidenceBar(result.confidence, model.threshold?.score === "maxprob" ? model.thresholdAt(step, k) : null)
  const others = predictions.classes[k].slice(1).map((other, j) => `${model.classes[other]} ${percent(predictions.probabilities[k][j + 1] ?? 0, 0)}`)
  const grade = result.correct === null && result.quality !== null ? amount(model.words, result.quality) : null
  const outcome = result.failed ? "failed" : grade !== null ? `${model.words.measure} ${grade}` : result.correct ? "correct" : "incorrect"
  const name = result.name ?? outcome
  const certain = result.confidence === null ? "" : percent(result.confidence, 0)
  const confident = certain && result.name === null ? " confident" : ""
  cell.title = [`${name} ${certain}${confident}`.trim(), ...(result.name !== null && grade !== null ? [outcome] : []), ...(others.length > 0 ? [`then ${others.join(", ")}`] : [])].join(", ")
  const mark = grade === null ? element("span", result.correct ? "offramp-yes" : "offramp-no", result.correct ? "✓" : "✗") : element("span", "offramp-probability", result.name === null ? "" : grade)
  const head = headOf(k, element("strong", "", name), element("span", "offramp-probability", certain, ...(confident ? [element("span", "offramp-confident", confident)] : [])), mark)
  const why = ran ? reasonAt(model, k, { step, taken, decision: predictions.decision, failed: result.failed }) : `${k < taken ? "skipped" : "not run"}: ${wouldGive(model, step, example, result)}`
  const costs = model.stageCostsOf(example)
  const words = costs && model.words.sign ? `${why}; ${model.spent} ${costTexts(model.words.sign, costs)[k]}` : why
  const reason = element("span", "offramp-reason", words)
  reason.title = words
  cell.append(head, bar, reason, ...(predictions.masks ? [predictedMask(predictions.masks, k)] : []))
  return cell
}

/** While no example is picked. @param {Model} model @param {number} k @param {number} step */
export function gateCell(model, k, step) {
  const cell = cellOf(model, k, "offramp-gate")
  const words = conditionAt(model, k, step)
  const bar = element("div", "offramp-confidence")
  const threshold = model.thresholdAt(step, k)
  if (k < model.exits.length - 1 && threshold !== null && Number.isFinite(threshold) && model.threshold?.score === "maxprob") bar.append(tickAt(threshold))
  const head = headOf(k, element("span", "offramp-reason", words))
  cell.title = words
  cell.append(head, bar)
  return cell
}

/** @param {Model} model @param {number} k @param {string} name */
function cellOf(model, k, name) {
  const { colour } = model.exits[k]
  const cell = element("li", name)
  cell.style.setProperty("--exit", colour)
  cell.style.setProperty("--ink", inkOn(colour))
  return cell
}

/** @param {number} k @param {Node[]} nodes */
const headOf = (k, ...nodes) => element("div", "offramp-predicted", element("span", "offramp-chip", String(k + 1)), ...nodes)

/** @param {number | null} confidence @param {number | null} threshold that confidences are compared with, if they are */
function confidenceBar(confidence, threshold) {
  const bar = element("div", "offramp-confidence", element("b"))
  if (confidence === null) {
    bar.classList.add("offramp-unknown")
    return bar
  }
  const fill = /** @type {HTMLElement} */ (bar.firstElementChild)
  fill.style.width = `${(100 * confidence).toFixed(1)}%`
  if (threshold !== null && Number.isFinite(threshold)) {
    const mark = tickAt(threshold)
    mark.title = `threshold ${threshold.toFixed(3)}`
    bar.append(mark)
  }
  return bar
}

/** @param {number} threshold */
function tickAt(threshold) {
  const mark = element("i")
  mark.style.left = `${(100 * threshold).toFixed(1)}%`
  return mark
}
