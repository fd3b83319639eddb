// The exit of every example at every budget, from which any budget is painted without another request.
// Tables are (steps, examples), row by row.

export class Routes {
  /**
   * @param {import("./resource.js").Resource["arrays"]} arrays of a sweep's resource
   * @param {number} steps
   * @param {number} examples
   */
  constructor(arrays, steps, examples) {
    this.steps = steps
    this.examples = examples
    this.exit = new Uint8Array(steps * examples)
    /** @type {Uint32Array | null} */
    this.answer = arrays["first answer"] ? new Uint32Array(steps * examples) : null // the class that is predicted, if classes are
    this.graded = arrays["first quality"] !== undefined
    /** @type {Uint8Array | Float32Array} */
    this.quality = this.graded ? new Float32Array(steps * examples) : new Uint8Array(steps * examples) // 1 if correct, 0 if not, unless it is graded
    this.path = new Uint16Array(steps * examples) // which set of stages ran
    this.#replay(arrays)
    this.stepsAway = this.#distances()
  }

  /**
   * The place of an example in the tables.
   * @param {number} step
   * @param {number} example
   */
  at(step, example) {
    return step * this.examples + example
  }

  // Each row is the row before it with its changes applied.
  #replay(/** @type {import("./resource.js").Resource["arrays"]} */ arrays) {
    const n = this.examples
    const { exit, answer, quality, path } = this
    const [step, example] = [arrays["change step"], arrays["change example"]]
    const tables = { exit, ...(answer ? { answer } : {}), [this.graded ? "quality" : "is_correct"]: quality, path }
    for (const [name, table] of Object.entries(tables)) {
      const then = arrays[`then ${name}`]
      table.set(arrays[`first ${name}`])
      for (let row = 1, next = 0; row < this.steps; row++) {
        table.copyWithin(row * n, (row - 1) * n, row * n)
        for (; next < step.length && step[next] === row; next++) table[row * n + example[next]] = then[next]
      }
    }
  }

  // By how many steps the budget must move, up or down, before the example leaves at another exit; 255 or more are 255.
  #distances() {
    const n = this.examples
    const steps = new Uint8Array(this.exit.length).fill(255)
    for (let i = n; i < steps.length; i++)
      steps[i] = this.exit[i] !== this.exit[i - n] ? 1 : Math.min(255, steps[i - n] + 1)
    for (let i = steps.length - n - 1; i >= 0; i--)
      steps[i] = Math.min(steps[i], this.exit[i] !== this.exit[i + n] ? 1 : Math.min(255, steps[i + n] + 1))
    return steps
  }

  /**
   * The next step up at which the example's exit changes, or null.
   * @param {number} step
   * @param {number} example
   */
  nextChange(step, example) {
    const exit = this.exit[this.at(step, example)]
    for (let s = step + 1; s < this.steps; s++) if (this.exit[this.at(s, example)] !== exit) return s
    return null
  }
}
