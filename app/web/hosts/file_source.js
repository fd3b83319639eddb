// The content of a block from the file that the page was opened from; see app/report.

import { decode } from "../core/resource.js"

/** @typedef {import("../core/resource.js").Resource} Resource */

/**
 * @param {ParentNode} document_ with a script element for each resource: compressed, in base64
 * @returns {import("../core/source.js").Source}
 */
export function fileSource(document_) {
  const find = (/** @type {string} */ name) => document_.querySelector(`script[data-resource="${name}"]`)
  /** @type {Map<string, Promise<Resource>>} */
  const known = new Map()
  const resource = (/** @type {string} */ name) => {
    const before = known.get(name)
    if (before) return before
    const coming = unpacked(find(name)?.textContent ?? "").then(decode)
    known.set(name, coming)
    return coming
  }
  return {
    bundle: () => resource("bundle"),
    sweep: () => resource("sweep"),
    predictions: async (example) => predictionsOf(example, await resource("predictions"), (await resource("bundle")).values.exits.length),
    images: find("images") && { key: "file", fetch: async (examples) => imagesOf(examples, await resource("images")) },
  }
}

/** @param {string} base64 of compressed bytes */
async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()
}

/**
 * @param {number} example
 * @param {Resource} resource see app/payload/predictions.py
 * @param {number} exits
 */
function predictionsOf(example, { values: { top }, arrays }, exits) {
  const rows = (/** @type {ArrayLike<number>} */ array) =>
    Array.from({ length: exits }, (_, k) => Array.from({ length: top }, (_, j) => array[(example * exits + k) * top + j]))
  const decision = arrays.decision ? Array.from(arrays.decision.subarray(example * exits, (example + 1) * exits)) : null
  return { classes: rows(arrays.classes), probabilities: rows(arrays.probabilities), decision: /** @type {number[] | null} */ (decision) }
}

/**
 * @param {number[]} examples
 * @param {Resource} resource sizes of all images, and the images one after the other
 */
function imagesOf(examples, { values, arrays }) {
  values.starts ??= arrays.size.reduce((/** @type {number[]} */ starts, /** @type {number} */ size) => (starts.push(/** @type {number} */ (starts.at(-1)) + size), starts), [0])
  return examples.map((example) => {
    const [start, end] = [values.starts[example], values.starts[example + 1]]
    return end > start ? new Blob([arrays.images.subarray(start, end)], { type: "image/webp" }) : null
  })
}
