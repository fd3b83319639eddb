// Binary resources of the page as typed arrays. The format is described in app/payload/container.py.

const MAGIC = "OFRP"
const VERSION = 1
const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array }

// {values, arrays}: plain values, and a flat typed array for each name. An array with a scale is multiplied out.
export function decode(buffer) {
  const view = new DataView(buffer)
  const magic = String.fromCharCode(...new Uint8Array(buffer, 0, 4))
  if (magic !== MAGIC || view.getUint32(4, true) !== VERSION) throw new Error(`This is not a resource of version ${VERSION}.`)
  const end = 12 + view.getUint32(8, true)
  const { values, arrays: places } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 12, end - 12)))
  const arrays = {}
  for (const [name, { type, shape, start, scale }] of Object.entries(places)) {
    const array = new TYPES[type](buffer, end + start, shape.reduce((product, size) => product * size, 1))
    arrays[name] = scale ? Float32Array.from(array, (value) => value * scale) : array
  }
  return { values, arrays }
}

const loaded = new Map() // address -> promise; the few most recent

// The resource at an address, fetched once.
export function load(address) {
  if (!loaded.has(address)) {
    const coming = fetched(address)
    coming.catch(() => loaded.delete(address)) // the next call tries again
    loaded.set(address, coming)
    if (loaded.size > 12) loaded.delete(loaded.keys().next().value)
  }
  return loaded.get(address)
}

async function fetched(address) {
  const response = await fetch(address)
  if (!response.ok) throw new Error(await response.text())
  return decode(await response.arrayBuffer())
}
