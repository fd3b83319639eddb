// A grid of which only the visible rows are in the page: where its tiles are.

/**
 * side: of a tile, or its height where it has another width;  wide: that width;  gap: between tiles, in px
 * @typedef {{width: number, height: number, side: number, wide?: number, gap: number, items: number}} Room  width, height: of what is visible
 */

const SPARE = 2 // rows above and below what is visible

/** How many tiles fit side by side. @param {Room} room */
export const across = ({ width, side, wide = side, gap }) => Math.max(1, Math.floor((width + gap + 1e-6) / (wide + gap)))

/** The height of all rows. @param {Room} room */
export const tall = (room) => Math.max(0, Math.ceil(room.items / across(room)) * (room.side + room.gap) - room.gap)

/**
 * The first tile in the page, and the one after the last.
 * @param {Room} room @param {number} top scrolled by @returns {[number, number]}
 */
export function visible(room, top) {
  const [columns, pitch] = [across(room), room.side + room.gap]
  const first = Math.max(0, Math.floor(top / pitch) - SPARE)
  const last = Math.ceil((top + room.height) / pitch) + SPARE
  return [Math.min(first * columns, room.items), Math.min(last * columns, room.items)]
}

/** Where a tile is. @param {Room} room @param {number} index */
export function placeOf(room, index) {
  const [columns, pitch] = [across(room), room.side + room.gap]
  return { x: (index % columns) * ((room.wide ?? room.side) + room.gap), y: Math.floor(index / columns) * pitch }
}

/** How far to scroll so that a tile is visible: as little as possible. @param {Room} room @param {number} top @param {number} index */
export function scrolledTo(room, top, index) {
  const { y } = placeOf(room, index)
  return Math.min(y, Math.max(top, y + room.side - room.height))
}

/**
 * The tile that a key leads to, or null if it leads nowhere.
 * @param {Room} room @param {number} index @param {string} key @returns {number | null}
 */
export function stepTo(room, index, key) {
  const columns = across(room)
  const page = columns * Math.max(1, Math.floor(room.height / (room.side + room.gap)))
  const [last, row] = [room.items - 1, Math.floor(index / columns)]
  const lastRow = Math.floor(last / columns)
  /** @type {Record<string, number>} */
  const to = {
    ArrowRight: index + 1,
    ArrowLeft: index - 1,
    ArrowDown: row < lastRow ? Math.min(index + columns, last) : index,
    ArrowUp: row > 0 ? index - columns : index,
    PageDown: Math.min(index + page, last),
    PageUp: index - page < 0 ? index % columns : index - page,
    Home: 0,
    End: last,
  }
  const next = to[key]
  return next === undefined || next === index || next < 0 || next > last ? null : next
}
