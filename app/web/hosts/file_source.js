// The content of a block from the file that the page was opened from; see app/report.

import { unpackMasks } from "../core/masks.js"
import { bytesOf, decode } from "../core/resource.js"
import { documentStep, documentText, routesCsv } from "../core/take_home.js"

/** @typedef {import("../core/resource.js").Resource} Resource */

/**
 * @param {ParentNode} document_ with a script element for each resource: compressed, in base64
 * @param {import("../parts/panel.js").Card[]} cards
 * @returns {import("../core/source.js").Source}
 */
export function fileSource(document_, cards) {
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
    predictions: async (example) => {
      const [predictions, bundle] = [await resource("predictions"), await resource("bundle")]
      const masks = await masksOf(example, predictions)
      return { ...predictionsOf(example, predictions, bundle.values.exits.length), ...(masks ? { masks } : {}) }
    },
    words: null,
    cards: async () => cards,
    images: find("images") && { key: "file", fetch: async (examples) => imagesOf(examples, await resource("images")) },
    takeHome: fromFile(() => resource("takehome")),
  }
}

/**
 * The policy's document is that of the nearest budget that has one.
 * @param {() => Promise<Resource>} resource see app/payload/take_home_resource.py
 * @returns {import("../core/source.js").TakeHome}
 */
const fromFile = (resource) => ({
  forms: ["csv"],
  async routes(model, step) {
    const numbers = await resource()
    if (numbers.values.noRoutes) throw new Error(numbers.values.noRoutes)
    return new Blob([routesCsv(model, numbers, step)], { type: "text/csv" })
  },
  async policy(model, step) {
    const { documents, noDocuments } = (await resource()).values
    if (!documents) throw new Error(noDocuments)
    const nearest = documentStep(documents, model.budget, step)
    return { content: new Blob([documentText(documents, nearest)], { type: "application/json" }), step: nearest }
  },
  page: null,
})

/** @param {string} base64 of compressed bytes */
async function unpacked(base64) {
  return new Response(new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()
}

/**
 * @param {number} example
 * @param {Resource} resource see app/payload/predictions.py
 * @param {number} exits
 */
function predictionsOf(example, { values: { top, texts, before }, arrays }, exits) {
  const known = (/** @type {number} */ value) => (Number.isFinite(value) ? value : null)
  const rows = (/** @type {ArrayLike<number>} */ array) =>
    Array.from({ length: exits }, (_, k) => Array.from({ length: top }, (_, j) => array[(example * exits + k) * top + j]))
  const row = (/** @type {Float32Array} */ array) => Array.from(array.subarray(example * exits, (example + 1) * exits))
  const { classes, probabilities, decision, quality, confidence } = arrays
  return {
    classes: rows(classes),
    probabilities: rows(probabilities).map((top) => top.map(known)),
    decision: decision ? row(decision).map(known) : null,
    ...(quality ? { quality: row(quality) } : {}),
    ...(confidence ? { confidence: row(confidence).map(known) } : {}),
    ...(texts ? { text: /** @type {string} */ (texts[example]) } : {}),
    ...(before ? { before: Object.fromEntries(before.map((/** @type {string} */ name) => [name, arrays[`before ${name}`][example]])) } : {}),
  }
}

/**
 * @param {number} example
 * @param {Resource} resource
 */
async function masksOf(example, { values, arrays }) {
  if (!arrays.masks) return null
  values.starts ??= startsOf(arrays["mask bytes"])
  const packed = arrays.masks.slice(values.starts[example], values.starts[example + 1])
  return packed.length ? unpackMasks(packed, values.size) : null
}

/**
 * @param {number[]} examples
 * @param {Resource} resource sizes of all images, and the images one after the other
 */
function imagesOf(examples, { values, arrays }) {
  values.starts ??= startsOf(arrays.size)
  return examples.map((example) => {
    const [start, end] = [values.starts[example], values.starts[example + 1]]
    return end > start ? new Blob([arrays.images.subarray(start, end)], { type: "image/webp" }) : null
  })
}

/** Where each of several things that lie one after the other begins, and where the last one ends. @param {ArrayLike<number>} sizes */
function startsOf(sizes) {
  const starts = [0]
  for (let i = 0; i < sizes.length; i++) starts.push(starts[i] + sizes[i])
  return starts
}
