// A text in parts, each word with its colour. Blue and orange can be told apart by people who see few colours, and the strength is the
// opacity.

/** @typedef {{text: string, effect: number | null, colour: string}} Part  effect: null between words */

const [FOR, AGAINST] = ["0 114 178", "230 159 0"]
const MOST = 0.5 // opacity: words keep a contrast of 4.5 on it, light and dark
const NEGLIGIBLE = 0.005

/**
 * @param {string} text
 * @param {import("./source.js").WordEffect[]} words in the order of the text
 * @param {number} exit
 * @returns {Part[]}
 */
export function coloured(text, words, exit) {
  const characters = Array.from(text) // places count characters as Python does
  const strongest = Math.max(NEGLIGIBLE, ...words.map(({ effects }) => Math.abs(effects[exit])))
  /** @type {Part[]} */
  const parts = []
  let at = 0
  const between = (/** @type {number} */ end) => {
    if (end > at) parts.push({ text: characters.slice(at, end).join(""), effect: null, colour: "" })
  }
  for (const { begin, end, effects } of words) {
    between(begin)
    const effect = effects[exit]
    const opacity = Math.abs(effect) < NEGLIGIBLE ? 0 : (MOST * Math.abs(effect)) / strongest
    parts.push({ text: characters.slice(begin, end).join(""), effect, colour: `rgb(${effect >= 0 ? FOR : AGAINST} / ${opacity.toFixed(3)})` })
    at = end
  }
  between(characters.length)
  return parts
}
