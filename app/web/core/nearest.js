/**
 * The index of the value nearest to a target.
 * @param {ArrayLike<number>} values
 * @param {number} target
 */
export function nearest(values, target) {
  let best = 0
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - target) < Math.abs(values[best] - target)) best = i
  return best
}
