// The browser's model equals the sweeps of the golden resources: shares, accuracy and cost at every budget, for each kind of bundle.

import assert from "node:assert/strict"
import { test } from "node:test"
import { decode } from "../../app/web/core/resource.js"
import { KINDS, golden } from "./golden.mjs"

const near = (actual, expected, tolerance) => assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)

for (const name of KINDS) {
  test(`${name}: routes are those of the sweep`, () => {
    const { model, expected } = golden(name)
    for (let step = 0; step < model.steps; step++) {
      const row = (table) => Array.from(table.subarray(step * model.examples, (step + 1) * model.examples))
      assert.deepEqual(row(model.routes.exit), expected.exit[step])
      assert.deepEqual(row(model.routes.quality), expected.correct[step])
    }
  })

  test(`${name}: what the examples add up to is what the sweep says`, () => {
    const { model, expected } = golden(name)
    for (let step = 0; step < model.steps; step++) {
      const { shares, accuracy, cost } = model.totals(step)
      shares.forEach((share, k) => near(share, expected.shares[step][k], 1e-9))
      near(accuracy, expected.accuracy[step], 1e-9)
      near(cost, expected.cost[step], 1e-5) // the costs of paths are sent with five digits
      model.at(step).exits.forEach(({ share }, k) => near(share, expected.shares[step][k], 1e-6))
      near(model.at(step).cost, expected.cost[step], 1e-5)
    }
  })

  test(`${name}: a subset and its complement add up to the whole`, () => {
    const { model } = golden(name)
    const all = Array.from({ length: model.examples }, (_, i) => i)
    const [one, other] = [all.filter((i) => model.label[i] === 0), all.filter((i) => model.label[i] !== 0)]
    for (const step of [0, model.steps >> 1, model.steps - 1]) {
      const [a, b, whole] = [one, other, null].map((chosen) => model.totals(step, chosen))
      near((a.accuracy * one.length + b.accuracy * other.length) / all.length, whole.accuracy, 1e-9)
      near((a.cost * one.length + b.cost * other.length) / all.length, whole.cost, 1e-9)
    }
  })
}

test("the next change of an example is the first step at which its exit differs", () => {
  const { model, expected } = golden("chain")
  for (let example = 0; example < model.examples; example++) {
    const exits = expected.exit.map((row) => row[example])
    const next = exits.findIndex((exit, step) => step > 5 && exit !== exits[5])
    assert.equal(model.routes.nextChange(5, example), next < 0 ? null : next)
  }
})

test("another format is refused", () => {
  assert.throws(() => decode(new ArrayBuffer(16)), /not a resource of version 1/)
})
