// Round numbers along an axis of shares, and their text.

/** A few round shares from low to high. @param {number} low @param {number} high @param {number} most  how many there is room for @returns {number[]} */
export function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= rough * 0.999) ?? 10)
  const first = Math.ceil(low / step - 1e-9)
  const count = Math.floor(high / step + 1e-9) - first + 1
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toFixed(10)))
}

/** The same with 100% among them, if it is on the axis. Others too close to it are left out. @param {number} low @param {number} high @param {number} most @returns {number[]} */
export function ticksWithWhole(low, high, most) {
  const regular = ticks(low, high, most)
  if (low > 1 || high < 1 || regular.includes(1)) return regular
  const near = 0.7 * (regular[1] - regular[0])
  return [...regular.filter((tick) => Math.abs(tick - 1) > near), 1].sort((a, b) => a - b)
}

/** Their texts in percent, all with as many digits as the finest needs; or, where they are no shares, as numbers. @param {number[]} shares @param {boolean} [graded] @returns {string[]} */
export function tickTexts(shares, graded = false) {
  const exact = (/** @type {number} */ digits) => shares.every((share) => Math.abs(Number((100 * share).toFixed(digits)) - 100 * share) < 1e-6)
  const digits = [0, 1, 2, 3].find(exact) ?? 4
  return shares.map((share) => (graded ? share.toFixed(digits + 2) : `${(100 * share).toFixed(digits)}%`))
}
