// Whether the server can still be reached. A page that is open goes on without it, and notices when it is back.

const [WHILE_THERE, WHILE_LOST] = [5000, 2000] // ms between two looks
const TIMEOUT = 4000 // ms
const FAILURES = 2 // in a row until the server counts as lost

export class Connection {
  /**
   * @param {string} address of something small that the server always answers
   * @param {(there: boolean) => void} onChange
   */
  constructor(address, onChange) {
    this.address = address
    this.onChange = onChange
    this.there = true
    this.failures = 0
    this.#lookLater()
  }

  dispose() {
    clearTimeout(this.timer)
    this.disposed = true
  }

  #lookLater() {
    if (!this.disposed) this.timer = setTimeout(() => this.#look(), this.failures ? WHILE_LOST : WHILE_THERE)
  }

  async #look() {
    try {
      const response = await fetch(this.address, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) })
      this.failures = response.ok ? 0 : this.failures + 1
    } catch {
      this.failures++
    }
    const there = this.failures < FAILURES
    if (there !== this.there && !this.disposed) {
      this.there = there
      this.onChange(there)
    }
    this.#lookLater()
  }
}
