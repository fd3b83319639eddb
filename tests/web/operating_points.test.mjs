// Named points of a sweep are what their definitions say, and stepping visits each of them once.

import assert from "node:assert/strict"
import { test } from "node:test"
import { layOut, presentedScale } from "../../app/web/core/layout.js"
import { operatingPoints, pointBeyond } from "../../app/web/core/operating_points.js"
import { KINDS, golden } from "./golden.mjs"

const printed = (share) => Number((100 * share).toFixed(1))
const full = { accuracy: 0.95, cost: 1 }
const named = (sweep) => Object.fromEntries(operatingPoints(sweep).map(({ name, step }) => [name, step]))

test("each point is the cheapest that its definition allows", () => {
  const sweep = { cost: [0.1, 0.2, 0.3, 0.4, 0.5, 1], accuracy: [0.9, 0.925, 0.945, 0.95, 0.96, 0.95], full }
  assert.deepEqual(operatingPoints(sweep), [
    { step: 1, name: "Economy", definition: "cheapest within 3.0 points of the full network" },
    { step: 2, name: "Balanced", definition: "cheapest within 1.0 point of the full network" },
    { step: 3, name: "Break-even", definition: "cheapest no worse than the full network" },
    { step: 4, name: "Best", definition: "highest accuracy" },
  ])
})

test("points that a sweep does not have are left out, and equal ones are one", () => {
  assert.deepEqual(named({ cost: [0.1, 0.2], accuracy: [0.5, 0.6], full }), { Best: 1 })
  assert.deepEqual(named({ cost: [0.1, 1.2], accuracy: [0.5, 0.96], full }), { Best: 1 }, "no bargain costs more than the full network")
  assert.deepEqual(named({ cost: [0.1, 0.2, 0.2], accuracy: [0.96, 0.96, 0.96], full }), { "Economy, balanced, break-even and best": 0 })
  const [point] = operatingPoints({ cost: [0.3, 0.3], accuracy: [0.945, 0.945], full })
  assert.equal(point.name, "Economy, balanced and best")
  assert.match(point.definition, /^cheapest within 3.0 points of the full network; cheapest within 1.0 point of the full network; highest accuracy$/)
})

test("a reader who subtracts the printed numbers agrees", () => {
  for (let i = 0; i < 2000; i++) {
    const sweep = { cost: [0.2, 0.9], accuracy: [0.9 + (i % 60) / 1000 + (i % 7) / 10000, 0.95], full: { accuracy: 0.95 + (i % 11) / 10000, cost: 1 } }
    const within = Number((printed(sweep.full.accuracy) - printed(sweep.accuracy[0])).toFixed(1))
    const names = operatingPoints(sweep).filter(({ step }) => step === 0).map(({ name }) => name.toLowerCase()).join()
    if (names.includes("economy")) assert.ok(within <= 3 && sweep.full.accuracy - sweep.accuracy[0] <= 0.03001)
    if (names.includes("balanced")) assert.ok(within <= 1 && sweep.full.accuracy - sweep.accuracy[0] <= 0.01001)
  }
})

for (const name of KINDS) {
  test(`${name}: stepping visits every point once, in the order of their costs, from wherever the budget is`, () => {
    const { model } = golden(name)
    const points = operatingPoints(model)
    assert.ok(points.some((point) => /best$/i.test(point.name)))
    assert.ok(points.every(({ step }, i) => i === 0 || model.cost[step] > model.cost[points[i - 1].step]))
    for (let step = 0; step < model.steps; step++) {
      for (const direction of [1, -1]) {
        const visited = []
        for (let point = pointBeyond(points, model.cost, step, direction); point; point = pointBeyond(points, model.cost, point.step, direction)) visited.push(point)
        const expected = points.filter((point) => (model.cost[point.step] - model.cost[step]) * direction > 0 && point.step !== step)
        assert.deepEqual(visited, direction > 0 ? expected : expected.reverse())
      }
    }
  })
}

test("presenting enlarges everything alike, and text of 13 px to 24 px at 1920x1080", () => {
  assert.ok(13 * presentedScale(1920, 1080) >= 24 && presentedScale(390, 844) === 1)
  for (const [width, height] of [[1920, 1080], [1280, 720], [3840, 2160]]) {
    const scale = presentedScale(width, height)
    for (const exits of [3, 5, 12]) {
      const { columns, rows, tall, head, tile, gap, right } = layOut({ width: width - 60 * scale, height, scale }, exits, 1, 0)
      const last = columns[exits - 1]
      assert.ok(Math.abs(last.x + last.width - (width - 60 * scale)) < 1e-6 && right < width - 60 * scale)
      assert.equal(rows, 2)
      assert.ok(tall >= head + rows * tile + gap && tall < 0.4 * height)
    }
  }
})
