// The still part of the front: axes, curves, exits and real runs as SVG, and the places of all texts. Reads no layout.

import { inkOn } from "../core/ink.js"
import { alongLine, alongside, around, besides, freest, grown, hidden, shared } from "../core/placement.js"
import { pathThrough, shape } from "../core/svg.js"
import { tickTexts, ticks, ticksWithWhole } from "../core/ticks.js"

const [EXIT, CROWDED, NUMBERED, RUN] = [18, 7, 14, 11] // sizes of markers: an exit, the smallest exit, the smallest with a number inside, a run
const [MARK, LINE] = [10, 1] // weights of a marker or a text and of a curve
const GAPS = [4, 12] // px from a curve to its name
const NO_PLACE = 3000 // what it costs if the name of a curve is below the chart instead
const PROMINENCE = ["policy", "oracle", "calibration", "mix", "hull"] // names of curves are placed in this order
const SYMBOLS = [
  "M0-6L6 0L0 6L-6 0Z", // diamond
  "M0-6L5.6 4.4H-5.6Z", // triangle
  "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0Z", // circle
  "M-1.8-5.5H1.8V-1.8H5.5V1.8H1.8V5.5H-1.8V1.8H-5.5V-1.8H-1.8Z", // cross
]

/** @typedef {import("../core/placement.js").Box} Box */
/** @typedef {import("../core/placement.js").Mark} Mark */
/** @typedef {import("../core/placement.js").Point} Point */
/** @typedef {import("../core/placement.js").Size} Size */
/** @typedef {{name: string, kind: string, colour: string, cost: number[], accuracy: number[]}} Curve */
/** @typedef {{name: string, cost: number, accuracy: number, colour: string, lines: string[]}} FrontExit  lines: what there is to say about it */
/** @typedef {{time: number, accuracy: number, label: string, device: number, lines: string[]}} FrontRun  label: the batch size; device: its place in devices */
/**
 * What the front shows, see app/payload/front_data.py. axes: the least and the greatest share on each.
 * @typedef {{
 *   curves: Curve[], exits: FrontExit[], runs: FrontRun[], devices: string[], runColour: string,
 *   axes: {cost: [number, number], accuracy: [number, number]}, titles: {cost: string, accuracy: string}, alt: string,
 * }} FrontData
 */
/** @typedef {{em: number, width: (text: string, em?: number, weight?: number) => number}} Type  the size of the text in pixels, and the width of any text */
/** @typedef {{x: number, y: number, size: number, lines: string[]}} Item  a marker by its middle, and what there is to say about it */
/** @typedef {{curve: Curve, points: Point[]}} DrawnCurve  points: in pixels */
/** @typedef {Point & {exit: FrontExit, number: number, size: number}} ExitMarker */
/** @typedef {(cost: number, accuracy: number) => Point} ToPixels */

/** The hollow symbol of the runs on a device. @param {number} device */
export const symbol = (device) => shape("path", { class: "offramp-run", d: SYMBOLS[device % SYMBOLS.length] })

/** The line that stands for a curve. @param {Curve} curve @param {string} d  its path */
export function stroke(curve, d) {
  const path = shape("path", { class: `offramp-curve offramp-curve-${curve.kind}`, d })
  path.style.setProperty("--curve", curve.colour)
  return path
}

/**
 * What stands still until the front, its size or the visible curves change.
 * @typedef {object} Scene
 * @property {Node[]} nodes  of the drawing
 * @property {{cost: Scale, accuracy: Scale}} scales
 * @property {Type} type  of its texts
 * @property {Box} area  inside the axes
 * @property {Mark[]} marks  all that a text had better not cover
 * @property {Mark[]} exits  what a card must not cover
 * @property {DrawnCurve[]} curves  the visible ones
 * @property {Item[]} items  exits, then runs
 * @property {Map<string, Box>} names  by the kind of the curve; none where there is no room
 */

/** From shares to pixels and back. */
export class Scale {
  /** @param {[number, number]} shares  the least and the greatest @param {number} from  pixels of the least @param {number} to  pixels of the greatest */
  constructor([low, high], from, to) {
    this.toPixels = (/** @type {number} */ share) => from + ((share - low) / (high - low)) * (to - from)
    this.toShare = (/** @type {number} */ pixels) => low + ((pixels - from) / (to - from)) * (high - low)
  }
}

/**
 * @param {FrontData} front
 * @param {Size} size  of the drawing in pixels
 * @param {Type} type
 * @param {Set<string>} off  kinds of curves that are not shown
 * @returns {Scene}
 */
export function scene(front, size, type, off) {
  const { em } = type
  const [low, high] = front.axes.accuracy
  const rows = ticks(low, high, size.height / (4 * em)).filter((tick) => tick <= 1)
  const rowTexts = tickTexts(rows)
  const left = Math.ceil(Math.max(...rowTexts.map((text) => type.width(text)), 2 * em)) + 8
  const area = { left, top: 1.9 * em, right: size.width - 0.6 * em, bottom: size.height - 1.7 * em }
  const scales = { cost: new Scale(front.axes.cost, area.left, area.right), accuracy: new Scale(front.axes.accuracy, area.bottom, area.top) }
  /** @type {ToPixels} */
  const pixels = (cost, accuracy) => ({ x: scales.cost.toPixels(cost), y: scales.accuracy.toPixels(accuracy) })
  const curves = front.curves
    .filter((curve) => !off.has(curve.kind))
    .map((curve) => ({ curve, points: curve.cost.map((cost, i) => pixels(cost, curve.accuracy[i])) }))
  const exits = exitMarkers(front.exits, pixels)
  const runs = front.runs.map((run) => ({ run, ...pixels(run.time, run.accuracy) }))
  const markers = [...exits, ...runs.map((run) => ({ ...run, size: RUN }))].map(({ x, y, size }) => around(x, y, size, size, MARK))
  const lines = new Map(curves.map(({ curve, points }) => [curve.kind, alongLine(points, 3, LINE)]))
  const policy = lines.get("policy") ?? []

  const names = placeNames(curves, lines, markers, area, type) // before the texts beside markers, which find room more easily
  markers.push(...[...names.values()].map((box) => ({ ...box, weight: MARK })))
  /** @type {<T extends Point>(items: T[], text: (item: T) => string, gap: number, size: number) => {item: T, place: Box}[]} */
  const beside = (items, text, gap, size) =>
    items.map((item) => {
      const box = { width: type.width(text(item), size) + 2, height: size * em }
      const place = freest(besides(item, box, [gap], ["up", "right", "down", "left", "up right", "down right", "up left", "down left"]), [...markers, ...policy], area)
      markers.push({ ...place, weight: MARK })
      return { item, place }
    })
  const runTexts = beside(runs, ({ run }) => run.label, RUN / 2 + 2, 0.9)
  const few = exits.length > 0 && exits[0].size < NUMBERED ? exits.filter(({ number }) => number === 1 || number === exits.length || number % 10 === 0) : []
  const exitTexts = beside(few, ({ number }) => String(number), exits[0]?.size / 2 + 2, 0.85)

  const columns = ticksWithWhole(...front.axes.cost, (area.right - area.left) / (5 * em))
  const columnTexts = tickTexts(columns)
  const inside = exits.length > 0 && exits[0].size >= NUMBERED
  return {
    scales,
    type,
    area,
    curves,
    names,
    exits: exits.map(({ x, y, size }) => around(x, y, size, size, MARK)),
    marks: [...markers, ...policy],
    items: [...exits.map(({ x, y, size, exit }) => ({ x, y, size, lines: exit.lines })), ...runs.map(({ x, y, run }) => ({ x, y, size: RUN, lines: run.lines }))],
    nodes: [
      ...rows.map((row, i) => rowOf(scales.accuracy.toPixels(row), rowTexts[i], area, em)),
      ...columns.map((column, i) => columnOf(scales.cost.toPixels(column), columnTexts[i], column === 1, area, type)),
      shape("path", { class: "offramp-axis", d: `M${area.left} ${area.bottom + 0.5}H${area.right}` }),
      shape("text", { class: "offramp-accuracy-title", x: 0, y: 0.95 * em }, front.titles.accuracy),
      ...filling(curves, area),
      ...curves.map(({ curve, points }) => stroke(curve, pathThrough(points))),
      ...exits.map((exit) => exitOf(exit, inside)),
      ...exitTexts.map(({ item, place }) => textIn(place, "offramp-exit-label", String(item.number))),
      ...runs.map(({ run, x, y }) => {
        const node = symbol(run.device)
        node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`)
        return node
      }),
      ...runTexts.map(({ item, place }) => textIn(place, "offramp-run-label", item.run.label)),
    ],
  }
}

/**
 * Markers are smaller where many exits share the space.
 * @param {FrontExit[]} exits @param {ToPixels} pixels @returns {ExitMarker[]}
 */
function exitMarkers(exits, pixels) {
  const places = exits.map((exit, k) => ({ exit, number: k + 1, ...pixels(exit.cost, exit.accuracy) }))
  const extent = (/** @type {number[]} */ values) => Math.max(...values) - Math.min(...values)
  const length = Math.max(extent(places.map(({ x }) => x)), extent(places.map(({ y }) => y)))
  const size = places.length <= 8 ? EXIT : Math.max(CROWDED, Math.min(EXIT, length / places.length))
  return places.map((place) => ({ ...place, size }))
}

/**
 * The names of the two curves that stand out come first, in the order that leaves more room to all.
 * @param {DrawnCurve[]} curves @param {Map<string, Mark[]>} lines  along each curve @param {Mark[]} markers @param {Box} area @param {Type} type
 */
function placeNames(curves, lines, markers, area, type) {
  const [first, second, ...others] = PROMINENCE
  const ways = [[first, second, ...others], [second, first, ...others]].map((order) => placeInOrder(order, curves, lines, markers, area, type))
  return ways.reduce((best, way) => (way.cost < best.cost ? way : best)).names
}

/**
 * A name keeps clear of markers and texts, and of curves if it can; where it cannot keep clear of the former it gets no place.
 * @param {string[]} order @param {DrawnCurve[]} curves @param {Map<string, Mark[]>} lines @param {Mark[]} markers @param {Box} area @param {Type} type
 */
function placeInOrder(order, curves, lines, markers, area, { em, width }) {
  /** @type {Map<string, Box>} */
  const names = new Map()
  const taken = [...markers]
  let cost = 0
  for (const kind of order) {
    const drawn = curves.find(({ curve }) => curve.kind === kind)
    if (!drawn) continue
    const widest = 0.5 * (area.right - area.left)
    const size = { width: Math.min(widest, Math.ceil(width(drawn.curve.name, 1, kind === "policy" ? 700 : 400)) + 12), height: 1.5 * em }
    const near = [...lines].flatMap(([other, marks]) => marks.map((mark) => ({ ...grown(mark, other === kind ? 0 : 2), weight: 2 })))
    const marks = [...taken.map((mark) => ({ ...grown(mark, 3), weight: 40 })), ...near]
    const place = freest(alongside(drawn.points, size, GAPS), marks, area)
    if (!place || taken.some((mark) => shared(place, mark) > 4) || hidden(place, [], area) > 100 + (place.penalty ?? 0)) {
      cost += NO_PLACE
      continue
    }
    cost += hidden(place, marks, area)
    names.set(kind, place)
    taken.push({ ...place, weight: MARK })
  }
  return { names, cost }
}

/** @param {number} y @param {string} text @param {Box} area @param {number} em */
function rowOf(y, text, { left, right }, em) {
  const at = Math.round(y) + 0.5
  return shape(
    "g",
    {},
    shape("path", { class: "offramp-grid", d: `M${left} ${at}H${right}` }),
    shape("text", { class: "offramp-tick-text", x: left - 8, y: (y + 0.35 * em).toFixed(1), "text-anchor": "end" }, text),
  )
}

/** @param {number} x @param {string} text @param {boolean} whole  whether it is 100% @param {Box} area @param {Type} type */
function columnOf(x, text, whole, { top, right, bottom }, { em, width }) {
  const at = Math.round(x) + 0.5
  const middle = Math.min(x, right + 0.6 * em - width(text, 1, whole ? 700 : 400) / 2) // inside the drawing
  return shape(
    "g",
    { class: whole ? "offramp-whole" : "" },
    shape("path", { class: "offramp-grid", d: whole ? `M${at} ${top}V${bottom}` : `M${at} ${bottom}v5` }),
    shape("text", { class: "offramp-tick-text", x: middle.toFixed(1), y: (bottom + 1.45 * em).toFixed(1), "text-anchor": "middle" }, text),
  )
}

/** A tint below the policy's curve, which sets it apart from the others. @param {DrawnCurve[]} curves @param {Box} area */
function filling(curves, { bottom }) {
  const policy = curves.find(({ curve }) => curve.kind === "policy")
  if (!policy) return []
  const area = shape("path", { class: "offramp-filling", d: `${pathThrough(policy.points)}V${bottom}H${policy.points[0].x.toFixed(1)}Z` })
  area.style.setProperty("--curve", policy.curve.colour)
  return [area]
}

/** @param {ExitMarker} marker @param {boolean} inside  whether its number is inside */
function exitOf({ exit, number, x, y, size }, inside) {
  const square = shape("rect", { x: (x - size / 2).toFixed(1), y: (y - size / 2).toFixed(1), width: size, height: size, rx: size / 6 })
  square.style.setProperty("--exit", exit.colour)
  const group = shape("g", { class: "offramp-exit" }, square)
  if (inside) {
    const text = shape("text", { x: x.toFixed(1), y: (y + 0.24 * size).toFixed(1), "text-anchor": "middle" }, String(number))
    text.style.fill = inkOn(exit.colour)
    group.append(text)
  }
  return group
}

/** @param {Box} box @param {string} name  of its class @param {string} text */
function textIn({ left, top, right, bottom }, name, text) {
  return shape("text", { class: name, x: ((left + right) / 2).toFixed(1), y: (bottom - 0.15 * (bottom - top)).toFixed(1), "text-anchor": "middle" }, text)
}
