// The road says what the sweep says: its widths are shares, its ramps stand at mean costs, and printed numbers add up.

import assert from "node:assert/strict"
import { test } from "node:test"
import { CAST, cast, hashOf } from "../../app/web/core/cast.js"
import { percent } from "../../app/web/core/dom.js"
import { ends, letters } from "../../app/web/core/faces.js"
import { layOut } from "../../app/web/core/layout.js"
import { costInWords, headline, largestRemainder, sumOf } from "../../app/web/core/printed.js"
import { passingBy, shapeOf, stopsOf } from "../../app/web/core/road.js"
import { costTexts } from "../../app/web/core/words.js"
import { KINDS, golden } from "./golden.mjs"

const near = (actual, expected, tolerance) => assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)
const sum = (values) => values.reduce((total, value) => total + value, 0)
const ground = (layout) => {
  const places = layout.columns.map(({ x, width }, k) => (layout.down ? layout.top(k) + 16 : x + width / 2))
  return { down: layout.down, start: 0, edge: 14, thick: 44, ends: layout.down ? 62 : 126, places, toPixels: layout.toPixels }
}
const widths = [1440, 390]

for (const name of KINDS) {
  test(`${name}: shares times the mean costs of those who leave are what is spent`, () => {
    const { model } = golden(name)
    for (let step = 0; step < model.steps; step++) {
      const now = model.at(step)
      for (const { share, cost } of now.exits) assert.equal(cost === null, share === 0)
      near(sum(now.exits.map(({ share, cost }) => share * (cost ?? 0))), now.cost, 2e-5)
    }
  })

  test(`${name}: the mean cost of an exit is that of the paths of those who leave there`, () => {
    const { model } = golden(name)
    for (const step of [0, 10, 25, model.steps - 1]) {
      const costs = model.exits.map(() => [])
      for (let i = 0; i < model.examples; i++) costs[model.routes.exit[model.routes.at(step, i)]].push(model.pathCost[model.routes.path[model.routes.at(step, i)]])
      model.at(step).exits.forEach(({ cost }, k) => cost !== null && near(cost, sum(costs[k]) / costs[k].length, 2e-5))
    }
  })

  test(`${name}: the road is as wide as the share that drives, and ends with the last ramp`, () => {
    const { model } = golden(name)
    for (const width of widths)
      for (let step = 0; step < model.steps; step++) {
        const now = model.at(step)
        const where = ground(layOut({ width, height: 900 }, model.exits.length, 2, 0))
        const stops = stopsOf(now.exits, where)
        assert.equal(stops[0].before, 1)
        assert.equal(stops.at(-1).after, 0)
        stops.forEach(({ exit, at, before, after }, i) => {
          near(before - after, now.exits[exit].share, 1e-6)
          if (i > 0) assert.ok(at >= stops[i - 1].at && before === stops[i - 1].after)
          if (!where.down) near(at, where.toPixels(now.exits[exit].cost), 1e-9)
        })
        const { road, ramps, lanes } = shapeOf(now.exits, passingBy(model, step), model.exits.map(({ cost }) => cost), where)
        assert.ok(!/NaN|Infinity|undefined/.test(road + [...ramps, ...lanes].map(({ path }) => path).join("")))
        ramps.forEach(({ path, width }, k) => {
          assert.equal(path === "", now.exits[k].share === 0)
          if (path) near(width, Math.max(1, 44 * now.exits[k].share), 1e-4)
        })
      }
  })

  test(`${name}: the printed sum adds up in every column`, () => {
    const { model } = golden(name)
    for (let step = 0; step < model.steps; step++) {
      const { terms, total } = sumOf(model.at(step))
      near(sum(terms.map(({ share }) => parseFloat(share))), 100, 1e-9)
      near(sum(terms.map(({ adds }) => parseFloat(adds))), parseFloat(total), 1e-9)
      assert.equal(total, `${(100 * model.cost[step]).toFixed(1)}%`)
      for (const { share, cost, adds } of terms) near((parseFloat(share) * parseFloat(cost)) / 100, parseFloat(adds), 0.3)
    }
  })
}

test("examples that skip a stage pass it on a lane of their own, only in a family", () => {
  for (const name of KINDS) {
    const { model } = golden(name)
    let most = 0
    for (let step = 0; step < model.steps; step++) {
      const passing = passingBy(model, step)
      passing.forEach((share, k) => {
        let skipping = 0
        for (let i = 0; i < model.examples; i++) {
          const at = model.routes.at(step, i)
          if (model.routes.exit[at] > k && model.pathRan[model.routes.path[at]][k] === 0) skipping++
        }
        near(share, skipping / model.examples, 1e-9)
        most = Math.max(most, share)
      })
    }
    assert.equal(most > 0, name === "family")
  }
})

test("rounded parts add up to the rounded whole, and none is off by a unit", () => {
  assert.deepEqual(largestRemainder([0.509, 0.2612, 0.128, 0.0662, 0.0356]), [51, 26, 13, 7, 3])
  assert.deepEqual(largestRemainder([1 / 3, 1 / 3, 1 / 3]), [34, 33, 33])
  for (let seed = 1; seed < 200; seed++) {
    const raw = Array.from({ length: 1 + (seed % 40) }, (_, i) => hashOf(`${seed} ${i}`) % 1000)
    const parts = raw.map((part) => part / sum(raw))
    for (const digits of [0, 1]) {
      const rounded = largestRemainder(parts, digits)
      near(sum(rounded), 100, 1e-9)
      rounded.forEach((part, i) => assert.ok(Math.abs(part - 100 * parts[i]) < 10 ** -digits))
    }
  }
})

test("numbers are printed as Python prints them, and what is more than nothing is not 0%", () => {
  assert.deepEqual([0.8725, 0.8735, 0.0004, 0, 0.99996].map((share) => percent(share)), ["87.3%", "87.4%", "<0.1%", "0.0%", "100.0%"]) // tests/app/test_wording.py
  assert.deepEqual([1.204, 0.125, 0.005, 0.0049, 0.0003, 0].map((cost) => costInWords(cost).cost), ["120%", "13%", "1%", "0.5%", "<0.1%", "0%"])
  const tiny = headline({ cost: 0.0003, accuracy: 0.8 }, 0.9, "price")
  assert.deepEqual([tiny.sentence, tiny.figures[0].value], ["80.0% accuracy at <0.1% of the price", ">99.9%"])
  assert.deepEqual(costTexts("${}", [0.0004, 12]), ["<$0.1", "$12.0"])
})

test("the numbers beside the sentence are differences of printed numbers", () => {
  const { sentence, figures } = headline({ cost: 0.2537, accuracy: 0.94949 }, 0.9587, "compute")
  assert.equal(sentence, "94.9% accuracy at 25% of the compute")
  assert.deepEqual(figures.map(({ value }) => value), ["75%", "94.9%", "−1.0"]) // 95.9 less 94.9, though 0.92 points apart
  assert.equal(figures[2].text, "points against 95.9% of the full network")
  assert.equal(headline({ cost: 1.17, accuracy: 0.94 }, 0.94, "time").figures[0].text, "more time")
  assert.equal(headline({ cost: 1.17, accuracy: 0.94 }, 0.94, "time").figures[2].value, "±0.0")
})

test("the cast depends on ids alone, and has of each exit its share", () => {
  const ids = Array.from({ length: 2000 }, (_, i) => `id ${i}`)
  const exits = ids.map((_, i) => (i % 10 < 5 ? 0 : i % 10 < 9 ? 1 : 2))
  const members = cast(ids, exits, 3)
  assert.equal(members.length, CAST)
  assert.deepEqual([0, 1, 2].map((k) => members.filter((i) => exits[i] === k).length), [60, 48, 12])
  const turned = cast(ids.toReversed(), exits.toReversed(), 3)
  assert.deepEqual(turned.map((i) => ids.toReversed()[i]), members.map((i) => ids[i]))
  assert.deepEqual(members, [...members].sort((a, b) => hashOf(ids[a]) - hashOf(ids[b])))
  assert.equal(cast(ids.slice(0, 7), exits, 3).length, 7)
})

test("columns never need scrolling, and where there are many one is open", () => {
  for (const width of [320, 390, 700, 900, 1280, 1680])
    for (const exits of [2, 3, 5, 6, 7, 12, 40]) {
      const { columns, down, left, right, toPixels, toCost } = layOut({ width, height: 900 }, exits, 1.3, 2)
      assert.ok(columns.every((column) => column.x >= 0 && column.width > 8 && column.x + column.width <= width + 1e-6), `${exits} in ${width}`)
      if (!down) columns.forEach((column, k) => k > 0 && assert.ok(column.x >= columns[k - 1].x + columns[k - 1].width))
      if (!down && exits > 6) assert.deepEqual(columns.map(({ narrow }) => narrow), columns.map((_, k) => k !== 2))
      near(toPixels(0), left, 1e-9)
      near(toPixels(1.3), right, 1e-9)
      near(toCost(toPixels(0.37)), 0.37, 1e-9)
      assert.equal(toCost(-50), 0)
      assert.equal(toCost(width + 50), 1.3)
    }
})

test("a low window keeps at least a row of the cast", () => {
  assert.equal(layOut({ width: 1300, height: 900 }, 5, 1, 0).rows, 3)
  assert.equal(layOut({ width: 1200, height: 600 }, 5, 1, 0).short, true)
  assert.ok(layOut({ width: 1200, height: 400 }, 5, 1, 0).rows >= 1)
})

test("letters tell classes apart", () => {
  assert.deepEqual(letters(["truck", "cat", "dog"]), ["tru", "cat", "dog"])
  assert.deepEqual(letters(["class 1", "class 2", "class 10"]), ["1", "2", "10"])
  assert.deepEqual(letters(["a", "ab"]), ["a", "b"])
  assert.deepEqual(letters(["?"]), ["0"])
  assert.deepEqual(ends(["q01900", "q00007", "q01120"]), ["1900", "0007", "1120"])
  assert.deepEqual(ends(["mmlu.12", "arc-c/4056871"]), ["u.12", "6871"])
  assert.deepEqual(ends(["a?", "a"]), ["a?", "a"])
})
