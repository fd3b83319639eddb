// Packed arrays of the server as typed arrays, and the tables from which any budget is painted without another request.

const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array }

export function unpack({ type, data, scale }) {
  const text = atob(data)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  const values = new TYPES[type](bytes.buffer)
  return scale ? Float32Array.from(values, (value) => value * scale) : values
}

// The exit of every example at every budget. Tables are (steps, examples), row by row.
export class Routes {
  constructor(changes, steps, examples) {
    this.steps = steps
    this.examples = examples
    this.exit = new Uint8Array(steps * examples)
    this.answer = new Uint32Array(steps * examples)
    this.is_correct = new Uint8Array(steps * examples)
    this.path = new Uint16Array(steps * examples) // which set of stages ran
    this.#replay(changes)
    this.stepsAway = this.#distances()
  }

  at(step, example) {
    return step * this.examples + example
  }

  // Each row is the row before it with its changes applied.
  #replay(changes) {
    const n = this.examples
    const [step, example] = [unpack(changes.step), unpack(changes.example)]
    const to = Object.fromEntries(Object.entries(changes.then).map(([name, values]) => [name, unpack(values)]))
    for (const name in to) this[name].set(unpack(changes.first[name]))
    for (let row = 1, next = 0; row < this.steps; row++) {
      for (const name in to) this[name].copyWithin(row * n, (row - 1) * n, row * n)
      for (; next < step.length && step[next] === row; next++)
        for (const name in to) this[name][row * n + example[next]] = to[name][next]
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

  // The next step up at which the example's exit changes, or null.
  nextChange(step, example) {
    const exit = this.exit[this.at(step, example)]
    for (let s = step + 1; s < this.steps; s++) if (this.exit[this.at(s, example)] !== exit) return s
    return null
  }
}
