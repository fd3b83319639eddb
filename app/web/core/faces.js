// The face of an example that has no image: a few letters that tell its class from the others, or the end of its id.

const [LETTERS, END] = [3, 4]

/** @type {WeakMap<string[], string[]>} */
const known = new WeakMap()
/** @type {WeakMap<string[], string[]>} */
const knownEnds = new WeakMap()

/**
 * The first letters of every class, after what all of them begin with: "4" for "class 4", "Tru" for "truck".
 * @param {string[]} classes
 * @returns {string[]}
 */
export function letters(classes) {
  const before = known.get(classes)
  if (before) return before
  const same = beginningOf(classes)
  const texts = classes.map((name, label) => {
    const own = [...name.slice(same.length).replace(/[^\p{L}\p{N}]/gu, "")]
    const all = [...name.replace(/[^\p{L}\p{N}]/gu, "")]
    return (own.length > 0 ? own : all).slice(0, LETTERS).join("") || String(label)
  })
  known.set(classes, texts)
  return texts
}

/**
 * The last characters of every id, without what all ids begin with: "1900" for "q01900". Ids differ most at their ends.
 * @param {string[]} ids
 * @returns {string[]}
 */
export function ends(ids) {
  const before = knownEnds.get(ids)
  if (before) return before
  const same = beginningOf(ids).replace(/\p{N}+$/u, "") // a number stays whole
  const texts = ids.map((id) => {
    const [own, all] = [id.slice(same.length), id].map((text) => [...text].slice(-END).join("").replace(/^[^\p{L}\p{N}]+/u, ""))
    return own || all || id
  })
  knownEnds.set(ids, texts)
  return texts
}

/** What all of them begin with. @param {string[]} names */
const beginningOf = (names) => (names.length > 1 ? names.reduce((shared, name) => shared.slice(0, sharedLength(shared, name))) : "")

/** @param {string} a @param {string} b */
function sharedLength(a, b) {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
