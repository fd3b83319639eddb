// Some of the cast drive in along the road and down their ramps, once, when a page has been opened. Transforms only; under reduced motion the
// cast simply stands there.

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{node: HTMLElement, place: Point, scale: number, ramp: Point}} Driver  place, ramp: of its top left corner, in the cast's pixels */

const [DRIVERS, APART, SLOW, PER_PIXEL] = [36, 35, 500, 0.9] // how many; ms between them; ms, and ms a pixel of road, that each takes

/**
 * @param {Driver[]} drivers in the order in which they come
 * @param {Point} start of the road
 * @returns {Animation[]}
 */
export function arrive(drivers, start) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches || document.hidden) return []
  return drivers.slice(0, DRIVERS).map(({ node, place, scale, ramp }, i) => {
    const at = (/** @type {Point} */ { x, y }, /** @type {number} */ size) => `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px) scale(${size.toFixed(4)})`
    const road = { x: ramp.x, y: start.y }
    return node.animate(
      [
        { transform: at(start, 0.35), opacity: 0 },
        { transform: at({ x: start.x + 12, y: start.y }, 0.35), opacity: 1, offset: 0.05 },
        { transform: at(road, 0.35), offset: 0.6, easing: "ease-in" },
        { transform: at(place, scale) },
      ],
      { duration: SLOW + PER_PIXEL * (ramp.x - start.x), delay: i * APART, fill: "backwards", easing: "linear" },
    )
  })
}
