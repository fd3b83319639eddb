// Images of examples, by row: fetched in batches, and kept at least as long as something on the screen shows them.

const BATCH = 100 // images in one request
const KEPT = 6000 // images in memory, unless more are shown
const TRIES = 8 // failed requests in a row after which nothing is tried until retry() is called
const [FIRST_PAUSE, LONGEST_PAUSE] = [250, 4000] // ms after a failure, doubled each time

/** @typedef {(address: string | null) => void} Show  called with the address of an image, or null if the example has none */

export class Pictures {
  /**
   * @param {import("./source.js").Images} images
   * @param {number} kept
   */
  constructor(images, kept = KEPT) {
    this.images = images
    this.kept = kept
    /** @type {Map<number, string | null>} */
    this.known = new Map() // row -> object URL, or null for no image; the most recently requested come last
    /** @type {Map<number, Set<Show>>} */
    this.listeners = new Map() // row -> functions that show its image, one for each place on the screen
    /** @type {Set<number>} */
    this.waiting = new Set() // rows still to be requested, the newest last
    /** @type {Set<number>} */
    this.requested = new Set() // rows in a running request
    this.busy = 0 // running requests
    this.failures = this.tries = 0 // in a row, and since the last retry()
    this.notBefore = 0 // in ms, as performance.now()
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
  }

  /**
   * Show the image of a row, now or once it has arrived.
   * @param {number} row
   * @param {Show} show
   * @returns {() => void} to be called when it is no longer shown
   */
  request(row, show) {
    const listeners = this.listeners.get(row) ?? new Set()
    this.listeners.set(row, listeners.add(show))
    const address = this.known.get(row)
    if (address !== undefined) {
      this.known.delete(row)
      this.known.set(row, address)
      show(address)
    } else if (!this.requested.has(row)) {
      this.waiting.add(row)
      this.retry()
    }
    return () => {
      listeners.delete(show)
      if (listeners.size > 0 || this.listeners.get(row) !== listeners) return
      this.listeners.delete(row)
      this.waiting.delete(row)
    }
  }

  // Fetch what is missing, even after many failures.
  retry() {
    this.tries = 0
    this.#fetchSoon()
  }

  // None of the images is shown any more.
  dispose() {
    clearTimeout(this.timer)
    this.listeners.clear()
    this.waiting.clear()
    this.kept = 0
    this.#evict()
  }

  // After the current task, and after the pause that follows a failure.
  #fetchSoon() {
    if (this.waiting.size === 0) return
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      while (this.waiting.size > 0 && this.busy < (this.failures ? 1 : 2)) this.#fetch()
    }, Math.max(0, this.notBefore - performance.now()))
  }

  async #fetch() {
    const batch = [...this.waiting].slice(-BATCH) // what came on the screen last comes first
    for (const row of batch) {
      this.waiting.delete(row)
      this.requested.add(row)
    }
    this.busy++
    try {
      const images = await this.images.fetch(batch)
      batch.forEach((row, i) => {
        const image = images[i]
        this.known.set(row, image && URL.createObjectURL(image))
      })
      this.failures = this.tries = this.notBefore = 0
    } catch (problem) {
      console.warn("Images could not be fetched:", problem)
      this.notBefore = performance.now() + Math.min(FIRST_PAUSE * 2 ** this.failures, LONGEST_PAUSE)
      this.failures++
      this.tries++
    }
    this.busy--
    for (const row of batch) this.requested.delete(row)
    const shown = batch.filter((row) => this.listeners.has(row))
    const missed = shown.filter((row) => !this.known.has(row))
    this.waiting = new Set([...missed, ...this.waiting]) // at the end of the queue, so that a batch that always fails does not block the others
    if (this.tries < TRIES) this.#fetchSoon()
    for (const row of shown) {
      const address = this.known.get(row)
      if (address !== undefined) for (const show of this.listeners.get(row) ?? []) show(address)
    }
    this.#evict()
  }

  #evict() {
    for (const [row, address] of this.known) {
      if (this.known.size <= this.kept) break
      if (this.listeners.has(row)) continue
      if (address) URL.revokeObjectURL(address)
      this.known.delete(row)
    }
  }
}
