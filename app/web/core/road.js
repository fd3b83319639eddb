// The shape of the road at a budget: as wide as the share of the examples that still drive, with a ramp at the mean cost of those who leave
// at each exit. Plain geometry in pixels, y downwards; reads no layout.

/** @typedef {{share: number, cost: number | null}} Leaving  cost: mean of those who leave there, as a share of the full network's; null if none does */
/** @typedef {{x: number, y: number}} Point */
/**
 * Where everything lies. places: where the ramps end, one for each exit. With `down` the road runs downwards along the left edge, with the
 * exits one below the other; else to the right, with the exits at their cost.
 * @typedef {{
 *   down: boolean, start: number, edge: number, thick: number, ends: number, places: number[],
 *   toPixels: (cost: number) => number,
 * }} Ground
 */
/** @typedef {{exit: number, at: number, before: number, after: number}} Stop  at: along the road;  before, after: shares that drive */
/** @typedef {{path: string, width: number}} Band  a line and its width in pixels; an empty path where there is none */
/** @typedef {{road: string, dashes: string, ramps: Band[], lanes: Band[], stops: Stop[]}} Shape  road: an outline, which covers the beginnings of the ramps */

const SLANT = 0.8 // of the gore, where a ramp leaves: along the road for each pixel across
const [THREAD, NONE] = [1, { path: "", width: 0 }] // px of the narrowest ramp
const LIFT = 10 // px between the road and a bypass
const AHEAD = 36 // px by which a ramp leaves a road that runs downwards before its exit
const REACH = 46 // px of a bypass before and after the exit that it passes
const ALL = 1e-6 // as good as all
const ROUND = 0.5523 // of a quarter of a circle, as a cubic

/**
 * Where examples leave the road, in the order in which they reach it.
 * @param {Leaving[]} exits
 * @param {Ground} ground
 * @returns {Stop[]}
 */
export function stopsOf(exits, { down, toPixels, places }) {
  const leaving = exits.flatMap(({ share, cost }, exit) => (share > 0 && cost !== null ? [{ exit, share, at: down ? places[exit] - AHEAD : toPixels(cost) }] : []))
  leaving.sort((a, b) => a.at - b.at || a.exit - b.exit)
  let driving = 1
  return leaving.map(({ exit, share, at }, i) => {
    const before = driving
    driving = i === leaving.length - 1 ? 0 : Math.max(0, driving - share)
    return { exit, at, before, after: driving }
  })
}

/**
 * The share of the examples that pass each exit without running its stage, (exits,). All 0 in a chain.
 * @param {import("./model.js").Model} model
 * @param {number} step
 * @returns {Float64Array}
 */
export function passingBy(model, step) {
  const { routes, pathRan, exits } = model
  const passing = new Float64Array(exits.length)
  const skips = pathRan.map((ran) => {
    const last = ran.lastIndexOf(1)
    return ran.flatMap((runs, k) => (k < last && runs === 0 ? [k] : []))
  })
  if (skips.every((skipped) => skipped.length === 0)) return passing
  const taken = new Uint32Array(pathRan.length)
  for (let i = 0, at = routes.at(step, 0); i < routes.examples; i++, at++) taken[routes.path[at]]++
  skips.forEach((skipped, path) => skipped.forEach((k) => (passing[k] += taken[path] / routes.examples)))
  return passing
}

/**
 * @param {Leaving[]} exits
 * @param {ArrayLike<number>} passing  share of the examples that pass each exit without running it
 * @param {number[]} whereElse  the cost at which an exit stands on the road if none leaves there
 * @param {Ground} ground
 * @returns {Shape}
 */
export function shapeOf(exits, passing, whereElse, ground) {
  const stops = stopsOf(exits, ground)
  const { thick, edge, start } = ground
  /** @type {(points: Point[]) => string} */
  const line = (points) => points.map((point, i) => `${i ? "L" : "M"}${put(point, ground)}`).join("")
  /** @type {Point[]} */
  const far = [{ x: start, y: edge }]
  const near = [{ x: start, y: edge + thick }]
  const ramps = exits.map(() => NONE)
  const dashes = []
  let from = start
  for (const { exit, at, before, after } of stops) {
    const [outer, inner] = [edge + thick * before, edge + thick * after]
    const half = (SLANT * (outer - inner)) / 2
    const ahead = after === 0 ? 0 : half // the last ramp begins before its place, so that there is room for its turn
    const [first, last] = [Math.max(at + ahead - 2 * half, from), Math.max(at + ahead, from)]
    const middle = (edge + outer) / 2
    if (outer - edge > 9 && first - from > 34) dashes.push(line([{ x: from + 12, y: middle }, { x: first - 6, y: middle }]))
    near.push({ x: first, y: outer }, { x: last, y: inner })
    ramps[exit] = { path: ramp(first, last, (outer + inner) / 2, outer - inner, ground.places[exit], ground), width: Math.max(THREAD, outer - inner) }
    from = last
  }
  const lanes = exits.map(() => NONE)
  const bend = 0.5 * REACH
  for (const { exit, share, from: first, to: last } of ground.down ? [] : passed(exits, passing, whereElse, stops, ground)) {
    const width = thick * share
    far.push({ x: first - REACH, y: edge }, { x: first - bend, y: edge + width }, { x: last + bend, y: edge + width }, { x: last + REACH, y: edge })
    lanes[exit] = { path: bypass(first, last, edge + width / 2, bend, ground), width: Math.max(THREAD, width) }
  }
  far.sort((a, b) => a.x - b.x)
  far.push({ x: Math.max(from, far[far.length - 1].x), y: edge })
  return { road: `${line([...far, ...near.reverse()])}Z`, dashes: dashes.join(""), ramps, lanes, stops }
}

/**
 * Where a bypass leads past exits whose stages some examples skip. Exits that are close to each other have one in common, which is that of the
 * first; where all skip a stage, the road just goes on.
 * @param {Leaving[]} exits @param {ArrayLike<number>} passing @param {number[]} whereElse @param {Stop[]} stops @param {Ground} ground
 * @returns {{exit: number, share: number, from: number, to: number}[]} from, to: the first and the last of the exits, along the road
 */
function passed(exits, passing, whereElse, stops, { toPixels }) {
  const skipped = exits.flatMap(({ cost }, exit) => {
    const at = toPixels(cost ?? whereElse[exit])
    const driving = 1 - stops.reduce((left, stop) => (stop.at < at ? left + stop.before - stop.after : left), 0)
    return passing[exit] > 0 && passing[exit] < driving - ALL ? [{ exit, share: passing[exit], from: at, to: at }] : []
  })
  skipped.sort((a, b) => a.from - b.from)
  /** @type {typeof skipped} */
  const ways = []
  for (const next of skipped) {
    const last = ways.at(-1)
    if (last && next.from - last.to < 2 * REACH) Object.assign(last, { to: next.from, share: Math.max(last.share, next.share) })
    else ways.push(next)
  }
  return ways
}

/** From along and across the road to x and y. @param {Point} point @param {Ground} ground */
const put = ({ x, y }, { down }) => (down ? `${y.toFixed(1)} ${x.toFixed(1)}` : `${x.toFixed(1)} ${y.toFixed(1)}`)

/**
 * The middle of a ramp: from below the road along with it, then to its exit, where it arrives at a right angle. Where the exit lies ahead it
 * sweeps there; where it does not, it first turns by a quarter of a circle, which is the larger the wider the ramp is.
 * @param {number} first @param {number} last  where it is side by side with the road
 * @param {number} across @param {number} width @param {number} place @param {Ground} ground
 */
function ramp(first, last, across, width, place, ground) {
  const { ends } = ground
  const depth = ends - across
  const ahead = place - last
  const radius = width / 2 + 4
  /** @type {(...points: [number, number][]) => string} */
  const to = (...points) => `C${points.map(([x, y]) => put({ x, y }, ground)).join(" ")}`
  const start = `M${put({ x: first, y: across }, ground)}L${put({ x: last, y: across }, ground)}`
  if (ground.down || ahead > radius + 6) return start + to([last + 0.62 * Math.min(ahead, depth * 4), across], [place, across + 0.3 * depth], [place, ends])
  const [turned, below] = [last + radius, across + radius]
  const left = Math.max(0, ends - below)
  return (
    start +
    to([last + ROUND * radius, across], [turned, below - ROUND * radius], [turned, below]) +
    to([turned, below + 0.62 * left], [place, ends - 0.72 * left], [place, ends])
  )
}

/** @param {number} first @param {number} last @param {number} across @param {number} bend @param {Ground} ground */
function bypass(first, last, across, bend, ground) {
  const high = across - LIFT
  const [a, b, c, d] = [first - REACH, first - bend, last + bend, last + REACH]
  /** @type {(x: number, y: number) => string} */
  const p = (x, y) => put({ x, y }, ground)
  const [up, back] = [(a + b) / 2, (c + d) / 2]
  return `M${p(a - 6, across)}L${p(a, across)}C${p(up, across)} ${p(up, high)} ${p(b, high)}L${p(c, high)}C${p(back, high)} ${p(back, across)} ${p(d, across)}L${p(d + 6, across)}`
}
