// Beside the picked example: its true mask, where it is known, and what the colours of all masks mean.

import { element } from "../core/dom.js"
import { lacksTruth } from "../core/masks.js"
import { legend, trueMask } from "./mask_picture.js"

/** @param {import("../core/masks.js").Masks} masks @param {string[]} classes @returns {HTMLElement[]} */
export function maskKey(masks, classes) {
  const key = (/** @type {string} */ first, /** @type {string[]} */ ...last) => element("p", "", element("em", "", first), ...legend(masks, classes), ...last.map((words) => element("em", "", words)))
  if (lacksTruth(masks)) return [key("true mask: with its data set, which is not on this computer")]
  return [trueMask(masks), key("true mask", "hatched: incorrect")]
}
