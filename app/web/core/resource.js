// Binary resources of the page as typed arrays. The format is described in app/payload/container.py.

const MAGIC = "OFRP"
const VERSION = 1
const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array }

/** @typedef {keyof typeof TYPES} Type */
/** @typedef {{type: Type, shape: number[], start: number, scale?: number}} Packed  an array in the resource; start: in bytes */
/** @typedef {{values: any, arrays: Record<string, any>}} Resource  plain values, and a flat typed array for each name */

/**
 * An array with a scale is multiplied out.
 * @param {ArrayBuffer} buffer
 * @returns {Resource}
 */
export function decode(buffer) {
  const view = new DataView(buffer)
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, 4))
  if (magic !== MAGIC || view.getUint32(4, true) !== VERSION) throw new Error(`This is not a resource of version ${VERSION}.`)
  const end = 12 + view.getUint32(8, true)
  /** @type {{values: any, arrays: Record<string, Packed>}} */
  const { values, arrays: places } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 12, end - 12)))
  /** @type {Resource["arrays"]} */
  const arrays = {}
  for (const [name, { type, shape, start, scale }] of Object.entries(places)) {
    const array = new TYPES[type](buffer, end + start, shape.reduce((product, size) => product * size, 1))
    arrays[name] = scale ? Float32Array.from(array, (value) => value * scale) : array
  }
  return { values, arrays }
}

/** @param {string} base64 */
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
