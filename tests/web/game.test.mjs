// The game: its ten depend on ids and routes, its numbers are those of the recorded routes, and a code is a score or is refused.

import assert from "node:assert/strict"
import { test } from "node:test"
import { hashOf } from "../../app/web/core/cast.js"
import { bestChoices, cheapestExit, costOf, decodeGame, drawGame, encodeGame, hullOf, isContested, mixOf, nextSeed, resultsOf, runs, summary, verdict } from "../../app/web/core/game.js"
import { dotsOf, placesOf, scaleOf } from "../../app/web/parts/game_chart.js"
import { KINDS, golden } from "./golden.mjs"

const near = (actual, expected, tolerance = 1e-9) => assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)
const sum = (values) => values.reduce((total, value) => total + value, 0)
/** Reproducible whole numbers from 0 to below a bound. */
const source = (seed, next = 0) => (below) => hashOf(`${seed} ${next++}`) % below
const rows = (draw, examples, exits) => Array.from({ length: examples }, () => Array.from({ length: exits }, () => draw(3) > 0))
/** All ways to choose one of some exits for each example. */
const all = (examples, exits) => (examples === 0 ? [[]] : all(examples - 1, exits).flatMap((before) => Array.from({ length: exits }, (_, k) => [...before, k])))

for (const name of KINDS) {
  const { model } = golden(name)

  test(`${name}: the network's results are those of its routes`, () => {
    for (let seed = 0; seed < 8; seed++) {
      const game = drawGame(model, seed)
      const correct = game.examples.map(() => model.exits.map(() => true))
      const { network } = resultsOf(game, game.examples.map(() => 0), correct, model.exits.map(() => ({ cost: 0, accuracy: 0 })))
      const totals = model.totals(game.step, game.examples)
      near(network.correct, totals.accuracy * game.examples.length)
      near(network.cost, game.run * totals.cost * game.examples.length, 0.5 * game.examples.length) // each is rounded to a part of a run
      game.network.forEach(({ exit }, i) => assert.equal(exit, model.routes.exit[model.routes.at(game.step, game.examples[i])]))
    }
  })

  test(`${name}: ten different examples, the same for the same number`, () => {
    const games = Array.from({ length: 12 }, (_, seed) => drawGame(model, seed))
    for (const game of games) {
      assert.equal(new Set(game.examples).size, Math.min(10, model.examples))
      assert.deepEqual(drawGame(model, game.seed), game)
      assert.ok(game.fuel >= costOf(game, game.examples.map(() => cheapestExit(game))))
      game.costs.forEach((cost, k) => near(cost, game.run * model.exits[k].cost, 0.6))
    }
    assert.ok(new Set(games.map(({ examples }) => examples.join())).size > 6)
  })

  test(`${name}: a code leads back to the choices, and what is not one is refused`, () => {
    const draw = source(name)
    for (let seed = 0; seed < 20; seed++) {
      const game = drawGame(model, seed ? draw(36 ** 4) : 36 ** 4 - 1)
      const choices = game.examples.map(() => cheapestExit(game))
      for (let tries = 0; tries < 20; tries++) {
        const next = choices.with(draw(choices.length), draw(model.exits.length))
        if (costOf(game, next) <= game.fuel) choices.splice(0, choices.length, ...next)
      }
      const code = encodeGame(game, choices, model)
      assert.ok(/^[0-9a-z-]+$/.test(code) && code.length < 36, code)
      assert.deepEqual(decodeGame(code, model), { game, choices })
      for (let i = 0; i < code.length; i++) {
        const other = "0123456789abcdefghijklmnopqrstuvwxyz-"[draw(37)]
        if (other !== code[i]) assert.equal(decodeGame(code.slice(0, i) + other + code.slice(i + 1), model), null)
        assert.equal(decodeGame(code.slice(0, i) + code.slice(i + 1), model), null)
      }
      assert.equal(decodeGame(code, golden(name === "family" ? "chain" : "family").model), null)
    }
    const game = drawGame(model, 0)
    const tooMuch = game.examples.map(() => game.costs.indexOf(Math.max(...game.costs)))
    assert.ok(costOf(game, tooMuch) > game.fuel)
    assert.equal(decodeGame(encodeGame(game, tooMuch, model), model), null, "more than the fuel")
    for (const junk of ["", "1", "1---", "1-0-0-", "1-0-0-0000", "3-0-0-0000", "1-0-0-000000", "<b>", "1-Z-0-0000", "x".repeat(5000)]) assert.equal(decodeGame(junk, model), null)
  })
}

test("the ten are those on which the network spends about the fuel, and it matters where some of them stop", () => {
  const { model } = golden("chain")
  const games = Array.from({ length: 30 }, (_, seed) => drawGame(model, seed))
  const spent = games.map(({ network }) => sum(network.map(({ cost }) => cost)))
  assert.ok(games.filter(({ fuel }, i) => spent[i] <= fuel && spent[i] > 0.8 * fuel).length > 20, String(spent))
  assert.ok(games.filter(({ examples }) => examples.filter((example) => isContested(model, example)).length >= 3).length > 20)
})

test("the fuel is for two and a half full runs, and for more where even the first exit is costly", () => {
  const { model } = golden("chain")
  assert.ok(model.exits[0].cost < 0.2)
  assert.deepEqual([drawGame(model, 0).fuel, drawGame(model, 0).run], [250, 100])
  const costly = Object.assign(Object.create(Object.getPrototypeOf(model)), model, { exits: model.exits.map((exit, k) => ({ ...exit, cost: [0.4, 0.7][k] ?? 1 })), pathCost: model.pathCost.map(() => 1) })
  assert.equal(drawGame(costly, 0).fuel, 500)
  const cheap = Object.assign(Object.create(Object.getPrototypeOf(model)), model, { exits: model.exits.map((exit, k) => ({ ...exit, cost: k === 0 ? 0.0003 : exit.cost })) })
  const game = drawGame(cheap, 0)
  assert.deepEqual([game.costs[0], runs(game.costs[0], game.run), runs(game.fuel, game.run)], [3, "0.0003", "2.5000"], "what is spent is not printed as nothing")
})

test("the best choices are those of a search through all", () => {
  for (let seed = 0; seed < 60; seed++) {
    const draw = source(`best ${seed}`)
    const [examples, exits] = [1 + draw(5), 2 + draw(3)]
    const costs = Array.from({ length: exits }, () => draw(900)) // of a family: they need not rise
    const correct = rows(draw, examples, exits)
    const fuel = examples * Math.min(...costs) + draw(1200)
    let best = { correct: -1, cost: 0 }
    for (const choices of all(examples, exits)) {
      const [cost, count] = [sum(choices.map((k) => costs[k])), choices.filter((k, i) => correct[i][k]).length]
      if (cost <= fuel && (count > best.correct || (count === best.correct && cost < best.cost))) best = { correct: count, cost }
    }
    const { choices, ...found } = bestChoices(costs, correct, fuel)
    assert.deepEqual(found, best)
    assert.equal(sum(choices.map((k) => costs[k])), best.cost)
    assert.equal(choices.filter((k, i) => correct[i][k]).length, best.correct)
  }
})

test("the random mix is the mean over all tosses, of the two exits that together do best at the fuel's mean cost", () => {
  for (let seed = 0; seed < 40; seed++) {
    const draw = source(`mix ${seed}`)
    const [examples, exits] = [5, 2 + draw(4)]
    const costs = Array.from({ length: exits }, (_, k) => 40 + 150 * k + draw(100))
    const accuracy = costs.map(() => draw(1000) / 1000)
    const correct = rows(draw, examples, exits)
    const fuel = examples * (costs[0] + draw(costs[exits - 1] - costs[0]))
    const mean = fuel / examples
    // The best pair around the mean cost, by trying all; an exit beside itself costs less than the fuel.
    let best = { value: -1, low: 0, high: 0, share: 0 }
    for (let low = 0; low < exits; low++)
      for (let high = low; high < exits; high++) {
        if (costs[low] > mean || (high > low && costs[high] < mean)) continue
        const share = high > low ? (mean - costs[low]) / (costs[high] - costs[low]) : 0
        const value = (1 - share) * accuracy[low] + share * accuracy[high]
        if (value > best.value + 1e-12) best = { value, low, high, share }
      }
    let expected = 0
    for (const tosses of all(examples, 2)) {
      const chance = tosses.reduce((product, toss) => product * (toss ? best.share : 1 - best.share), 1)
      expected += chance * tosses.filter((toss, i) => correct[i][toss ? best.high : best.low]).length
    }
    const mix = mixOf(accuracy.map((value) => ({ accuracy: value })), costs, correct, fuel)
    near(mix.correct, expected, 1e-9)
    near(mix.cost, best.share > 0 ? fuel : examples * costs[best.low], 1e-9)
  }
  assert.deepEqual(hullOf([{ cost: 1, accuracy: 0.5 }, { cost: 2, accuracy: 0.6 }, { cost: 3, accuracy: 0.9 }, { cost: 4, accuracy: 0.9 }]), [0, 2])
})

test("sentences print what the results are", () => {
  const results = (mine, theirs) => ({ player: mine, network: theirs, mix: theirs, best: theirs })
  const [eight, nine] = [{ correct: 8, cost: 231 }, { correct: 9, cost: 242 }]
  assert.equal(summary(results(eight, nine), 10, "You", 100), "You: 8 of 10 with 2.3 runs. The network: 9 of 10 with 2.4.")
  assert.equal(summary(results({ correct: 8, cost: 85 }, nine), 10, "The player", 100), "The player: 8 of 10 with 0.9 runs. The network: 9 of 10 with 2.4.")
  assert.equal(verdict(results(eight, nine), "You", 100), "The network wins by 1.")
  assert.equal(verdict(results(nine, eight), "The player", 100), "The player beat the network by 1.")
  assert.equal(verdict(results({ correct: 9, cost: 200 }, nine), "You", 100), "As many correct as the network, with 0.42 runs less fuel.")
  assert.equal(verdict(results(nine, nine), "You", 100), "As many correct as the network, with the same fuel.")
  assert.equal(nextSeed(36 ** 4 - 1), 0)
})

test("names on the chart cover neither one another nor a mark", () => {
  const shared = (a, b) => Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))
  const sizes = [100, 76, 105, 50].map((width) => ({ width, height: 17 }))
  for (const width of [290, 352, 400])
    for (let seed = 0; seed < 150; seed++) {
      const draw = source(`chart ${seed}`)
      const one = () => ({ correct: seed < 3 ? [0, 10, 9][seed] : 7 + draw(4) - (seed % 5 ? 0 : draw(7)), cost: seed < 3 ? [0, 2500, 2500][seed] : 600 + draw(2300) })
      const results = { player: one(), network: one(), mix: { ...one(), cost: 2500 }, best: one() }
      const scale = scaleOf(results, 2500, 10, width, 232, 1000)
      const dots = dotsOf(results, scale)
      const places = placesOf(dots, sizes, scale, scale.x(2500))
      places.forEach((place, i) => {
        assert.ok(place.left >= 0 && place.top >= 0 && place.right <= width && place.bottom <= 232 - 38, `outside: ${seed}`)
        for (const other of places.slice(0, i)) assert.equal(shared(place, other), 0, `names: ${seed}`)
        for (const { x, y, size } of dots) assert.equal(shared(place, { left: x - size / 2, right: x + size / 2, top: y - size / 2, bottom: y + size / 2 }), 0, `mark: ${seed}`)
      })
    }
})
