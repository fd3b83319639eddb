// Pictures of examples, by row: fetched a batch at a time, kept as long as the page lives.

const AT_ONCE = 100 // pictures in one request
const KEPT = 6000 // pictures in memory

export class Pictures {
  constructor(address) {
    this.address = address
    this.known = new Map() // row -> object URL, or null where there is no picture
    this.waiting = new Map() // row -> functions to call with the URL
    this.busy = 0
  }

  // Call `then` with the picture's URL now or when it is here; the newest wishes are served first.
  want(row, then) {
    if (this.known.has(row)) return then(this.known.get(row))
    const others = this.waiting.get(row) ?? []
    this.waiting.delete(row)
    this.waiting.set(row, [...others, then])
    queueMicrotask(() => this.#fetch())
  }

  // Wishes of images that have left the screen need not be served.
  forgetWishes() {
    this.waiting.clear()
  }

  async #fetch() {
    if (this.busy >= 2 || this.waiting.size === 0) return
    const batch = [...this.waiting.keys()].slice(-AT_ONCE)
    const then = batch.map((row) => this.waiting.get(row))
    for (const row of batch) this.waiting.delete(row)
    this.busy++
    try {
      const response = await fetch(`${this.address}?rows=${batch.join(",")}`)
      if (!response.ok) throw new Error(await response.text())
      this.#unpack(await response.arrayBuffer(), batch)
      batch.forEach((row, i) => then[i].forEach((call) => call(this.known.get(row))))
    } catch (problem) {
      console.warn("Pictures could not be fetched:", problem)
    } finally {
      this.busy--
      this.#fetch()
    }
  }

  // For each row four bytes of length, then the picture.
  #unpack(buffer, rows) {
    const view = new DataView(buffer)
    let at = 0
    for (const row of rows) {
      const size = view.getUint32(at, true)
      const picture = size ? URL.createObjectURL(new Blob([buffer.slice(at + 4, at + 4 + size)], { type: "image/webp" })) : null
      this.known.set(row, picture)
      at += 4 + size
    }
    for (const [row, picture] of this.known) {
      if (this.known.size <= KEPT) break
      if (picture) URL.revokeObjectURL(picture)
      this.known.delete(row)
    }
  }
}
