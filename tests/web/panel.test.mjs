// What the panel and the sentence compute: formulas in pieces, the cheapest recorded budget for an accuracy, and the value of a line.

import assert from "node:assert/strict"
import test from "node:test"

import { valueAt } from "../../app/web/core/facts.js"
import { cheapestFor } from "../../app/web/core/floor.js"
import { pieces } from "../../app/web/core/formula.js"

test("a formula is split at its subscripts and superscripts", () => {
  const texts = (/** @type {string} */ formula) => pieces(formula).map(({ text, place }) => `${place} ${text}`)
  assert.deepEqual(texts("max p_k ≥ t_{k+1}"), ["line max p", "sub k", "line  ≥ t", "sub k+1"])
  assert.deepEqual(texts("ρ^k"), ["line ρ", "sup k"])
  assert.deepEqual(texts("plain"), ["line plain"])
  assert.deepEqual(texts("p_j^{w_jk}"), ["line p", "sub j", "sup w_jk"])
})

const model = {
  spent: "compute",
  cost: [0.1, 0.2, 0.3, 0.4],
  accuracy: [0.8, 0.9, 0.944, 0.95],
  calibrationCost: [0.1, 0.31, 0.3, 0.4],
  calibrationAccuracy: [0.8, 0.95, 0.95, 0.96],
}

test("an accuracy leads to the budget that is cheapest on calibration, and a miss on test is said", () => {
  const { step, text } = cheapestFor(model, 0.95)
  assert.equal(step, 2)
  assert.equal(text, "Cheapest recorded budget: 95.0% on calibration, on test 94.4%, which misses it by 0.6 points, at 30.0% of the compute.")
  assert.equal(cheapestFor(model, 0.8).text, "Cheapest recorded budget: 80.0% on calibration, 80.0% on test, at 10.0% of the compute.")
})

test("an accuracy that no budget reaches leads nowhere", () => {
  const { step, text } = cheapestFor(model, 0.97)
  assert.equal(step, null)
  assert.match(text, /highest accuracy is 96\.0%/)
})

test("the value of a line between its points, and none outside", () => {
  const line = { cost: [0.1, 0.2, 0.4], accuracy: [0.5, 0.7, 0.8] }
  assert.equal(valueAt(line, 0.2), 0.7)
  assert.ok(Math.abs((valueAt(line, 0.3) ?? 0) - 0.75) < 1e-12)
  assert.equal(valueAt(line, 0.05), null)
  assert.equal(valueAt(line, 0.5), null)
})
