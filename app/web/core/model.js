// What a step of the budget amounts to, counted over examples from their recorded routes.

// The share of the examples that leave at each exit, their accuracy and their mean cost as a share of the full network's.
// subset: which examples, by number; all if left out. Without an example, shares, accuracy and cost are NaN.
export function totals(routes, pathCost, exits, step, subset = null) {
  const leaving = new Float64Array(exits)
  const correct = new Float64Array(exits)
  let cost = 0
  const count = subset ? subset.length : routes.examples
  for (let i = 0; i < count; i++) {
    const at = routes.at(step, subset ? subset[i] : i)
    leaving[routes.exit[at]]++
    correct[routes.exit[at]] += routes.is_correct[at]
    cost += pathCost[routes.path[at]]
  }
  return {
    shares: Array.from(leaving, (number) => number / count),
    accuracy: correct.reduce((sum, number) => sum + number, 0) / count,
    cost: cost / count,
  }
}
