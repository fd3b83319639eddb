// The still part of the front: axes, curves, exits and real runs as SVG, and the places of all texts. Reads no layout.

import { inkOn } from "../core/ink.js"
import { alongLine, alongside, apart, around, besides, freest, grown, hidden, shared } from "../core/placement.js"
import { pathThrough, shape } from "../core/svg.js"
import { tickTexts, ticks } from "../core/ticks.js"

const [EXIT, CROWDED, NUMBERED, RUN] = [18, 7, 14, 11] // sizes of markers: an exit, the smallest exit, the smallest with a number inside, a run
const LEFT_OUT = 9 // px of the mark of a dominated model
const CROSS = "M-3.5-3.5L3.5 3.5M-3.5 3.5L3.5-3.5"
const LETTERS = 24 // of its name
const [MARK, LINE, TEXT] = [10, 1, 40] // weights of a marker, of a curve, and of a text, which nothing else may be written over
const [CROSSED, BESIDE] = [6, 4] // weights of a curve, and of what is close to a text or a marker, for the name of a curve
const GAPS = [4, 12] // px from a curve to its name
const [REMARK, UNREMARKED] = [/ \(.*\)$/, 600] // what is left out of a name where there is little room, and what that costs
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
/** @typedef {{name: string, cost: number, accuracy: number, lines: string[]}} Dominated  cost: may be beyond the axis */
/** @typedef {{time: number, accuracy: number, label: string, device: number, lines: string[]}} FrontRun  label: the batch size; device: its place in devices */
/**
 * What the front shows, see app/payload/front_data.py. axes: the least and the greatest share on each.
 * @typedef {{
 *   curves: Curve[], exits: FrontExit[], runs: FrontRun[], devices: string[], runColour: string, runsUnit: string | null,
 *   timed: {time: number, label: string, device: string, budget: number}[], intervals?: import("../core/intervals.js").Intervals,
 *   axes: {cost: [number, number], accuracy: [number, number]}, withoutRuns: {cost: [number, number], accuracy: [number, number]}, marksExits: boolean, titles: {cost: string, accuracy: string}, alt: string,
 *   dominated?: Dominated[],
 * }} FrontData
 */
/** @typedef {{em: number, width: (text: string, em?: number, weight?: number) => number}} Type  the size of the text in pixels, and the width of any text */
/** @typedef {{x: number, y: number, size: number, lines: string[]}} Item  a marker by its middle, and what there is to say about it */
/** @typedef {{curve: Curve, points: Point[]}} DrawnCurve  points: in pixels */
/** @typedef {Box & {text: string}} Name  of a curve, in as many words as there is room for */
/** @typedef {Point & {exit: FrontExit, number: number, size: number}} ExitMarker */
/** @typedef {(cost: number, accuracy: number) => Point} ToPixels */

/** The hollow symbol of the runs on a device. @param {number} device */
export const symbol = (device) => shape("path", { class: "offramp-run", d: SYMBOLS[device % SYMBOLS.length] })

/** An arrow points to one that is beyond the axis. @param {{model: Dominated, isBeyond: boolean}} item */
const nameOfLeftOut = ({ model: { name }, isBeyond }) => `${name.length > LETTERS ? `${name.slice(0, LETTERS - 1).trimEnd()}…` : name}${isBeyond ? " →" : ""}`

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
 * @property {Map<string, Name>} names  by the kind of the curve; none where there is no room
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
 * @param {{left: number, right: number, end: number, scale: number, runs: boolean, down?: boolean, graded?: boolean, point?: {cost: number, accuracy: number}}} axis  of cost in pixels, as below the front;  end: its highest cost;  scale: of the markers;  runs: whether real runs are shown;  down: whether the road runs downwards;  graded: whether results are no percentages;  point: the current budget
 * @returns {Scene}
 */
export function scene(front, size, type, off, axis) {
  const { em } = type
  const accuracy = axis.runs ? front.axes.accuracy : front.withoutRuns.accuracy
  const [low, high] = accuracy
  const rows = ticks(low, high, size.height / (2.2 * em)).filter((tick) => tick <= 1)
  const rowTexts = tickTexts(rows, axis.graded)
  const area = { left: axis.left, top: (axis.down ? 3.1 : 1.7) * em, right: axis.right, bottom: size.height - 0.5 * em }
  const scales = { cost: new Scale([0, axis.end], area.left, area.right), accuracy: new Scale(accuracy, area.bottom, area.top) }
  /** @type {ToPixels} */
  const pixels = (cost, accuracy) => ({ x: scales.cost.toPixels(cost), y: scales.accuracy.toPixels(accuracy) })
  const curves = front.curves
    .filter((curve) => !off.has(curve.kind))
    .map((curve) => ({ curve, points: curve.cost.map((cost, i) => pixels(cost, curve.accuracy[i])) }))
  const exits = exitMarkers(front.marksExits ? front.exits : [], pixels, axis.scale)
  const [numbered, runSize] = [NUMBERED * axis.scale, RUN * axis.scale]
  const runs = axis.runs ? front.runs.map((run) => ({ run, ...pixels(run.time, run.accuracy) })) : []
  const others = (front.dominated ?? []).map((model) => ({ model, isBeyond: model.cost > axis.end, size: LEFT_OUT * axis.scale, ...pixels(Math.min(model.cost, axis.end), model.accuracy) }))
  const markers = [...exits, ...others, ...runs.map((run) => ({ ...run, size: runSize }))].map(({ x, y, size }) => around(x, y, size, size, MARK))
  const lines = new Map(curves.map(({ curve, points }) => [curve.kind, alongLine(points, 3, LINE)]))
  const policy = lines.get("policy") ?? []

  // The names also find room above the curves, beside the title of the axis and the buttons that open tables.
  const above = [
    { left: 0, top: 0, right: type.width(front.titles.accuracy, 1, 600) + em, bottom: 1.3 * em, weight: MARK },
    { left: size.width - type.width("Table: front Table: models") - 2 * em, top: 0, right: size.width, bottom: 1.6 * em, weight: MARK },
  ]
  const names = placeNames(curves, lines, [...markers, ...dotOf(axis, scales), ...above], { ...area, top: 0, right: size.width }, type) // before the texts beside markers, which find room more easily
  markers.push(...[...names.values()].map((box) => ({ ...box, weight: TEXT })))
  /** @type {<T extends Point>(items: T[], text: (item: T) => string, gap: number, size: number) => {item: T, place: Box}[]} */
  const beside = (items, text, gap, size) =>
    items.map((item) => {
      const box = { width: type.width(text(item), size) + 2, height: size * em }
      const place = freest(besides(item, box, [gap], ["up", "right", "down", "left", "up right", "down right", "up left", "down left"]), [...markers, ...policy], area)
      markers.push({ ...place, weight: TEXT })
      return { item, place }
    })
  const runTexts = beside(runs, ({ run }) => run.label, runSize / 2 + 2, 0.9)
  const few = exits.length > 0 && exits[0].size < numbered ? exits.filter(({ number }) => number === 1 || number === exits.length || number % 10 === 0) : []
  const exitTexts = beside(few, ({ number }) => String(number), exits[0]?.size / 2 + 2, 0.85)

  // Where there is no room for its name, a dominated model has one in its card.
  const written = markers.slice()
  const otherTexts = beside(others, nameOfLeftOut, LEFT_OUT / 2 + 3, 0.9).filter(({ place }, i, all) => ![...written, ...all.slice(0, i).map((text) => text.place)].some((mark) => shared(place, mark) > 4))
  return {
    scales,
    type,
    area,
    curves,
    names,
    exits: exits.map(({ x, y, size }) => around(x, y, size, size, MARK)),
    marks: [...markers, ...policy, ...above],
    items: [...exits.map(({ x, y, size, exit }) => ({ x, y, size, lines: exit.lines })), ...others.map(({ x, y, size, model }) => ({ x, y, size, lines: model.lines })), ...runs.map(({ x, y, run }) => ({ x, y, size: runSize, lines: run.lines }))],
    nodes: [
      ...rows.map((row, i) => rowOf(scales.accuracy.toPixels(row), rowTexts[i], area, em)),
      ...(axis.end > 1 ? [wholeOf(scales.cost.toPixels(1), area)] : []),
      shape("text", { class: "offramp-accuracy-title", x: 0, y: 0.95 * em }, front.titles.accuracy),
      ...filling(curves, area),
      ...curves.map(({ curve, points }) => stroke(curve, pathThrough(points))),
      ...others.map(({ x, y, size }) => shape("path", { class: "offramp-dominated", d: CROSS, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${(size / LEFT_OUT).toFixed(3)})` })),
      ...otherTexts.map(({ item, place }) => textIn(place, "offramp-dominated-label", nameOfLeftOut(item))),
      ...[...exits].sort((a, b) => a.size - b.size).map((exit) => exitOf(exit, exit.size >= numbered)),
      ...exitTexts.map(({ item, place }) => textIn(place, "offramp-exit-label", String(item.number))),
      ...runs.map(({ run, x, y }) => {
        const node = symbol(run.device)
        node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${axis.scale})`)
        return node
      }),
      ...runTexts.map(({ item, place }) => textIn(place, "offramp-run-label", item.run.label)),
    ],
  }
}

/**
 * The dot of the current budget, with its label at the upper right, where it is best seen.
 * @param {{scale: number, point?: {cost: number, accuracy: number}}} axis @param {{cost: Scale, accuracy: Scale}} scales @returns {Mark[]}
 */
function dotOf({ scale, point }, { cost, accuracy }) {
  if (!point) return []
  const [x, y] = [cost.toPixels(point.cost), accuracy.toPixels(point.accuracy)]
  return [{ left: x - 12 * scale, top: y - 30 * scale, right: x + 64 * scale, bottom: y + 12 * scale, weight: MARK }]
}

/**
 * Markers are smaller where many exits share the space, and one that would cover the number of another is smallest.
 * @param {FrontExit[]} exits @param {ToPixels} pixels @param {number} scale @returns {ExitMarker[]}
 */
function exitMarkers(exits, pixels, scale) {
  const places = exits.map((exit, k) => ({ exit, number: k + 1, ...pixels(exit.cost, exit.accuracy) }))
  const extent = (/** @type {number[]} */ values) => Math.max(...values) - Math.min(...values)
  const length = Math.max(extent(places.map(({ x }) => x)), extent(places.map(({ y }) => y)))
  const size = places.length <= 8 ? EXIT * scale : Math.max(CROWDED, Math.min(EXIT * scale, length / places.length))
  return apart(places, size, CROWDED * scale).map((size, k) => ({ ...places[k], size }))
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
  /** @type {Map<string, Name>} */
  const names = new Map()
  const taken = [...markers]
  let cost = 0
  for (const kind of order) {
    const drawn = curves.find(({ curve }) => curve.kind === kind)
    if (!drawn) continue
    const widest = Math.max(0.5 * (area.right - area.left), Math.min(200, area.right - area.left))
    const near = [...lines].flatMap(([other, marks]) => marks.map((mark) => ({ ...grown(mark, other === kind ? 0 : 2), weight: CROSSED })))
    const marks = [...taken.flatMap((mark) => [{ ...mark, weight: TEXT }, { ...grown(mark, 3), weight: BESIDE }]), ...near]
    const { name } = drawn.curve
    const ways = [...new Set([name, name.replace(REMARK, "")])].flatMap((text) => {
      const size = { width: Math.min(widest, Math.ceil(width(text, 1, kind === "policy" ? 700 : 400)) + 12), height: 1.5 * em }
      const place = freest(alongside(drawn.points, size, GAPS), marks, area)
      if (!place || taken.some((mark) => shared(place, mark) > 4) || hidden(place, [], area) > 100 + (place.penalty ?? 0)) return []
      return [{ place: { ...place, text }, cost: hidden(place, marks, area) + (text === name ? 0 : UNREMARKED) }]
    })
    const way = ways.sort((a, b) => a.cost - b.cost).at(0)
    cost += way ? way.cost : NO_PLACE
    if (!way) continue
    names.set(kind, way.place)
    taken.push({ ...way.place, weight: MARK })
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

/** Where 100% of the cost is, if the axis goes on. @param {number} x @param {Box} area */
function wholeOf(x, { top, bottom }) {
  return shape("g", { class: "offramp-whole" }, shape("path", { class: "offramp-grid", d: `M${Math.round(x) + 0.5} ${top}V${bottom}` }))
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
