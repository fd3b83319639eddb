// The examples that stand on the road: the same ones at every budget, so that what moves is their exit and nothing else.

import { largestRemainder } from "./printed.js"

export const CAST = 120 // examples at most

/**
 * A number from 0 to 2^32 - 1 that depends on a text alone: FNV-1a with a final mix, so that similar ids are far apart.
 * @param {string} text
 */
export function hashOf(text) {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * Of every exit as many as its share at the middle of the range, those with the lowest hashes of their ids.
 * @param {string[]} ids of all examples
 * @param {ArrayLike<number>} exitOf the exit of each at the middle of the range
 * @param {number} exits
 * @param {number} [most]
 * @returns {number[]} examples by the hash of their ids, which is their order in every column
 */
export function cast(ids, exitOf, exits, most = CAST) {
  const hashes = ids.map(hashOf)
  /** @type {(a: number, b: number) => number} */
  const byHash = (a, b) => hashes[a] - hashes[b] || a - b
  /** @type {number[][]} */
  const strata = Array.from({ length: exits }, () => [])
  ids.forEach((_, example) => strata[exitOf[example]].push(example))
  if (ids.length <= most) return strata.flat().sort(byHash)
  const quotas = largestRemainder(strata.map((stratum) => (stratum.length * most) / ids.length / 100), 0, most)
  return strata.flatMap((stratum, k) => stratum.sort(byHash).slice(0, quotas[k])).sort(byHash)
}
