// The factors of one example, such as its difficulty: which of them stand out, and how they are written.

/** @typedef {import("./model.js").Model} Model */

const FACTORS = 3 // at most; the strongest

/** The factors that stand out, difficulty first. @param {Model} model @param {number} example @returns {[string, number][]} */
export function strongest(model, example) {
  const named = Object.entries(model.factors).map(([name, values]) => /** @type {[string, number]} */ ([name, values[example]]))
  named.sort(([a, x], [b, y]) => Number(b === "difficulty") - Number(a === "difficulty") || y - x)
  return named.filter(([name, value]) => name === "difficulty" || value >= 0.1).slice(0, FACTORS)
}

/** As people write its name. @param {string} name such as "contrast" or "word_pieces" */
export const factorTitle = (name) => name.replaceAll("_", " ")

/** Decimal digits of a factor: none of a count, and none of a large number. @param {number} value */
export const digitsOf = (value) => (Math.abs(value) >= 100 || (Math.abs(value) > 1 && Number.isInteger(value)) ? 0 : 2)
