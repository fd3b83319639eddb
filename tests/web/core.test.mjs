// The browser's model equals the sweeps of the golden resources: shares, accuracy and cost at every budget, for each kind of bundle.

import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { totals } from "../../app/web/core/model.js"
import { decode } from "../../app/web/core/resource.js"
import { Routes } from "../../app/web/core/routes.js"
import { parts } from "../../app/web/core/store.js"

const file = (name) => readFileSync(new URL(`../golden/page/${name}`, import.meta.url))
const buffer = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
const golden = (name) => ({
  store: parts(decode(buffer(file(`${name}.bundle`))), decode(buffer(file(`${name}.sweep`)))),
  expected: JSON.parse(file(`${name}.json`)),
})
const near = (actual, expected, tolerance) => assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)

for (const name of ["chain", "family", "imported"]) {
  test(`${name}: routes are those of the sweep`, () => {
    const { store, expected } = golden(name)
    const routes = new Routes(store.arrays, store.steps, store.examples)
    for (let step = 0; step < store.steps; step++) {
      const row = (table) => Array.from(table.subarray(step * store.examples, (step + 1) * store.examples))
      assert.deepEqual(row(routes.exit), expected.exit[step])
      assert.deepEqual(row(routes.is_correct), expected.correct[step])
    }
  })

  test(`${name}: what the examples add up to is what the sweep says`, () => {
    const { store, expected } = golden(name)
    const routes = new Routes(store.arrays, store.steps, store.examples)
    for (let step = 0; step < store.steps; step++) {
      const { shares, accuracy, cost } = totals(routes, store.pathCost, store.exits.length, step)
      shares.forEach((share, k) => near(share, expected.shares[step][k], 1e-9))
      near(accuracy, expected.accuracy[step], 1e-9)
      near(cost, expected.cost[step], 1e-5) // the costs of paths are sent with five digits
      near(store.share[step * store.exits.length], expected.shares[step][0], 1e-6)
    }
  })

  test(`${name}: a subset and its complement add up to the whole`, () => {
    const { store } = golden(name)
    const routes = new Routes(store.arrays, store.steps, store.examples)
    const all = Array.from({ length: store.examples }, (_, i) => i)
    const [one, other] = [all.filter((i) => store.label[i] === 0), all.filter((i) => store.label[i] !== 0)]
    for (const step of [0, store.steps >> 1, store.steps - 1]) {
      const [a, b, whole] = [one, other, null].map((chosen) => totals(routes, store.pathCost, store.exits.length, step, chosen))
      near((a.accuracy * one.length + b.accuracy * other.length) / all.length, whole.accuracy, 1e-9)
      near((a.cost * one.length + b.cost * other.length) / all.length, whole.cost, 1e-9)
    }
  })
}

test("the next change of an example is the first step at which its exit differs", () => {
  const { store, expected } = golden("chain")
  const routes = new Routes(store.arrays, store.steps, store.examples)
  for (let example = 0; example < store.examples; example++) {
    const exits = expected.exit.map((row) => row[example])
    const next = exits.findIndex((exit, step) => step > 5 && exit !== exits[5])
    assert.equal(routes.nextChange(5, example), next < 0 ? null : next)
  }
})

test("another format is refused", () => {
  assert.throws(() => decode(new ArrayBuffer(16)), /not a resource of version 1/)
})
