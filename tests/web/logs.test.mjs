// A log of models with a quality, texts and costs that depend on the example: the browser's model equals the sweep at every budget, and what
// is said of it are the words of such a log.

import assert from "node:assert/strict"
import { test } from "node:test"
import { facts } from "../../app/web/core/facts.js"
import { cheapestFor } from "../../app/web/core/floor.js"
import { canPlay, whyNoGame } from "../../app/web/core/game.js"
import { isHighlighted, showsOf } from "../../app/web/core/highlights.js"
import { lettersOf, nameOf, outcomeOf, shortNames } from "../../app/web/core/naming.js"
import { operatingPoints } from "../../app/web/core/operating_points.js"
import { headline, sumOf } from "../../app/web/core/printed.js"
import { shapeOf } from "../../app/web/core/road.js"
import { sorted, sortsOf } from "../../app/web/core/sorting.js"
import { exitsTable } from "../../app/web/core/tables.js"
import { tickTexts } from "../../app/web/core/ticks.js"
import { readView, writeView } from "../../app/web/core/view.js"
import { across, placeOf } from "../../app/web/core/virtual.js"
import { USUAL, adapted, amount, costTexts, difference, named } from "../../app/web/core/words.js"
import { LOG, golden } from "./golden.mjs"

const WORDS = { graded: true, measure: "quality", reference: "best single model", best: "Exit 4", stage: "model", truth: "results", one: "example", many: "examples" }
const { model, expected } = golden(LOG, WORDS)
const near = (actual, expected, tolerance) => assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)
const sum = (values) => values.reduce((total, value) => total + value, 0)

test("shares, quality and cost at every budget are those of the sweep", () => {
  assert.ok(model.steps > 50 && model.stageCost && model.routes.graded)
  for (let step = 0; step < model.steps; step++) {
    const [{ shares, accuracy, cost }, now] = [model.totals(step), model.at(step)]
    shares.forEach((share, k) => near(share, expected.shares[step][k], 1e-9))
    near(accuracy, expected.accuracy[step], 1e-7)
    near(cost, expected.cost[step], 1e-6)
    now.exits.forEach(({ share, correct, incorrect }, k) => {
      near(share, expected.shares[step][k], 1e-6)
      near(correct + incorrect, share, 1e-6)
    })
    near(sum(now.exits.map(({ correct }) => correct)), expected.accuracy[step], 1e-6)
    for (let i = 0; i < model.examples; i++) {
      const at = model.routes.at(step, i)
      assert.equal(model.routes.exit[at], expected.exit[step][i])
      near(model.routes.quality[at], expected.correct[step][i], 1e-7)
    }
  }
})

test("two examples on the same way cost differently", () => {
  const costs = new Set(Array.from({ length: model.examples }, (_, i) => model.costOf(i, 0).toFixed(5)))
  assert.ok(costs.size > model.examples / 2)
})

test("shares times the costs where the ramps stand add up to what is spent, as printed", () => {
  for (let step = 0; step < model.steps; step++) {
    const now = model.at(step)
    near(sum(now.exits.map(({ share, cost }) => share * (cost ?? 0))), now.cost, 2e-5)
    const { terms, total } = sumOf(now)
    near(sum(terms.map(({ adds }) => parseFloat(adds))), parseFloat(total), 1e-9)
    assert.equal(total, `${(100 * model.cost[step]).toFixed(1)}%`)
  }
})

test("the engine's counts of every subset are those of its examples, costs too", () => {
  const { list } = model.subsets
  assert.ok(list.length > 1 && list.every((subset) => subset.class === null), "no classes, but levels of a factor")
  list.forEach((subset, index) => {
    const members = Array.from({ length: model.examples }, (_, i) => i).filter((i) => model.subsets.has(index, i))
    assert.equal(members.length, subset.tested)
    for (let step = 0; step < model.steps; step++) {
      const [counted, totals] = [model.at(step, index), model.totals(step, members)]
      counted.exits.forEach(({ share }, k) => near(share, totals.shares[k], 1e-9))
      near(counted.accuracy, totals.accuracy, 1e-6)
      near(counted.cost, totals.cost, 1e-6)
    }
  })
  assert.equal(new Set(list.map((_, index) => model.at(0, index).cost.toFixed(3))).size, list.length, "difficult examples cost more")
})

test("sentences have a quality and name the best single model", () => {
  const { sentence, figures } = headline({ cost: 0.25, accuracy: 0.7144 }, 0.7229, "price", WORDS)
  assert.equal(sentence, "0.714 quality at 25% of the price")
  assert.deepEqual(figures, [
    { value: "75%", text: "of the price saved" },
    { value: "0.714", text: "test quality" },
    { value: "−0.009", text: "against 0.723 of the best single model (Exit 4)" },
  ])
  assert.match(headline({ cost: 0.25, accuracy: 0.7 }, 0.8, "price", { ...WORDS, graded: false, measure: "accuracy" }).figures[2].text, /^points against 80\.0% of the best/)
  assert.ok(named({ ...WORDS, best: "x".repeat(200) }).length < 60)
  assert.deepEqual([amount(WORDS, 0.71449), amount(WORDS, 0.7, 0), difference(WORDS, -0.9)], ["0.714", "0.70", "0.009"])
  assert.deepEqual(facts(model, 10, { cost: [0, 1], accuracy: [0.5, 0.5] })[0], "random mix at this cost 0.500")
  assert.match(cheapestFor(model, 0.4).text, /^Cheapest recorded budget: 0\.\d{3} on calibration, (on test )?0\.\d{3}/)
  assert.match(cheapestFor(model, 2).text, /the highest quality is 0\.\d{3}\.$/)
  assert.ok(operatingPoints(model).every(({ definition }) => /best single model|highest quality/.test(definition)))
  assert.deepEqual(tickTexts([0.5, 0.75], true), ["0.50", "0.75"])
})

test("costs are in their unit too, where the words have it", () => {
  assert.equal(facts(model, 10, undefined).length, 1)
  const [, cost] = facts({ ...model, cost: [0.5], full: { accuracy: 1, cost: 0.9 }, spent: "price", words: { ...WORDS, sign: "${}" } }, 0, undefined)
  assert.equal(cost, "mean price $0.45 instead of $0.90")
  const mix = { cost: [0, 1], accuracy: [0.5, 0.9] }
  for (const [quality, sentence] of [[0.8, "random mix at this cost 0.700"], [0.6, "worse than the random mix, 0.700"]])
    assert.equal(facts({ ...model, cost: [0.5], accuracy: [quality] }, 0, mix)[0], sentence)
  assert.deepEqual(costTexts("{} MACs", [5.5833, 12]), ["5.6 MACs", "12.0 MACs"])
  assert.deepEqual(costTexts("{} MACs", [600000, 1234567]), ["0.60 million MACs", "1.23 million MACs"])
  assert.deepEqual(costTexts("${}", [0.00021, 0.00042]), ["$0.00021", "$0.00042"])
  assert.deepEqual([costTexts("{}", [2, 4]), costTexts("${}", [2, 4])], [["2", "4"], ["$2.00", "$4.00"]])
})

test("what is true of any bundle is in the words of this one", () => {
  const text = "The labels say at which of all exits it matches the full network."
  assert.equal(adapted(WORDS, text), "The results say at which of all models it matches the best single model.")
  assert.equal(adapted(WORDS, "The top probability buys accuracy."), "The confidence buys quality.")
  assert.equal(adapted(USUAL, `${text} The top probability buys accuracy.`), `${text} The top probability buys accuracy.`)
  assert.ok(showsOf(model).every(({ help }) => !help.includes("exit")))
  assert.ok(sortsOf(model).every(({ help }) => !help.includes("exit")))
})

test("a model is known by its name, and a vendor is left out only where no two are the same then", () => {
  assert.deepEqual(shortNames(["a/small", "b/large", "own"]), ["small", "large", "own"])
  for (const names of [["a/chat", "b/chat"], ["a/", "b/x"], ["Exit 1", "Exit 2"]]) assert.deepEqual(shortNames(names), names)
})

test("where examples leave at a budget adds up to the quality", () => {
  const table = exitsTable(model.at(20), model.exits, model.spent, WORDS)
  const added = table.groups[0].rows.map((row) => Number(row[2].text))
  assert.equal(sum(added).toFixed(3), table.total?.[2].text)
  assert.equal(table.heads.length, table.names.length)
  assert.ok(!table.heads.includes("Incorrect") && table.groups[0].rows.every((row) => row.length === table.heads.length))
})

test("examples are their texts, and nothing is incorrect", () => {
  assert.equal(nameOf(model, 0), model.texts?.[0])
  assert.match(outcomeOf(model, 0, 0), /^quality \d\.\d{3}$/)
  assert.equal(nameOf({ ...model, texts: null }, 0), `example ${model.ids[0]}`)
  assert.equal(lettersOf(model, 0), model.ids[0].slice(2), "what all ids begin with tells nothing")
  assert.deepEqual(showsOf(model).map(({ show }) => show), ["all", "low", "changing"])
  const low = Array.from({ length: model.examples }, (_, i) => i).filter((i) => isHighlighted(model, "low", 0, i))
  assert.ok(low.length > 0 && low.every((i) => expected.correct[0][i] < model.full.accuracy / 2))
  assert.throws(() => model.exitIsCorrect(0, 0), /graded/)
})

test("the lowest quality comes first, if that is the order", () => {
  assert.ok(sortsOf(model).some(({ name }) => name === "quality"))
  const all = Array.from({ length: model.examples }, (_, i) => i)
  const quality = sorted(model, all, 25, "quality", () => true).map((i) => expected.correct[25][i])
  assert.deepEqual(quality, [...quality].sort((a, b) => a - b))
})

test("the address has ids as text, and no highlight that does not exist here", () => {
  const id = model.ids[7]
  assert.match(id, /^q-\d+$/)
  const { view, notices } = readView({ image: id, show: "incorrect" }, model)
  assert.equal(view.picked, 7)
  assert.equal(notices.length, 1)
  assert.equal(writeView(view, model, {}).image, id)
})

test("there is no game, and a reason", () => {
  assert.equal(canPlay(model), false)
  assert.match(whyNoGame(model), /quality/)
  const { model: chain } = golden("chain")
  assert.equal(whyNoGame(chain), "")
  assert.match(whyNoGame({ ...chain, stageCost: new Float32Array(1) }), /costs depend/)
})

test("a bypass leads past exits that some skip, one for those that are close, and none where all do", () => {
  const ground = { down: false, start: 0, edge: 14, thick: 44, ends: 126, places: [100, 300, 500, 700], toPixels: (cost) => 1000 * cost }
  const exits = [0.02, 0.06, 0.5, 1].map((cost, k) => ({ share: [0.1, 0, 0.4, 0.5][k], cost: k === 1 ? null : cost }))
  const lanesOf = (passing) => shapeOf(exits, passing, [0.02, 0.06, 0.5, 1], ground).lanes.map(({ width }) => Math.round(width))
  assert.deepEqual(lanesOf([0.5, 0.6, 0.9, 0]), [26, 0, 0, 0], "all who still drive pass the third")
  assert.deepEqual(lanesOf([0, 0, 0.2, 0]), [0, 0, 9, 0])
})

test("lines of text are as wide as their room, side by side", () => {
  const room = { width: 1000, height: 300, side: 32, wide: 497, gap: 6, items: 9 }
  assert.equal(across(room), 2)
  assert.deepEqual(placeOf(room, 3), { x: 503, y: 38 })
})
