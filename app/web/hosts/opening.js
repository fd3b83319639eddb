// Asks the server for the first data of a block, which may have to be fitted first; see app/explore_route.py.

import { fetched, INCOMPLETE, whole } from "./http_source.js"

/** @typedef {import("../blocks/explore.js").ExploreData} ExploreData */
/** @typedef {ExploreData & {resources: {bundle: string, sweep: string, predictions: string}, images: string | null, takeHome: string, version: string, sampled?: string}} ServedData  addresses are relative to the page's root;  takeHome: the selection as a query;  version: of the bundle, see app/version_route.py;  sampled: that the figures are those of a sample, where those of all examples are not known yet */
/** @typedef {{done: number, of: number, what: string}} Progress */

/**
 * Resolves with the data, or rejects with a sentence.
 * @param {string} address
 * @param {AbortSignal} signal  aborting it also stops the fit, unless another page waits for it
 * @param {(progress: Progress) => void} onProgress
 * @returns {Promise<ServedData>}
 */
export async function opening(address, signal, onProgress) {
  const { body } = await fetched(address, signal)
  let last = null
  // Read to the end, so that the connection closes in good order.
  for await (const line of lines(/** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (body))) {
    last = JSON.parse(line)
    if (last.progress) onProgress(last.progress)
  }
  if (last?.data) return last.data
  if (last?.error !== undefined) throw new Error(last.error)
  throw new Error(INCOMPLETE)
}

/** @param {ReadableStream<Uint8Array<ArrayBuffer>>} body */
async function* lines(body) {
  const [reader, decoder] = [body.getReader(), new TextDecoder()]
  let rest = ""
  for (;;) {
    const { done, value } = await whole(reader.read())
    if (done) return
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n")
    rest = parts.pop() ?? ""
    yield* parts.filter((part) => part !== "")
  }
}
