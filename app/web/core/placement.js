// Where a text goes so that it hides as little as possible: plain geometry in pixels, y downwards.

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */
/** @typedef {Box & {weight: number}} Mark  what should stay visible; weight: how bad it is to hide a square pixel of it */
/** @typedef {Box & {penalty?: number, name?: string}} Place  where the text could go; penalty: in the same units as what it hides */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{width: number, height: number}} Size */

const OUTSIDE = 100 // weight of a square pixel outside the area: worse than hiding anything

/**
 * The sizes of square markers, none of which covers another of full size. The last and the first are full before the others.
 * @param {Point[]} points @param {number} full @param {number} least
 */
export function apart(points, full, least) {
  /** @type {Set<number>} */
  const kept = new Set()
  for (const i of points.length > 0 ? [points.length - 1, ...points.keys()] : []) {
    const isFree = [...kept].every((k) => k === i || Math.max(Math.abs(points[k].x - points[i].x), Math.abs(points[k].y - points[i].y)) >= full)
    if (isFree) kept.add(i)
  }
  return points.map((_, i) => (kept.has(i) ? full : Math.min(full, least)))
}

/** A box by its middle. @param {number} x @param {number} y @param {number} width @param {number} height @returns {Mark} */
export function around(x, y, width, height, weight = 1) {
  return { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2, weight }
}

/** The area that two boxes share. @param {Box} a @param {Box} b */
export function shared(a, b) {
  return Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))
}

/** A box with room around it. @param {Mark} box @param {number} by @returns {Mark} */
export function grown(box, by) {
  return { ...box, left: box.left - by, top: box.top - by, right: box.right + by, bottom: box.bottom + by }
}

/**
 * How bad a place is: what it hides, what of it is outside the area, and its own penalty.
 * @param {Place} place @param {Mark[]} marks @param {Box} area @param {number} enough  counting stops once it is this bad
 */
export function hidden(place, marks, area, enough = Infinity) {
  let sum = OUTSIDE * ((place.right - place.left) * (place.bottom - place.top) - shared(place, area)) + (place.penalty ?? 0)
  for (const mark of marks) {
    if (sum >= enough) break
    sum += mark.weight * shared(place, mark)
  }
  return sum
}

/** The place that hides least; the first of equal ones. @param {Place[]} places @param {Mark[]} marks @param {Box} area @returns {Place} */
export function freest(places, marks, area) {
  let [best, least] = [places[0], Infinity]
  for (const place of places) {
    const cost = (place.penalty ?? 0) < least ? hidden(place, marks, area, least) : Infinity
    if (cost < least) [best, least] = [place, cost]
  }
  return best
}

/** @type {Record<string, [number, number]>} */
const SIDES = { "up right": [1, -1], "up left": [-1, -1], "down right": [1, 1], "down left": [-1, 1], up: [0, -1], down: [0, 1], right: [1, 0], left: [-1, 0] }

/**
 * Places around a point, the same eight sides at each distance.
 * @param {Point} point @param {Size} size  of the text @param {number[]} gaps  from the point to the text, the preferred one first
 * @param {string[]} sides  the preferred one first @returns {Place[]}
 */
export function besides({ x, y }, { width, height }, gaps, sides = Object.keys(SIDES)) {
  return gaps.flatMap((gap, ring) =>
    sides.map((name, i) => {
      const [across, down] = SIDES[name]
      const near = across && down ? 0.8 * gap : gap // of a corner, so that all are about equally far
      const [middleX, middleY] = [x + across * (near + width / 2), y + down * (near + height / 2)]
      return { ...around(middleX, middleY, width, height), name: `${name} ${gap}`, penalty: i + 40 * ring }
    }),
  )
}

/** Places all over an area, worse the farther they are from a point. @param {Box} area @param {Size} size @param {Point} near @returns {Place[]} */
export function everywhere(area, { width, height }, near, step = 12) {
  const places = []
  for (let left = area.left; left + width <= area.right; left += step)
    for (let top = area.top; top + height <= area.bottom; top += step) {
      const away = Math.hypot(left + width / 2 - near.x, top + height / 2 - near.y)
      places.push({ left, top, right: left + width, bottom: top + height, penalty: 2 * away })
    }
  return places
}

/** A line with a point at least every few pixels. @param {Point[]} points @returns {Point[]} */
export function dense(points, step = 4) {
  return points.flatMap((point, i) => {
    const before = points[i - 1] ?? point
    const parts = Math.max(1, Math.ceil(Math.hypot(point.x - before.x, point.y - before.y) / step))
    return Array.from({ length: parts }, (_, k) => ({
      x: before.x + ((point.x - before.x) * (k + 1)) / parts,
      y: before.y + ((point.y - before.y) * (k + 1)) / parts,
    }))
  })
}

/** Marks along a line. Where it has many points in one place, the place counts once. @param {Point[]} points @param {number} width @param {number} weight @returns {Mark[]} */
export function alongLine(points, width, weight) {
  const cells = new Map(dense(points, width).map(({ x, y }) => [`${Math.round(x / width)} ${Math.round(y / width)}`, around(x, y, width, width, weight)]))
  return [...cells.values()]
}

/**
 * Places for the name of a line: above and below it, beside it where it is steep, worse the farther the line is from the name.
 * @param {Point[]} points @param {Size} size @param {number[]} gaps  between line and name, the preferred one first @returns {Place[]}
 */
export function alongside(points, { width, height }, gaps) {
  const line = dense(points)
  const places = []
  let last = null
  for (const { x, y } of line) {
    if (last && Math.hypot(x - last.x, y - last.y) < 8) continue
    last = { x, y }
    for (const left of [x, x - width / 2, x - width]) {
      const under = line.filter((point) => point.x >= left && point.x <= left + width)
      const [top, bottom] = [Math.min(...under.map((point) => point.y)), Math.max(...under.map((point) => point.y))]
      const reach = Math.max(...under.map((point) => point.x)) - Math.min(...under.map((point) => point.x))
      gaps.forEach((gap, ring) => {
        const penalty = 12 * (bottom - top) + 3 * (width - reach) + 60 * ring
        places.push({ left, top: top - gap - height, right: left + width, bottom: top - gap, penalty })
        places.push({ left, top: bottom + gap, right: left + width, bottom: bottom + gap + height, penalty: penalty + 10 })
      })
    }
    for (const left of [x + 2 * gaps[0], x - 2 * gaps[0] - width]) places.push({ ...around(left + width / 2, y, width, height), penalty: 1.5 * width })
  }
  return places
}

/** The point of a line that is nearest to a position, with its distance. @param {Point[]} points @param {Point} position */
export function nearestOnLine(points, { x, y }) {
  let best = { x: 0, y: 0, distance: Infinity }
  points.forEach((to, i) => {
    const from = points[i - 1] ?? to
    const [dx, dy] = [to.x - from.x, to.y - from.y]
    const length = dx * dx + dy * dy
    const along = length ? Math.min(1, Math.max(0, ((x - from.x) * dx + (y - from.y) * dy) / length)) : 0
    const near = { x: from.x + along * dx, y: from.y + along * dy }
    const distance = Math.hypot(near.x - x, near.y - y)
    if (distance < best.distance) best = { ...near, distance }
  })
  return best
}
