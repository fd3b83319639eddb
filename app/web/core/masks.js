// Masks of one example, true and predicted: how they are unpacked, how they are coloured and where they differ.

/**
 * The class of every pixel, row by row. truth: IGNORED where a pixel does not count;  exits: one for each
 * @typedef {{height: number, width: number, truth: Uint8Array, exits: Uint8Array[]}} Masks
 */

/** In a true mask: a pixel that does not count. If no pixel counts, the true mask is not known. */
export const IGNORED = 255
/** Of the classes, class 0 first, which is usually the background. Distinct for people who see few colours too (Okabe and Ito, 2008). */
const COLOURS = ["#b8c0c8", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#332288", "#882255", "#117733", "#aa4499"]

/** @param {number} number of a class */
export const colourOf = (number) => COLOURS[number % COLOURS.length]

/**
 * @param {Uint8Array<ArrayBuffer>} packed a zlib stream: the true mask, then that of each exit; see docs/bundle-format.md
 * @param {number[]} size height and width
 * @returns {Promise<Masks>}
 */
export async function unpackMasks(packed, [height, width]) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer())
  const pixels = height * width
  const all = Array.from({ length: bytes.length / pixels }, (_, k) => bytes.subarray(k * pixels, (k + 1) * pixels))
  return { height, width, truth: all[0], exits: all.slice(1) }
}

/** @param {Masks} masks */
export const lacksTruth = ({ truth }) => truth.every((class_) => class_ === IGNORED)

/** The pixels that count where a mask differs from the true one, as a share of all that count. @param {Uint8Array} truth @param {Uint8Array} mask */
export function shareOfDifferences(truth, mask) {
  let [counted, different] = [0, 0]
  truth.forEach((class_, i) => {
    if (class_ === IGNORED) return
    counted++
    if (mask[i] !== class_) different++
  })
  return counted ? different / counted : 0
}

/** The classes that are in any of the masks, in order. @param {Masks} masks */
export function classesIn({ truth, exits }) {
  const seen = new Set(truth)
  for (const mask of exits) for (const class_ of mask) seen.add(class_)
  seen.delete(IGNORED)
  return [...seen].sort((a, b) => a - b)
}
