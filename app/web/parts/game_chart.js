// The results of a game as a small chart: correct examples over fuel, a mark for each of those who play, with its name beside it.

import { element } from "../core/dom.js"
import { counted } from "../core/game.js"
import { around, besides, everywhere, freest, grown } from "../core/placement.js"
import { shape } from "../core/svg.js"
import { ticks } from "../core/ticks.js"

const [LEFT, RIGHT, TOP, BOTTOM] = [34, 14, 19, 38] // px around the plot
const SIZES = { best: 29, mix: 22, network: 17, player: 12 } // px, so that each can be seen where several are in one place

/** @typedef {import("../core/game.js").Results} Results */
/** @typedef {"player" | "network" | "mix" | "best"} Who */
/** @typedef {{who: Who, x: number, y: number, size: number}} Dot */
/** @typedef {{width: number, height: number, x: (cost: number) => number, y: (correct: number) => number, runs: number[], correct: number[]}} Scale */

/** @type {Who[]} */
export const DRAWN = ["best", "mix", "network", "player"] // from the back to the front

/**
 * @param {Results} results @param {number} fuel @param {number} number  of examples
 * @param {number} width @param {number} height @param {number} run  parts of a full run
 * @returns {Scale}
 */
export function scaleOf(results, fuel, number, width, height, run) {
  const all = Object.values(results)
  const end = 1.06 * Math.max(fuel, ...all.map(({ cost }) => cost))
  const low = Math.max(0, Math.floor(Math.min(...all.map(({ correct }) => correct)) - 1))
  const x = (/** @type {number} */ cost) => LEFT + (cost / end) * (width - LEFT - RIGHT)
  const y = (/** @type {number} */ correct) => TOP + ((number - correct) / (number - low)) * (height - TOP - BOTTOM)
  return { width, height, x, y, runs: ticks(0, end / run, 5), correct: Array.from({ length: number - low + 1 }, (_, i) => low + i) }
}

/** @param {Results} results @param {Scale} scale @returns {Dot[]} */
export const dotsOf = (results, { x, y }) => DRAWN.map((who) => ({ who, x: x(results[who].cost), y: y(results[who].correct), size: SIZES[who] }))

/**
 * A place for each name, beside its mark, and over no other name or mark.
 * @param {Dot[]} dots @param {{width: number, height: number}[]} sizes  of the names @param {Scale} scale
 * @param {number} fuelAt  where the line of the fuel is, which names had better not cover
 */
export function placesOf(dots, sizes, { width, height }, fuelAt) {
  const area = { left: LEFT + 2, top: 2, right: width - 2, bottom: height - BOTTOM - 2 }
  const marks = dots.map(({ x, y, size }) => grown(around(x, y, size, size, 30), 2))
  marks.push({ left: fuelAt - 1, right: fuelAt + 1, top: area.top, bottom: area.bottom, weight: 3 })
  return dots.map((dot, i) => {
    const gap = dot.size / 2 + 4
    const places = [...besides(dot, sizes[i], [gap, gap + 14], ["right", "left", "up", "down", "up right", "down right", "up left", "down left"]), ...everywhere(area, sizes[i], dot, 6)]
    const place = freest(places, marks, area)
    marks.push({ ...grown({ ...place, weight: 60 }, 1) })
    return place
  })
}

/**
 * Draws into a place that is on the page.
 * @param {HTMLElement} place @param {Results} results @param {import("../core/game.js").Game} game
 * @param {Record<Who, string>} names
 */
export function drawChart(place, results, { fuel, run, examples }, names) {
  const number = examples.length
  const scale = scaleOf(results, fuel, number, place.clientWidth, place.clientHeight, run)
  const { width, height, x, y } = scale
  const dots = dotsOf(results, scale)
  const drawing = shape("svg", { width, height, "aria-hidden": "true" })
  for (const correct of scale.correct) {
    drawing.append(shape("line", { class: "offramp-game-grid", x1: LEFT, x2: width - RIGHT, y1: y(correct), y2: y(correct) }))
    const skipped = scale.correct.length > 7 && (number - correct) % 2 === 1
    if (!skipped) drawing.append(shape("text", { x: LEFT - 8, y: y(correct) + 4, "text-anchor": "end" }, String(correct)))
  }
  for (const tick of scale.runs) drawing.append(shape("text", { x: x(run * tick), y: height - BOTTOM + 17, "text-anchor": "middle" }, String(tick)))
  drawing.append(shape("text", { x: (LEFT + width - RIGHT) / 2, y: height - 4, "text-anchor": "middle" }, "Fuel spent, in full runs"))
  drawing.append(shape("line", { class: "offramp-game-limit", x1: x(fuel), x2: x(fuel), y1: TOP - 8, y2: height - BOTTOM }))
  const labels = dots.map(({ who }) => {
    const label = element("span", `offramp-game-name offramp-game-name-${who}`, names[who], " ", element("b", "", counted(results[who].correct)))
    return label
  })
  const layer = element("div", "offramp-game-names", ...labels)
  layer.ariaHidden = "true"
  place.replaceChildren(drawing, layer)
  const boxes = placesOf(dots, labels.map(({ offsetWidth, offsetHeight }) => ({ width: offsetWidth, height: offsetHeight })), scale, x(fuel))
  dots.forEach((dot, i) => {
    const { left, top, right, bottom } = boxes[i]
    labels[i].style.left = `${left.toFixed(1)}px`
    labels[i].style.top = `${top.toFixed(1)}px`
    const [toX, toY] = [Math.min(Math.max(dot.x, left), right), Math.min(Math.max(dot.y, top), bottom)]
    if (Math.hypot(toX - dot.x, toY - dot.y) > dot.size / 2 + 10)
      drawing.append(shape("line", { class: "offramp-game-leader", x1: dot.x, y1: dot.y, x2: toX, y2: toY }))
  })
  drawing.append(...dots.map(mark))
}

/** @param {Dot} dot */
function mark({ who, x, y, size }) {
  const half = size / 2
  const name = `offramp-game-dot offramp-game-dot-${who}`
  if (who === "best") return shape("path", { class: name, d: `M${x} ${y - half}L${x + half} ${y}L${x} ${y + half}L${x - half} ${y}Z` })
  if (who === "mix") return shape("rect", { class: name, x: x - half, y: y - half, width: size, height: size })
  return shape("circle", { class: name, cx: x, cy: y, r: half })
}
