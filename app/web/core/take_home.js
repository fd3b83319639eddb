// What is taken home from a file: the table of routes as the engine writes it (engine/analysis/routes_table.py), and the policy's documents
// (app/payload/take_home_resource.py). Pure; the names of all files too.

import { nearest } from "./view.js"

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./resource.js").Resource} Resource */
/** @typedef {{steps: number[], shapes: string[][], changes: [number, [number, string][]][]}} Documents */

const NONE = 65535 // number of the table where no threshold decides
/** What a spreadsheet takes for a formula, after blanks as Python strips them. */
const FORMULA = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*[=+\-@＝＋－＠]|^[\t\r\n]/u

/**
 * A number as Python writes it: the fewest digits that read back as the same number.
 * @param {number} value finite
 */
export function numberText(value) {
  const [mantissa, power] = Math.abs(value).toExponential().split("e")
  const sign = value < 0 || Object.is(value, -0) ? "-" : ""
  const [exponent, digits] = [Number(power), mantissa.replace(".", "")]
  if (exponent < -4 || exponent >= 16) return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, "0")}.${digits.slice(exponent + 1) || "0"}`
}

/**
 * A text in quotes. One that a spreadsheet would compute gets an apostrophe in front; whole numbers, such as negative ids, stay as they are.
 * @param {string} text
 */
export function textCell(text) {
  const safe = !/^-?[0-9]+$/.test(text) && FORMULA.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}

/**
 * The routes at one step of the budget, as the engine's CSV has them, of the examples that are here.
 * @param {Model} model
 * @param {Resource} numbers the resource of app/payload/take_home_resource.py
 * @param {number} step
 */
export function routesCsv(model, numbers, step) {
  const { routes, ids, label, classes, exits } = model
  const { answer, quality, graded } = routes
  const { budget, pathCost } = numbers.values
  const { threshold, score: scores, table, "path cost": ownCost } = numbers.arrays
  const names = classes.map(textCell)
  const exitNames = exits.map(({ name }) => textCell(name))
  const columns = ["id", ...(label ? ["label", "label_name"] : []), "exit", "exit_name", ...(answer ? ["prediction", "prediction_name"] : [])]
  const lines = [[...columns, graded ? "quality" : "correct", "cost", "score", "margin", "budget_below", "budget_above", "exit_below", "exit_above"].join(",")]
  for (let i = 0; i < model.examples; i++) {
    const at = routes.at(step, i)
    const [exit, path] = [routes.exit[at], routes.path[at]]
    const limit = threshold[step * exits.length + exit]
    const decides = table[step] !== NONE && !Number.isNaN(limit)
    const score = decides ? scores[(table[step] * model.examples + i) * exits.length + exit] : 0
    const [below, above] = [changeFrom(routes, step, i, -1), changeFrom(routes, step, i, 1)]
    lines.push(
      [
        textCell(ids[i]),
        ...(label ? [label[i], names[label[i]]] : []),
        exit + 1,
        exitNames[exit],
        ...(answer ? [answer[at], names[answer[at]]] : []),
        graded ? numberText(quality[at]) : quality[at] === 1,
        numberText(ownCost ? ownCost[path * model.examples + i] : pathCost[path]),
        decides ? numberText(score) : "",
        decides ? numberText(score - limit) : "",
        below === null ? "" : numberText(budget[below]),
        above === null ? "" : numberText(budget[above]),
        below === null ? "" : routes.exit[routes.at(below, i)] + 1,
        above === null ? "" : routes.exit[routes.at(above, i)] + 1,
      ].join(","),
    )
  }
  return `${lines.join("\n")}\n`
}

/**
 * The nearest step in a direction at which an example leaves at another exit, or null.
 * @param {import("./routes.js").Routes} routes
 * @param {number} step
 * @param {number} example
 * @param {1 | -1} direction
 */
export function changeFrom(routes, step, example, direction) {
  const exit = routes.exit[routes.at(step, example)]
  for (let s = step + direction; s >= 0 && s < routes.steps; s += direction) if (routes.exit[routes.at(s, example)] !== exit) return s
  return null
}

/**
 * The step whose document is the nearest to that of a step.
 * @param {Documents} documents
 * @param {ArrayLike<number>} budget of every step
 * @param {number} step
 */
export const documentStep = (documents, budget, step) => documents.steps[nearest(documents.steps.map((other) => budget[other]), budget[step])]

/**
 * A policy's document, to the byte as the engine writes it.
 * @param {Documents} documents
 * @param {number} step one of `documents.steps`
 */
export function documentText(documents, step) {
  const [shape, changes] = documents.changes[documents.steps.indexOf(step)]
  const lines = [...documents.shapes[shape]]
  for (const [i, line] of changes) lines[i] = line
  return lines.join("\n")
}

/**
 * Of characters that every system allows.
 * @param {string[]} parts
 */
export const fileName = (...parts) => parts.join("-").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "") || "offramp"

/** A budget in the name of a file. @param {number} budget */
export const budgetName = (budget) => String(Number(budget.toFixed(4)))
