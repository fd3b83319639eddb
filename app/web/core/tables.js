// The charts as tables: the same numbers, printed for a table on the page and in full for a CSV.

import { percent } from "./dom.js"
import { largestRemainder, printed, sumOf } from "./printed.js"
import { numberText, textCell } from "./take_home.js"
import { USUAL, amount, capital } from "./words.js"

/** @typedef {import("./model.js").AtBudget} AtBudget */
/** @typedef {import("./model.js").Exit} Exit */
/** @typedef {import("./words.js").Words} Words */
/** @typedef {import("../parts/front_scene.js").FrontData} FrontData */
/** @typedef {{text: string, value: number | string | null}} Cell  text: as printed;  value: in full, null for an empty cell */
/** @typedef {{title: string, rows: Cell[][]}} Group  the first cell of a row names it */
/**
 * names: of the columns in a CSV, with that of the group first if there are several;  total: a last row whose printed numbers are the sums of those above
 * @typedef {{caption: string, heads: string[], names: string[], groups: Group[], total: Cell[] | null}} Table
 */

/** @param {string} text @returns {Cell} */
const name = (text) => ({ text, value: text })
/** @param {number} value @param {number} [digits] @returns {Cell} */
const share = (value, digits = 1) => ({ text: percent(value, digits), value })
/** @type {Cell} */
const EMPTY = { text: "", value: null }

/**
 * The front: where the policy is now, then every exit, real run and curve.
 * @param {FrontData} front
 * @param {{cost: number, accuracy: number}} now
 * @param {string} spent what is spent, such as "compute"
 * @param {number[]} budgets of the policy's points
 * @param {Words} [words]
 * @returns {Table}
 */
export function frontTable(front, now, spent, budgets, words = USUAL) {
  const result = (/** @type {number} */ value) => ({ text: amount(words, value, 2), value })
  const policy = front.curves.find(({ kind }) => kind === "policy")
  /** @type {Group[]} */
  const groups = [
    { title: "At this budget", rows: [[name(policy?.name ?? "Policy"), share(now.cost, 2), result(now.accuracy)]] },
    { title: `All examples leave at one ${words.stage}`, rows: front.exits.map((exit) => [name(exit.name), share(exit.cost, 2), result(exit.accuracy)]) },
  ]
  if (front.dominated) {
    groups.push({ title: "Dominated, on calibration", rows: front.dominated.map((model) => [name(model.name), share(model.cost, 2), result(model.accuracy)]) })
  }
  if (front.runs.length > 0) {
    const rows = front.runs.map((run) => [name(`${front.devices[run.device]}, batch size ${run.label}`), share(run.time, 2), result(run.accuracy)])
    groups.push({ title: "Measured time", rows })
  }
  for (const { name: title, kind, cost, accuracy } of front.curves) {
    const point = (/** @type {number} */ i) => (kind === "policy" || kind === "calibration" ? `Budget ${percent(budgets[i], 2)}` : `Point ${i + 1}`)
    groups.push({ title, rows: cost.map((value, i) => [name(point(i)), share(value, 2), result(accuracy[i])]) })
  }
  const title = `Test ${words.measure}`
  return { caption: `${title} against cost`, heads: ["", `Share of the ${spent}`, title], names: ["curve", "point", "cost", words.graded ? "quality" : "accuracy"], groups, total: null }
}

/**
 * Who leaves where at a budget. Printed numbers add up: correct and incorrect to the share, and every column to its total. Where quality is
 * graded, it is what each exit adds to it, as a number, and nothing is incorrect.
 * @param {AtBudget} now
 * @param {Exit[]} exits
 * @param {string} spent
 * @param {Words} [words]
 * @returns {Table}
 */
export function exitsTable(now, exits, spent, words = USUAL) {
  const whole = printed(now.accuracy)
  const correct = largestRemainder(now.exits.map((exit) => exit.correct), 1, whole)
  const incorrect = largestRemainder(now.exits.map((exit) => exit.incorrect), 1, Number((100 - whole).toFixed(1)))
  const { terms, total } = sumOf(now)
  const text = (/** @type {number} */ value) => `${value.toFixed(1)}%`
  const shares = largestRemainder(now.exits.map((exit) => exit.share), 1)
  const { graded } = words
  const rows = now.exits.map((exit, k) => {
    const adds = terms.find((term) => term.exit === k)?.adds ?? "0.0%"
    return [
      name(exits[k].name),
      { text: text(graded ? shares[k] : correct[k] + incorrect[k]), value: single(exit.share) },
      { text: graded ? (correct[k] / 100).toFixed(3) : text(correct[k]), value: single(exit.correct) },
      ...(graded ? [] : [{ text: text(incorrect[k]), value: single(exit.incorrect) }]),
      share(exits[k].cost),
      exit.cost === null ? EMPTY : { text: percent(exit.cost), value: single(exit.cost) },
      { text: adds, value: exit.cost === null ? 0 : Number((exit.share * exit.cost).toPrecision(7)) },
    ]
  })
  const missed = { text: text(100 - whole), value: Number((1 - now.accuracy).toFixed(7)) }
  const sum = [name("All"), { text: "100.0%", value: 1 }, { text: amount(words, now.accuracy), value: Number(now.accuracy.toPrecision(12)) }, ...(graded ? [] : [missed]), EMPTY, EMPTY, { text: total, value: now.cost }]
  const [heads, names] = graded ? [[`Adds to the ${words.measure}`], ["adds_to_quality"]] : [["Correct", "Incorrect"], ["correct", "incorrect"]]
  return {
    caption: `Who leaves at which ${words.stage} at this budget${now.of ? `, of ${now.of.name}` : ""}`,
    heads: [capital(words.stage), "Leave here", ...heads, "Cost alone", "Mean cost", `Adds to the ${spent}`],
    names: ["exit", "share", ...names, "cost_alone", "mean_cost", "adds"],
    groups: [{ title: `${capital(words.stage)}s`, rows }],
    total: sum,
  }
}

/** The shortest decimal that a number of single precision stands for. @param {number} value */
export function single(value) {
  const short = [6, 7, 8].map((digits) => Number(value.toPrecision(digits))).find((number) => Math.fround(number) === Math.fround(value))
  return short ?? value
}

/**
 * UTF-8 with commas, the names of the columns in the first line. Text is in quotes; numbers are in full.
 * @param {Table} table
 */
export function tableCsv({ names, groups, total }) {
  const row = (/** @type {string} */ group, /** @type {Cell[]} */ cells) => [...(groups.length > 1 ? [textCell(group)] : []), ...cells.map(({ value }) => cell(value))].join(",")
  const lines = groups.flatMap(({ title, rows }) => rows.map((cells) => row(title, cells)))
  return `${[names.join(","), ...lines, ...(total ? [row("Total", total)] : [])].join("\n")}\n`
}

/** @param {number | string | null} value */
const cell = (value) => (value === null ? "" : typeof value === "number" ? numberText(value) : textCell(value))
