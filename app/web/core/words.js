// What the results, the examples and the reference of a bundle are called. Python decides that, see `Words` in app/wording.py.

import { percent } from "./dom.js"

/**
 * graded: whether results have a quality from 0 to 1, and are not correct or incorrect;  measure: what they are worth, within a sentence;
 * meaning: of that name, or empty;
 * reference: what budgets are shares of;  best: its name where it is a model among others, else empty;  stage: what an example leaves at; truth: what an oracle knows;
 * one, many: an example, and examples;  sign: how an amount of the unit of cost is written, such as "{} ms", where amounts are shown.
 * @typedef {{graded: boolean, measure: string, meaning: string, reference: string, best: string, stage: "exit" | "model", truth: string, one: string, many: string, sign?: string}} Words
 */

/** Of images with classes. @type {Words} */
export const USUAL = { graded: false, measure: "accuracy", meaning: "", reference: "full network", best: "", stage: "exit", truth: "labels", one: "image", many: "images" }

const LETTERS = 28 // of a name within a sentence, at most

/** An accuracy in percent, or a quality with as many digits. @param {Words} words @param {number} share @param {number} [digits] of the percentage */
export const amount = ({ graded }, share, digits = 1) => (graded ? (Number((100 * share).toFixed(digits)) / 100).toFixed(digits + 2) : percent(share, digits))

/** A difference of two printed numbers, without its sign. @param {Words} words @param {number} points in percent @param {number} [digits] */
export const difference = ({ graded }, points, digits = 1) => (graded ? (Math.abs(points) / 100).toFixed(digits + 2) : `${Math.abs(points).toFixed(digits)} points`)

/** @type {[number, string][]} */
const SCALES = [[1e12, " trillion"], [1e9, " billion"], [1e6, " million"]]

/**
 * Amounts of cost in their unit, with the same digits: three of them significant in the largest.
 * @param {string} sign @param {number[]} values
 */
export function costTexts(sign, values) {
  const most = Math.max(...values)
  const [unit, scale] = SCALES.find(([from]) => most >= from) ?? [1, ""]
  const written = (/** @type {number} */ digits) => values.map((value) => (value / unit).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }))
  let digits = most > 0 ? Math.min(Math.max(2 - Math.floor(Math.log10(most / unit)), 0), 9) : 0
  const least = sign.startsWith("$") ? Math.min(digits, 2) : 0
  while (digits > least && written(digits).every((text) => text.endsWith("0"))) digits--
  const smallest = (10 ** -digits).toFixed(digits)
  const tiny = values.map((value, i) => value > 0 && Number(written(digits)[i]) === 0)
  return written(digits).map((text, i) => (tiny[i] ? "<" : "") + sign.replace("{}", () => (tiny[i] ? smallest : text) + scale))
}

/** The reference with its name, if it has one. @param {Words} words */
export const named = (words) => (words.best ? `${words.reference} (${bestName(words)})` : words.reference)

/** The name of the best model, as in a sentence. @param {Words} words */
export const bestName = ({ best }) => (best.length > LETTERS ? `${best.slice(0, LETTERS - 1).trimEnd()}…` : best)

/**
 * What is true of any bundle, in the words of one. Without classes, a top probability is a confidence.
 * @param {Words} words @param {string} text
 */
export function adapted({ reference, stage, truth, measure }, text) {
  const known = truth === USUAL.truth ? text : text.replaceAll("the probability of their most likely class", "their confidence").replaceAll("top probability", "confidence")
  return known.replaceAll("full network", reference).replaceAll("exit", stage).replaceAll("Exit", capital(stage)).replaceAll("labels", truth).replaceAll("accuracy", measure)
}

/** @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1)
