// Whether the server can still be reached. A page that is open goes on without it, and notices when it is back.

const [WHILE_THERE, WHILE_LOST] = [5000, 2000] // ms between two looks
const TIMEOUT = 4000 // ms
const FAILURES = 2 // in a row until the server counts as lost

export class Connection {
  /**
   * @param {() => string} address of something small that the server always answers
   * @param {(there: boolean) => void} onChange
   * @param {(answer: string, address: string) => void} onAnswer
   */
  constructor(address, onChange, onAnswer) {
    this.address = address
    this.onChange = onChange
    this.onAnswer = onAnswer
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
    const address = this.address()
    let answer = null
    try {
      const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) })
      if (response.ok) answer = await response.text()
    } catch {
      // not there
    }
    this.failures = answer === null ? this.failures + 1 : 0
    const there = this.failures < FAILURES
    if (there !== this.there && !this.disposed) {
      this.there = there
      this.onChange(there)
    }
    if (answer !== null && !this.disposed) this.onAnswer(answer, address)
    this.#lookLater()
  }
}
