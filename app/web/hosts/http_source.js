// The content of a block from a server; see app/resources.py and app/media.py. All of it is immutable: its address changes with it.

import { unpackMasks } from "../core/masks.js"
import { bytesOf, decode } from "../core/resource.js"

const TIMEOUT = 60_000 // ms for a batch of images
export const INCOMPLETE = "The server stopped before the data was complete."
const KEPT = 50 // predictions in memory

/**
 * @param {{
 *   bundle: string, sweep: string, predictions: string, images: string | null, policies: string, takeHome: (name: string) => string,
 * }} addresses absolute;  takeHome: of what is taken home, with a query
 * @returns {import("../core/source.js").Source}
 */
export function httpSource(addresses) {
  /** @type {Map<number, Promise<import("../core/source.js").Predictions>>} */
  const predictions = new Map()
  const { images } = addresses
  return {
    bundle: async () => decode(await whole((await fetched(addresses.bundle)).arrayBuffer())),
    sweep: async () => decode(await whole((await fetched(addresses.sweep)).arrayBuffer())),
    predictions: (example) => kept(predictions, example, () => fetchPredictions(`${addresses.predictions}?row=${example}`)),
    words: async (example) => wordEffects(await whole((await fetched(`${addresses.bundle}/words?row=${example}`)).json())),
    cards: async () => whole((await fetched(addresses.policies)).json()),
    images: images === null ? null : { key: images, fetch: (examples) => fetchImages(images, examples) },
    takeHome: {
      forms: ["csv", "parquet"],
      routes: async ({ budget }, step, form) => (await fetched(`${addresses.takeHome("routes")}&budget=${budget[step]}&format=${form}`)).blob(),
      policy: async ({ budget }, step) => ({ content: await (await fetched(`${addresses.takeHome("policy")}&budget=${budget[step]}`)).blob(), step }),
      page: async (view) => opensWith(await whole((await fetched(addresses.takeHome("report"))).text()), view),
    },
  }
}

/** @param {number[][]} rows begin, end, and the effect at each exit */
const wordEffects = (rows) => rows.map(([begin, end, ...effects]) => ({ begin, end, effects }))

/** @param {string} address @returns {Promise<import("../core/source.js").Predictions>} */
async function fetchPredictions(address) {
  const answer = await whole((await fetched(address)).json())
  if (!answer.masks) return answer
  const { size, packed } = answer.masks
  return { ...answer, masks: await unpackMasks(bytesOf(packed), size) }
}

/**
 * For each image its length in four bytes, then the image.
 * @param {string} address
 * @param {number[]} examples
 */
async function fetchImages(address, examples) {
  const response = await fetched(`${address}?rows=${examples.join(",")}`, AbortSignal.timeout(TIMEOUT))
  const buffer = await whole(response.arrayBuffer())
  const view = new DataView(buffer)
  let at = 0
  return examples.map(() => {
    const size = view.getUint32(at, true)
    const image = size ? new Blob([buffer.slice(at + 4, at + 4 + size)], { type: "image/webp" }) : null
    at += 4 + size
    return image
  })
}

/**
 * A report that opens with a view. The server makes one report for all views.
 * @param {string} report @param {string} view  a query, in which every special character is encoded
 */
export const opensWith = (report, view) => new Blob([report.replace("<main data-report>", () => `<main data-report data-view="${view.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}">`)], { type: "text/html" })

/**
 * A response, or an error that is a sentence.
 * @param {string} address
 * @param {AbortSignal} [signal]
 */
export async function fetched(address, signal) {
  const response = await fetch(address, { signal }).catch(() => Promise.reject(new Error("The server does not answer.")))
  if (!response.ok) throw new Error(await response.text())
  return response
}

/**
 * What is read from a response, or an error that is a sentence if it breaks off.
 * @template Content
 * @param {Promise<Content>} reading
 */
export function whole(reading) {
  return reading.catch(() => Promise.reject(new Error(INCOMPLETE)))
}

/**
 * Made once; what failed is tried again by the next call.
 * @template Key, Value
 * @param {Map<Key, Promise<Value>>} cache
 * @param {Key} key
 * @param {() => Promise<Value>} make
 */
function kept(cache, key, make) {
  const known = cache.get(key)
  if (known) return known
  const coming = make()
  coming.catch(() => cache.delete(key))
  cache.set(key, coming)
  if (cache.size > KEPT) cache.delete(cache.keys().next().value ?? key)
  return coming
}
