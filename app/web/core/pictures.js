// Pictures of examples, by row: fetched a batch at a time, and held at least as long as something on the screen shows them.

const AT_ONCE = 100 // pictures in one request
const KEPT = 6000 // pictures in memory, unless more are shown
const PATIENCE = 60_000 // ms for a request
const TRIES = 8 // requests that fail one after the other before nothing is tried until the page asks again
const [FIRST_PAUSE, LONGEST_PAUSE] = [250, 4000] // ms after a failure, doubled each time

export class Pictures {
  constructor(address, kept = KEPT) {
    this.address = address
    this.kept = kept
    this.known = new Map() // row -> object URL, or null where there is no picture; those wanted last come last
    this.wishes = new Map() // row -> functions that show its picture, one for each place on the screen
    this.waiting = new Set() // rows that are wished for and still to be requested, the newest last
    this.coming = new Set() // rows in a request
    this.busy = 0 // requests
    this.failures = this.tries = 0 // in a row, and since the page asked last
    this.notBefore = 0
  }

  // Show the picture of a row now or when it is here: `show` is called with its URL. Call what is returned when it is shown no more.
  want(row, show) {
    const wishes = this.wishes.get(row) ?? new Set()
    this.wishes.set(row, wishes.add(show))
    if (this.known.has(row)) {
      const picture = this.known.get(row)
      this.known.delete(row)
      this.known.set(row, picture)
      show(picture)
    } else if (!this.coming.has(row)) {
      this.waiting.add(row)
      this.ask()
    }
    return () => {
      wishes.delete(show)
      if (wishes.size > 0 || this.wishes.get(row) !== wishes) return
      this.wishes.delete(row)
      this.waiting.delete(row)
    }
  }

  // Try, or try again, to get what is not here yet.
  ask() {
    this.tries = 0
    this.#fetchSoon()
  }

  // Nothing of this is shown any more.
  leave() {
    clearTimeout(this.timer)
    this.wishes.clear()
    this.waiting.clear()
    this.kept = 0
    this.#evict()
  }

  // Once the current task is over, and the pause after a failure.
  #fetchSoon() {
    if (this.waiting.size === 0) return
    this.timer ??= setTimeout(() => {
      this.timer = null
      while (this.waiting.size > 0 && this.busy < (this.failures ? 1 : 2)) this.#fetch()
    }, Math.max(0, this.notBefore - performance.now()))
  }

  async #fetch() {
    const batch = [...this.waiting].slice(-AT_ONCE) // what came on the screen last is looked at first
    for (const row of batch) {
      this.waiting.delete(row)
      this.coming.add(row)
    }
    this.busy++
    try {
      const response = await fetch(`${this.address}?rows=${batch.join(",")}`, { signal: AbortSignal.timeout(PATIENCE) })
      if (!response.ok) throw new Error(await response.text())
      this.#unpack(await response.arrayBuffer(), batch)
      this.failures = this.tries = this.notBefore = 0
    } catch (problem) {
      console.warn("Pictures could not be fetched:", problem)
      this.notBefore = performance.now() + Math.min(FIRST_PAUSE * 2 ** this.failures, LONGEST_PAUSE)
      this.failures++
      this.tries++
    }
    this.busy--
    for (const row of batch) this.coming.delete(row)
    const shown = batch.filter((row) => this.wishes.has(row))
    const missed = shown.filter((row) => !this.known.has(row))
    this.waiting = new Set([...missed, ...this.waiting]) // at the end of the queue: a batch that always fails must not hold up the others
    if (this.tries < TRIES) this.#fetchSoon()
    for (const row of shown) if (this.known.has(row)) for (const show of this.wishes.get(row)) show(this.known.get(row))
    this.#evict()
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
  }

  #evict() {
    for (const [row, picture] of this.known) {
      if (this.known.size <= this.kept) break
      if (this.wishes.has(row)) continue
      if (picture) URL.revokeObjectURL(picture)
      this.known.delete(row)
    }
  }
}
