// What an example is called and how it fares, in a few words.

import { ends, letters } from "./faces.js"
import { amount } from "./words.js"

/** @typedef {import("./model.js").Model} Model */

const MOST = 80 // characters of a text that is a name

/** Its class, or how its text begins, or its id. @param {Model} model @param {number} example */
export function nameOf({ texts, label, classes, ids, words }, example) {
  if (texts) return texts[example].length > MOST ? `${texts[example].slice(0, MOST - 1).trimEnd()}…` : texts[example] || ids[example]
  return label ? classes[label[example]] : `${words.one} ${ids[example]}`
}

/** The same, with all of the text that is written on its face, which is what can be spoken to press it. @param {Model} model @param {number} example */
export const nameOnFace = (model, example) => model.texts?.[example] || nameOf(model, example)

/** How it leaves at a step of the budget. @param {Model} model @param {number} step @param {number} example */
export function outcomeOf({ routes, classes, words }, step, example) {
  const at = routes.at(step, example)
  const quality = routes.quality[at]
  if (routes.graded) return `${words.measure} ${amount(words, quality)}`
  if (quality === 1) return "correct"
  return routes.answer ? `predicted as ${classes[routes.answer[at]]}` : "incorrect"
}

/**
 * Names as they are written where there is little room: without what comes before the last slash, as of models by vendor, if they differ then.
 * @param {string[]} names
 */
export function shortNames(names) {
  const ends = names.map((name) => name.slice(name.lastIndexOf("/") + 1))
  return ends.every((end) => end.trim() !== "") && new Set(ends).size === names.length ? ends : names
}

/** A few letters that tell it from others: of its class, or the end of its id. @param {Model} model @param {number} example */
export const lettersOf = ({ label, classes, ids }, example) => (label ? letters(classes)[label[example]] : ends(ids)[example])
