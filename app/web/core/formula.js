// A formula in plain text, such as "max p_k ≥ t_{k+1}", as text with subscripts and superscripts.

/** @typedef {{text: string, place: "line" | "sub" | "sup"}} Piece */

/**
 * @param {string} formula  "_" and "^" lower and raise the next character, or the characters in braces
 * @returns {Piece[]}
 */
export function pieces(formula) {
  /** @type {Piece[]} */
  const all = []
  for (const match of formula.matchAll(/([_^])(?:\{([^}]*)\}|(.))|([^_^]+)/gu)) {
    const [, mark, braced, single, between] = match
    if (between !== undefined) all.push({ text: between, place: "line" })
    else all.push({ text: braced ?? single, place: mark === "_" ? "sub" : "sup" })
  }
  return all
}
