// All that a block paints: what came with the page, the bundle's resource and the sweep's.

import { load } from "./resource.js"

// data: of app/payload/explore.py, with absolute addresses
export async function opened(data) {
  const [bundle, sweep] = await Promise.all([load(data.resources.bundle), load(data.resources.sweep)])
  return { ...data, ...parts(bundle, sweep), answers: answersFrom(data.resources.answers) }
}

// The values and arrays of both resources under the names that the parts of a block use.
export function parts(bundle, sweep) {
  const { threshold, exitCost, ...values } = sweep.values
  return {
    ...values,
    arrays: sweep.arrays,
    ids: bundle.values.ids,
    classes: bundle.values.classes,
    label: bundle.arrays.label,
    factors: Object.fromEntries(bundle.values.factors.map((name) => [name, bundle.arrays[`factor ${name}`]])),
    exits: bundle.values.exits.map((exit, k) => ({ ...exit, cost: exitCost[k] })),
    share: sweep.arrays.share,
    correct: sweep.arrays.correct,
    incorrect: sweep.arrays.incorrect,
    difficulty: "difficulty mean" in sweep.arrays ? { mean: sweep.arrays["difficulty mean"], quartiles: sweep.arrays["difficulty quartiles"] } : null,
    threshold: threshold && { ...threshold, threshold: sweep.arrays.threshold, ties: sweep.arrays.ties },
  }
}

// example -> a promise of what every exit predicts for it
function answersFrom(address) {
  const known = new Map()
  return (example) => {
    if (!known.has(example)) {
      const coming = fetch(`${address}?row=${example}`).then(async (response) => {
        if (!response.ok) throw new Error(await response.text())
        return response.json()
      })
      coming.catch(() => known.delete(example)) // the next call tries again
      known.set(example, coming)
    }
    return known.get(example)
  }
}
