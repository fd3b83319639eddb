// Where front, rail, road and columns lie in the width that there is: one scale of cost for the first three, and a column for each exit.

/** @typedef {{x: number, width: number, narrow: boolean}} Column */
/**
 * @typedef {{
 *   width: number, down: boolean, short: boolean, left: number, right: number, end: number,
 *   columns: Column[], open: number, toPixels: (cost: number) => number, toCost: (pixels: number) => number,
 *   tile: number, gap: number, perRow: (width: number) => number, rows: number, road: number, top: (exit: number) => number, head: number, tall: number, scale: number,
 * }} Layout  down: the road runs downwards, with a row for each exit;  short: the window is low, so that the trace lies over the cast;  left, right: of the scale;  end: its highest cost;
 *   road: height of the road with its ramps, before it is scaled;  top: of what an exit has below the road;  head: px from there to its tiles;  tall: all of it;
 *   scale: of everything that has a size in px; 1 except where the block is presented
 */

const [GUTTER, MARGIN] = [50, 24] // px left of the scale, for the ticks of the accuracy, and right of it, for the last ramp
const [BETWEEN, CROWDED_BETWEEN] = [18, 4] // px between columns
const SIDE_BY_SIDE = 700 // px below which the road runs downwards
const [FEW, OPEN] = [6, 230] // exits that fit side by side with all they show; px of the one that is open where there are more
const [HEAD, HEAD_DOWN] = [92, 62] // px from the top of what an exit has to its tiles
export const [ROW, LEAD] = [118, 36] // px of an exit where the road runs downwards, and above the first
const [TILE, GAP] = [45, 5] // px of a tile and between tiles
const [TALL, SHORT] = [735, 540] // px of all but the cast: with the trace, and without it where the window is low
const [RAMPS, RAMPS_SHORT] = [126, 92] // px of the road with its ramps
const FOOT = 30 // px below the tiles
const ROAD = 62 // px left of the rows, where the road runs downwards
const PRESENTED = { rest: 474, head: 104 } // px of all but the cast, and to the tiles, before they are scaled
const [LARGE_WIDTH, LARGE_HEIGHT, LARGE] = [1920, 1080, 1.85] // where the block is presented: px of a window, and the scale there, which makes text of 13 px 24 px

/**
 * @param {{width: number, height: number, scale?: number}} size  width: of the block;  height: of the window, from the block's top;  scale: if the block is presented
 * @param {number} exits
 * @param {number} end the highest cost of the scale
 * @param {number} open the exit that shows all, where there are too many
 * @returns {Layout}
 */
export function layOut({ width, height, scale }, exits, end, open) {
  const s = scale ?? 1
  const presented = scale !== undefined
  const down = width < SIDE_BY_SIDE * s
  const most = Math.floor((height / s - (presented ? PRESENTED.rest : TALL)) / (TILE + GAP)) // rows of the cast, so that all is on the screen
  const short = !down && (presented || most < 2)
  const rows = down ? 1 : short && !presented ? between(1, Math.floor((height - SHORT) / (TILE + GAP)), 3) : between(1, most, 6)
  const [left, right] = [down ? 46 : GUTTER * s, width - (down ? 12 : MARGIN * s)]
  const [gap, tile] = [GAP * s, down ? 44 : TILE * s]
  const head = down ? HEAD_DOWN : (presented ? PRESENTED.head : HEAD) * s
  const tall = down ? LEAD + exits * ROW : head + rows * (tile + gap) + (presented ? 0 : FOOT)
  const perRow = (/** @type {number} */ inside) => Math.max(1, Math.round((inside + gap) / (tile + gap)))
  return {
    width,
    down,
    short,
    left,
    right,
    end,
    columns: down ? rowsOf(width, exits) : columnsOf(width, exits, open, s),
    open,
    toPixels: (cost) => left + (cost / end) * (right - left),
    toCost: (pixels) => Math.min(Math.max((pixels - left) / (right - left), 0), 1) * end,
    tile,
    gap,
    perRow,
    rows,
    road: down ? tall : short ? RAMPS_SHORT : RAMPS,
    top: (exit) => (down ? LEAD + exit * ROW : 0),
    head,
    tall,
    scale: s,
  }
}

/** @param {number} width @param {number} exits @returns {Column[]} */
const rowsOf = (width, exits) => Array.from({ length: exits }, () => ({ x: ROAD, width: width - ROAD, narrow: false }))

/** @param {number} width @param {number} exits @param {number} open @param {number} s scale @returns {Column[]} */
function columnsOf(width, exits, open, s) {
  if (exits <= FEW) {
    const between = BETWEEN * s
    const each = (width - between * (exits - 1)) / exits
    return Array.from({ length: exits }, (_, k) => ({ x: k * (each + between), width: each, narrow: false }))
  }
  const between = (exits > 16 ? CROWDED_BETWEEN : BETWEEN / 2) * s
  const narrow = (width - OPEN * s - between * (exits - 1)) / (exits - 1)
  let x = 0
  return Array.from({ length: exits }, (_, k) => {
    const column = { x, width: k === open ? OPEN * s : narrow, narrow: k !== open }
    x += column.width + between
    return column
  })
}

/**
 * By how much all sizes grow where the block fills a window to be seen from afar. In a small window they stay as they are.
 * @param {number} width @param {number} height of the window, in px
 */
export const presentedScale = (width, height) => Math.max(1, LARGE * Math.min(width / LARGE_WIDTH, height / LARGE_HEIGHT))

/** @param {number} low @param {number} value @param {number} high */
const between = (low, value, high) => Math.min(Math.max(low, value), high)
