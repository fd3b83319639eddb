// Subsets, highlights and orders are what a loop over the examples of the golden resources gives.

import assert from "node:assert/strict"
import { test } from "node:test"
import { isHighlighted, NEAR } from "../../app/web/core/highlights.js"
import { sorted, sortsOf } from "../../app/web/core/sorting.js"
import { passingBy } from "../../app/web/core/road.js"
import { readView } from "../../app/web/core/view.js"
import { across, placeOf, scrolledTo, stepTo, tall, visible } from "../../app/web/core/virtual.js"
import { KINDS, golden } from "./golden.mjs"

const near = (actual, expected, tolerance) => assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)
const membersOf = (model, subset) => Array.from({ length: model.examples }, (_, i) => i).filter((i) => model.subsets.has(subset, i))

for (const name of KINDS) {
  test(`${name}: the engine's counts of every subset are those of its examples`, () => {
    const { model } = golden(name)
    const { list } = model.subsets
    assert.ok(list.some((subset) => subset.class !== null) && list.length >= model.classes.length)
    list.forEach((subset, index) => {
      const members = membersOf(model, index)
      assert.equal(members.length, subset.tested)
      for (let step = 0; step < model.steps; step++) {
        const [counted, totals] = [model.at(step, index), model.totals(step, members)]
        assert.equal(counted.of, subset)
        counted.exits.forEach(({ share, correct, incorrect }, k) => {
          near(share, totals.shares[k], 1e-9)
          near(correct + incorrect, share, 1e-9)
        })
        near(counted.accuracy, totals.accuracy, 1e-9)
        near(counted.cost, totals.cost, 1e-5)
        near(counted.exits.reduce((sum, { share, cost }) => sum + share * (cost ?? 0), 0), counted.cost, 1e-9)
      }
    })
  })

  test(`${name}: the classes add up to all, also where networks are passed without being run`, () => {
    const { model } = golden(name)
    const classes = model.subsets.list.map((subset, index) => ({ ...subset, index })).filter((subset) => subset.class !== null)
    assert.equal(classes.reduce((sum, { tested }) => sum + tested, 0), model.tested)
    for (let step = 0; step < model.steps; step += 10) {
      const [all, passing] = [model.at(step), passingBy(model, step)]
      all.exits.forEach(({ share }, k) => near(classes.reduce((sum, { index, tested }) => sum + model.at(step, index).exits[k].share * tested, 0) / model.tested, share, 1e-6))
      passing.forEach((share, k) => near(classes.reduce((sum, { index, tested }) => sum + model.at(step, index).passing[k] * tested, 0) / model.tested, share, 1e-9))
    }
    near(classes.reduce((sum, { full, tested }) => sum + full * tested, 0) / model.tested, model.full.accuracy, 1e-9)
  })

  test(`${name}: highlights are what the exits predicted`, () => {
    const { model, expected } = golden(name)
    const counts = { incorrect: 0, overthought: 0, rescued: 0, changing: 0 }
    for (let step = 0; step < model.steps; step += 5) {
      for (let i = 0; i < model.examples; i++) {
        const [taken, correct] = [expected.exit[step][i], expected.correct[step][i] === 1]
        const ran = model.pathRan[model.routes.path[model.routes.at(step, i)]]
        const before = ran.flatMap((runs, k) => (runs && k < taken ? [model.exitIsCorrect(i, k)] : []))
        const nearby = expected.exit.slice(Math.max(0, step - NEAR), step + NEAR + 1)
        const outcomes = {
          incorrect: !correct,
          overthought: !correct && before.includes(true),
          rescued: correct && before.length > 0 && !before[0],
          changing: nearby.some((row) => row[i] !== taken),
        }
        for (const [show, outcome] of Object.entries(outcomes)) {
          assert.equal(isHighlighted(model, show, step, i), outcome, `${show} of ${i} at ${step}`)
          counts[show] += outcome
        }
        assert.equal(isHighlighted(model, "all", step, i), true)
        assert.equal(model.exitIsCorrect(i, taken), correct, "the bit of the exit taken is the outcome of the route")
      }
    }
    for (const [show, number] of Object.entries(counts)) assert.ok(number > 0, `${show} never happens here`)
  })

  test(`${name}: every order lists the same examples, lowest key first`, () => {
    const { model } = golden(name)
    const step = 20
    const examples = membersOf(model, null).filter((i) => model.routes.exit[model.routes.at(step, i)] === 0)
    const confidence = (i) => model.confidenceAt(i, 0)
    const ordered = examples.map(confidence).sort((a, b) => a - b)
    const half = ordered.length >> 1
    const median = ordered.length % 2 ? ordered[half] : (ordered[half - 1] + ordered[half]) / 2
    const keys = {
      typical: (i) => Math.abs(confidence(i) - median),
      hardest: (i) => (model.factors.difficulty ? -model.factors.difficulty[i] : confidence(i)),
      change: (i) => model.routes.stepsAway[model.routes.at(step, i)],
      confidence: (i) => -confidence(i),
    }
    const lists = sortsOf(model).map(({ name }) => ({ name, list: sorted(model, examples, step, name, () => true) }))
    assert.equal(new Set(lists.map(({ list }) => String(list))).size, lists.length, "no two orders are the same")
    for (const { name, list } of lists) {
      assert.deepEqual([...list].sort((a, b) => a - b), examples)
      if (keys[name]) for (let i = 1; i < list.length; i++) assert.ok(keys[name](list[i - 1]) <= keys[name](list[i]), name)
    }
    const odd = sorted(model, examples, step, "random", (i) => i % 2 === 1)
    assert.ok(odd.findIndex((i) => i % 2 === 0) === odd.filter((i) => i % 2 === 1).length, "highlighted ones come first")
    assert.deepEqual(sorted(model, [...examples].reverse(), step, "random", () => true), sorted(model, examples, step, "random", () => true))
  })
}

test("what an address asks for and does not exist is named and left out", () => {
  const { model } = golden("chain")
  const { view, notices } = readView({ class: "unicorn", level: "difficulty:enormous", show: "correct", grid: "99", sort: "beauty" }, model)
  assert.deepEqual(view, { ...readView({}, model).view })
  assert.equal(notices.length, 5)
  const both = readView({ class: model.classes[1], level: "difficulty:low" }, model)
  assert.equal(model.subsets.list[both.view.subset].class, 1)
  assert.match(both.notices[0].text, /only one subset/)
  assert.equal(readView({ grid: "1.5" }, model).view.open, null)
  assert.equal(readView({ grid: "length" }, model).view.open, null)
})

test("only visible rows are in the page, and every key leads to a tile", () => {
  const room = { width: 620, height: 300, side: 56, gap: 6, items: 1000 }
  assert.equal(across(room), 10)
  assert.equal(tall(room), 100 * 62 - 6)
  for (const top of [0, 700, tall(room) - room.height]) {
    const [from, to] = visible(room, top)
    assert.ok(to - from <= 10 * (300 / 62 + 6) && from >= 0 && to <= 1000)
    for (let i = 0; i < 1000; i++) {
      const { y } = placeOf(room, i)
      if (y + 56 > top && y < top + 300) assert.ok(i >= from && i < to)
    }
  }
  assert.deepEqual(["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End", "x"].map((key) => stepTo(room, 25, key)), [26, 24, 35, 15, 0, 999, null])
  assert.equal(stepTo({ ...room, items: 27 }, 18, "ArrowDown"), 26, "the last row is shorter")
  assert.equal(stepTo({ ...room, items: 27 }, 22, "ArrowDown"), null)
  assert.equal(stepTo(room, 0, "ArrowLeft"), null)
  assert.equal(stepTo(room, 999, "ArrowRight"), null)
  for (const index of [0, 25, 500, 999]) {
    const top = scrolledTo(room, 3000, index)
    const { y } = placeOf(room, index)
    assert.ok(y >= top && y + 56 <= top + 300)
  }
  assert.equal(scrolledTo(room, 3000, 490), 3000, "a visible tile is not scrolled to")
})
