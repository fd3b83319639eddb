// What a budget saves in a year: plain arithmetic on a few assumptions, which the visitor edits and the address keeps.

import { percent } from "./dom.js"

/**
 * Of one full inference: price, energy in Wh, seconds on one machine; null if not given. requests: a day;  grid: g of CO2 per kWh;
 * utilisation: percent of a machine's time that is used;  currency: any symbol;  basis: of the time, the key of a `Basis`, or "" for a prediction
 * @typedef {{requests: number, price: number | null, energy: number | null, seconds: number | null, grid: number, utilisation: number, currency: string, basis: string}} Assumptions
 */
/** @typedef {"requests" | "price" | "energy" | "seconds" | "grid" | "utilisation"} FieldName */
/**
 * example: a value to start from, which is no data and is marked as an example;  optional: may be left empty
 * @typedef {{name: FieldName, title: string, unit: string, low: number, high: number, example: number, optional: boolean}} Field
 */
/** Measured times of one device and batch size. at: what was measured at which step of the budget @typedef {{key: string, title: string, at: Map<number, number>}} Basis */
/** @typedef {{title: string, full: string, now: string, saved: string, share: number, basis: string}} Row  share: of the full network's: `now` is that much, as exactly as it is known */

/** @type {Field[]} */
export const FIELDS = [
  { name: "requests", title: "Requests", unit: "a day", low: 1, high: 1e12, example: 1e6, optional: false },
  { name: "price", title: "Price", unit: "a full inference", low: 0, high: 1e6, example: 0.001, optional: true },
  { name: "energy", title: "Energy", unit: "Wh a full inference", low: 0, high: 1e6, example: 0.3, optional: true },
  { name: "seconds", title: "Time", unit: "s a full inference", low: 0, high: 1e6, example: 0.2, optional: true },
  { name: "grid", title: "Carbon", unit: "g CO₂ a kWh", low: 0, high: 5000, example: 400, optional: false },
  { name: "utilisation", title: "Utilisation", unit: "% of the time", low: 1, high: 100, example: 50, optional: false },
]
export const CURRENCY = "$" // an example too
const LETTERS = 3 // of a currency, at most
const PREDICTED = "predicted" // the basis in an address, where there are measured times too
const DAYS = 365
const DIGITS = 6 // after the point, at most

/** @type {Assumptions} */
export const EXAMPLE = { requests: 1e6, price: 0.001, energy: 0.3, seconds: 0.2, grid: 400, utilisation: 50, currency: CURRENCY, basis: "" }

/**
 * A number as people write it: 1e6, 1,000,000 or 0.5. NaN if it is none.
 * @param {string} text
 */
export function numberOf(text) {
  const compact = text.replace(/[\s_]/g, "")
  if (compact === "") return NaN
  return Number(/^\d{1,3}(,\d{3})+(\.\d+)?$/.test(compact) ? compact.replaceAll(",", "") : compact.replace(/^(\d+),(\d+)$/, "$1.$2"))
}

/**
 * A value within the limits of a field, with a sentence if it was none of them.
 * @param {Field} field
 * @param {string} text
 * @returns {{value: number | null, notice: string | null}}
 */
export function fieldOf({ title, unit, low, high, example, optional }, text) {
  if (text.trim() === "" && optional) return { value: null, notice: null }
  const number = numberOf(text)
  if (number >= low && number <= high) return { value: number, notice: null }
  const value = Number.isNaN(number) ? example : Math.min(Math.max(number, low), high)
  return { value, notice: `${title} (${unit}) must be a number from ${grouped(low)} to ${grouped(high)}, and not “${short(text)}”; using ${grouped(value)}.` }
}

/**
 * The assumptions in an address, such as "1e6,0.001,0.3,0.2,400,50,$". What is left out is the example; times are measured ones where there are any.
 * @param {string} text
 * @param {Basis[]} bases
 * @returns {{assumptions: Assumptions, notices: string[]}}
 */
export function readAssumptions(text, bases) {
  const parts = text.split(",")
  /** @type {string[]} */
  const notices = []
  const assumptions = { ...EXAMPLE }
  FIELDS.forEach((field, i) => {
    if (i >= parts.length || (parts[i] === "" && (!field.optional || text === ""))) return
    const { value, notice } = fieldOf(field, parts[i])
    Object.assign(assumptions, { [field.name]: value })
    if (notice) notices.push(notice)
  })
  if (parts.length > FIELDS.length) assumptions.currency = currencyOf(parts[FIELDS.length])
  const basis = parts[FIELDS.length + 1] || usualBasis(bases)
  if (bases.some(({ key }) => key === basis)) assumptions.basis = basis
  else if (basis !== "" && basis !== PREDICTED) notices.push(`The address asks for times measured as “${short(basis)}”, which do not exist here; times are predicted.`)
  return { assumptions, notices }
}

/** The key of the basis that is used unless another one is selected: measured times, where there are any. @param {Basis[]} bases */
export const usualBasis = (bases) => bases[0]?.key ?? ""

/** The same for the address. @param {Assumptions} assumptions @param {Basis[]} bases */
export function writeAssumptions(assumptions, bases) {
  const basis = assumptions.basis === usualBasis(bases) ? "" : assumptions.basis || PREDICTED
  const parts = [...FIELDS.map(({ name }) => String(assumptions[name] ?? "")), assumptions.currency, basis]
  while (parts[parts.length - 1] === "" && parts.length > FIELDS.length + 1) parts.pop()
  return parts.join(",")
}

/** A currency that stays one part of the address. @param {string} text */
export const currencyOf = (text) => [...text.replace(/[\p{C},]/gu, "").trim()].slice(0, LETTERS).join("") || CURRENCY

/**
 * The measured times of a policy, by device and batch size. A time belongs to a step of the budget, and to no other.
 * @param {{time: number, label: string, device: string, budget: number}[]} runs  label: the batch size
 * @param {(budget: number) => number | null} stepOf  the step of a budget, or null if there is none close to it
 * @returns {Basis[]}
 */
export function basesOf(runs, stepOf) {
  /** @type {Map<string, Basis>} */
  const bases = new Map()
  const devices = [...new Set(runs.map(({ device }) => device))] // a key for the address holds no name
  for (const { time, label, device, budget } of runs) {
    const step = stepOf(budget)
    if (step === null) continue
    const key = `${devices.indexOf(device)}-${label}`
    const basis = bases.get(key) ?? { key, title: `measured on ${device}, batch ${label}`, at: new Map() }
    basis.at.set(step, time)
    bases.set(key, basis)
  }
  return [...bases.values()]
}

/**
 * What the full network and this budget use in a year, and what is saved. A quantity whose assumption is not given has no row.
 * @param {Assumptions} assumptions
 * @param {{share: number, spent: string, step: number}} budget  share: of the full network's cost;  spent: what is spent, such as "compute"
 * @param {Basis | undefined} basis of the time
 * @returns {Row[]}
 */
export function savings({ requests, price, energy, seconds, grid, utilisation, currency }, { share, spent, step }, basis) {
  const inferences = requests * DAYS
  const predicted = `predicted from ${spent}`
  const measured = basis?.at.get(step)
  const [timeShare, timeBasis] = measured === undefined ? [share, predicted] : [measured, basis?.title ?? ""]
  /** @type {Row[]} */
  const rows = []
  const add = (/** @type {string} */ title, /** @type {number} */ full, /** @type {Scale[]} */ scales, of = share, from = predicted, before = "") => {
    rows.push({ title, ...printedRow(full, full * of, scales, before), share: of, basis: from })
  }
  if (price !== null) add("Money", inferences * price, NUMBERS, share, predicted, currency)
  if (energy !== null) {
    add("Energy", inferences * energy, ENERGY)
    add("CO₂", ((inferences * energy) / 1000) * grid, MASS)
  }
  if (seconds !== null) {
    add("Computing time", (inferences * seconds) / 3600, HOURS, timeShare, timeBasis)
    add("Machines", (requests * seconds) / (86400 * (utilisation / 100)), NUMBERS, timeShare, timeBasis)
  }
  return rows
}

/** @typedef {[number, string]} Scale  from a number on, in units of it, with the unit's name */
/** @type {Scale[]} */
const NUMBERS = [[1e12, "trillion"], [1e9, "billion"], [1e6, "million"], [1, ""]]
/** @type {Scale[]} from Wh */
const ENERGY = [[1e12, "TWh"], [1e9, "GWh"], [1e6, "MWh"], [1e3, "kWh"], [1, "Wh"]]
/** @type {Scale[]} from g */
const MASS = [[1e12, "million t"], [1e6, "t"], [1e3, "kg"], [1, "g"]]
/** @type {Scale[]} from hours */
const HOURS = [[1e9, "billion h"], [1e6, "million h"], [1, "h"], [1 / 60, "min"], [1 / 3600, "s"]]

/**
 * Two numbers in the same unit and with the same digits, at least three of them significant in the larger one and one in the smaller, and the difference of what is printed.
 * @param {number} full
 * @param {number} now
 * @param {Scale[]} scales
 * @param {string} before a currency
 */
export function printedRow(full, now, scales, before = "") {
  const [most, least] = [Math.max(full, now), Math.min(full, now)]
  /** @param {Scale} scale */
  const digitsIn = ([unit, name]) => {
    const size = most / unit
    return size > 0 ? Math.min(Math.max(2 - Math.floor(Math.log10(size)), name === "" || size >= 1000 ? 0 : 1), DIGITS) : 0
  }
  const largest = scales.findIndex(([from]) => most >= from)
  const fitting = scales.slice(largest < 0 ? -1 : largest)
  // What is more than nothing is not printed as nothing: in a smaller unit, or with more digits.
  const [unit, name] = fitting.find((scale) => least === 0 || least / scale[0] >= 0.5 * 10 ** -digitsIn(scale)) ?? fitting[fitting.length - 1]
  const needed = least > 0 ? Math.ceil(-Math.log10(least / unit)) : 0
  const digits = Math.min(Math.max(digitsIn([unit, name]), needed), DIGITS)
  const [a, b] = [full, now].map((value) => Number((value / unit).toFixed(digits)))
  const difference = Number((a - b).toFixed(digits))
  const put = (/** @type {number} */ value) => {
    const number = Math.abs(value).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    return `${value < 0 ? "−" : ""}${before}${before.length > 1 ? " " : ""}${number}${name && ` ${name}`}`
  }
  return { full: put(a), now: put(b), saved: put(difference) }
}

/** A share in percent with three significant digits, so that a reader who multiplies agrees. @param {number} share */
export function shareText(share) {
  const digits = share > 0 ? Math.min(Math.max(2 - Math.floor(Math.log10(100 * share)), 1), DIGITS) : 1
  return percent(share, digits)
}

/** @param {number} value */
export const grouped = (value) => value.toLocaleString("en", { maximumSignificantDigits: 15 })

/** @param {string} text of a stranger, for a sentence */
const short = (text) => [...text.slice(0, 20)].map((character) => (/\p{C}/u.test(character) ? "?" : character)).join("")
