// "Beat the network": ten test examples, fuel for a few full runs, and a player who decides where each example stops.
//
// Costs are whole parts of a full run, such as hundredths, so that what is printed adds up. Examples are chosen by their ids, by what the network spends
// on them, and so that for some of them it matters where they stop: never in favour of the network or of the player.

import { hashOf } from "./cast.js"
import { nearest } from "./nearest.js"
import { largestRemainder } from "./printed.js"

/** @typedef {import("./model.js").Model} Model */
/**
 * How the network took an example. exit: where it left;  cost: of all stages that ran, in parts of a full run.
 * @typedef {{exit: number, cost: number, correct: boolean}} Taken
 */
/**
 * examples: in the order of their cards;  step: of the budget that the network has;  budget: that budget, as a share of a full run;
 * run: how many parts a full run has;  costs: of stopping at each exit;  fuel: for all examples. Both are in parts of a full run;  network: one for each example.
 * @typedef {{seed: number, examples: number[], step: number, budget: number, run: number, costs: number[], fuel: number, network: Taken[]}} Game
 */
/** correct: of all examples, a fraction where it is an expectation;  cost: in parts of a full run @typedef {{correct: number, cost: number}} Result */
/** @typedef {{player: Result, network: Result, mix: Result, best: Result & {choices: number[]}}} Results */

export const CARDS = 10 // examples of a game
const LEAST_RUN = 100 // parts of a full run, at least; more where the cheapest exit costs less than one of them
const SHARE = 0.25 // of the full runs that the fuel is for
const COSTLY = 0.2 // if even the cheapest exit costs more than this share of a full run, there is more fuel
const DRAWS = 200 // sets of examples that are tried
/** Examples of a game, at least, that some exits of the sweep get correct and others do not, if a set with so many can be found. */
export const CONTESTED = 3
const CLOSE = 0.85 // share of the fuel that the network spends at least, if a set with which it does can be found
const VERSION = "2" // of the code
const CHECK = 4 // characters of the checksum
const SEEDS = 36 ** 4

/** Whether there is anything to decide. @param {Model} model */
export const canPlay = (model) => model.exits.length > 1 && model.examples > 1 && !model.routes.graded && !model.stageCost

/**
 * Why there is no game, or empty: it counts correct examples, every choice has one cost, and there must be something to go by.
 * @param {Model} model
 * @param {boolean} [pictures] whether there are images
 */
export function whyNoGame({ routes, stageCost, texts, confidence }, pictures = false) {
  if (routes.graded) return "The game counts correct examples, and these have a quality instead."
  if (stageCost) return "In the game every choice has one cost, and these costs depend on the example."
  return pictures || texts || confidence || routes.answer ? "" : "The game needs an image, a text or a confidence to go by, and there is none."
}

/**
 * The game with a number. The examples are spread over the exits at which they leave at the middle of the range, as all examples are. Of
 * several such sets, the first is taken on which the network spends nearly the fuel, so that player and network have about the same, and
 * that holds enough examples for which it matters where they stop.
 * @param {Model} model
 * @param {number} seed
 * @returns {Game}
 */
export function drawGame(model, seed) {
  const { routes, pathCost } = model
  const cheapest = Math.min(...model.exits.map(({ cost }) => cost))
  const run = cheapest > 0 ? Math.max(LEAST_RUN, 10 ** -Math.floor(Math.log10(cheapest))) : LEAST_RUN
  const costs = model.exits.map(({ cost }) => {
    const same = pathCost.find((path) => Math.abs(path - cost) < 1e-6) ?? cost // of a path, so that both are rounded alike
    return Math.round(run * same)
  })
  const share = fuelShare(cheapest)
  const step = nearest(model.budget, share)
  const taken = (/** @type {number} */ example) => {
    const at = routes.at(step, example)
    return { exit: routes.exit[at], cost: Math.round(run * pathCost[routes.path[at]]), correct: routes.quality[at] === 1 }
  }
  const number = Math.min(CARDS, model.examples)
  const fuel = Math.round(run * share * number)
  /** @type {number[]} */
  let examples = []
  let least = Infinity
  for (const set of sets(model, seed, number)) {
    const spent = set.reduce((sum, example) => sum + taken(example).cost, 0)
    const missing = Math.max(0, CONTESTED - set.filter((example) => isContested(model, example)).length)
    const off = (spent > fuel ? spent : fuel - spent) + missing * fuel // spending more than the fuel is worse than spending any less
    if (off < least) [examples, least] = [set, off]
    if (least <= (1 - CLOSE) * fuel) break
  }
  return { seed, examples, step, budget: model.budget[step], run, costs, fuel, network: examples.map(taken) }
}

/** Whether an example is correct at some budgets and incorrect at others. @param {Model} model @param {number} example */
export function isContested({ routes, steps }, example) {
  const first = routes.quality[routes.at(0, example)]
  for (let step = 1; step < steps; step++) if (routes.quality[routes.at(step, example)] !== first) return true
  return false
}

// A quarter of a full run for each example, more where hardly anything could be chosen for that: a round share.
function fuelShare(/** @type {number} */ cheapest) {
  return cheapest <= COSTLY ? SHARE : Math.min(1, Math.ceil(20 * (cheapest + 0.15 * (1 - cheapest)) - 1e-9) / 20)
}

/**
 * Sets of examples to choose from, each in an order of its own.
 * @param {Model} model @param {number} seed @param {number} number  of examples
 * @returns {Generator<number[]>}
 */
function* sets(model, seed, number) {
  const { ids, routes } = model
  const hashes = ids.map((id) => hashOf(`${seed} ${id}`))
  const byHash = (/** @type {number} */ a, /** @type {number} */ b) => hashes[a] - hashes[b] || a - b
  const middle = model.steps >> 1
  /** @type {number[][]} */
  const strata = model.exits.map(() => [])
  ids.forEach((_, example) => strata[routes.exit[routes.at(middle, example)]].push(example))
  const quotas = largestRemainder(strata.map((stratum) => (stratum.length * number) / ids.length / 100), 0, number)
  for (const stratum of strata) stratum.sort(byHash)
  for (let draw = 0; draw < DRAWS; draw++) {
    const set = strata.flatMap((stratum, k) => Array.from({ length: quotas[k] }, (_, i) => stratum[(draw * quotas[k] + i) % stratum.length]))
    yield set.sort(byHash)
  }
}

/** What choices cost together. @param {Game} game @param {number[]} choices  an exit for each example */
export const costOf = ({ costs }, choices) => choices.reduce((sum, exit) => sum + costs[exit], 0)

/** The exit that costs least. @param {Game} game */
export const cheapestExit = ({ costs }) => costs.indexOf(Math.min(...costs))

/**
 * The most correct examples that the fuel allows, and for how little fuel. The labels have to be known for that.
 * @param {number[]} costs of each exit
 * @param {boolean[][]} correct (examples, exits)
 * @param {number} fuel
 * @returns {Result & {choices: number[]}}
 */
export function bestChoices(costs, correct, fuel) {
  const cheapest = costs.indexOf(Math.min(...costs))
  /** @type {(Result & {choices: number[]})[]} */
  let plans = [{ correct: 0, cost: 0, choices: [] }] // by the number of correct examples so far, those for the least fuel
  for (const row of correct) {
    const within = costs.flatMap((_, exit) => (row[exit] ? [exit] : []))
    const sure = within.length > 0 ? within.reduce((best, exit) => (costs[exit] < costs[best] ? exit : best)) : null
    /** @type {typeof plans} */
    const next = []
    const add = (/** @type {typeof plans[number]} */ plan, /** @type {number} */ exit, /** @type {number} */ gain) => {
      const [total, cost] = [plan.correct + gain, plan.cost + costs[exit]]
      if (!next[total] || cost < next[total].cost) next[total] = { correct: total, cost, choices: [...plan.choices, exit] }
    }
    for (const plan of plans) {
      if (!plan) continue
      add(plan, cheapest, row[cheapest] ? 1 : 0)
      if (sure !== null && sure !== cheapest) add(plan, sure, 1)
    }
    plans = next
  }
  const affordable = plans.filter((plan) => plan && plan.cost <= fuel)
  return affordable[affordable.length - 1]
}

/**
 * What a coin toss between two static exits is expected to do: of the two exits on the hull around the mean cost that the fuel allows.
 * @param {{cost: number, accuracy: number}[]} exits on all test examples
 * @param {number[]} costs of each exit
 * @param {boolean[][]} correct (examples, exits)
 * @param {number} fuel
 * @returns {Result}
 */
export function mixOf(exits, costs, correct, fuel) {
  const hull = hullOf(costs.map((cost, k) => ({ cost, accuracy: exits[k].accuracy })))
  const mean = fuel / correct.length
  const above = hull.findIndex((exit) => costs[exit] > mean)
  const [low, high] = above > 0 ? [hull[above - 1], hull[above]] : [hull[above < 0 ? hull.length - 1 : 0], hull[0]]
  const share = above > 0 ? (mean - costs[low]) / (costs[high] - costs[low]) : 0
  const count = (/** @type {number} */ exit) => correct.filter((row) => row[exit]).length
  return {
    correct: (1 - share) * count(low) + share * count(high),
    cost: above > 0 ? fuel : costs[low] * correct.length,
  }
}

/** The points on the upper concave hull, by rising cost and accuracy. @param {{cost: number, accuracy: number}[]} points @returns {number[]} */
export function hullOf(points) {
  const order = points.map((_, k) => k).sort((a, b) => points[a].cost - points[b].cost || points[b].accuracy - points[a].accuracy)
  /** @type {number[]} */
  const hull = []
  for (const k of order) {
    if (hull.length > 0 && points[k].accuracy <= points[hull[hull.length - 1]].accuracy) continue
    while (hull.length > 1 && gain(points, hull[hull.length - 2], hull[hull.length - 1]) <= gain(points, hull[hull.length - 1], k)) hull.pop()
    hull.push(k)
  }
  return hull
}

/** @param {{cost: number, accuracy: number}[]} points @param {number} from @param {number} to */
const gain = (points, from, to) => (points[to].accuracy - points[from].accuracy) / (points[to].cost - points[from].cost)

/**
 * @param {Game} game
 * @param {number[]} choices an exit for each example
 * @param {boolean[][]} correct (examples, exits)
 * @param {{cost: number, accuracy: number}[]} exits on all test examples
 * @returns {Results}
 */
export function resultsOf(game, choices, correct, exits) {
  const { network, costs, fuel } = game
  return {
    player: { correct: choices.filter((exit, i) => correct[i][exit]).length, cost: costOf(game, choices) },
    network: { correct: network.filter((taken) => taken.correct).length, cost: network.reduce((sum, { cost }) => sum + cost, 0) },
    mix: mixOf(exits, costs, correct, fuel),
    best: bestChoices(costs, correct, fuel),
  }
}

/**
 * The code of a game: version, number, choices and a checksum over all that its result depends on.
 * @param {Game} game
 * @param {number[]} choices
 * @param {Model} model
 */
export function encodeGame(game, choices, model) {
  const exits = BigInt(game.costs.length)
  const number = choices.reduce((sum, exit) => sum * exits + BigInt(exit), 0n)
  const text = `${VERSION}-${game.seed.toString(36)}-${number.toString(36)}`
  const { examples, costs, fuel, network } = game
  const sum = hashOf(JSON.stringify([text, examples.map((example) => model.ids[example]), costs, fuel, network]))
  return `${text}-${(sum % 36 ** CHECK).toString(36).padStart(CHECK, "0")}`
}

/**
 * The game of a code, or null if the code is mistyped or of another bundle or policy.
 * @param {string} code
 * @param {Model} model
 * @returns {{game: Game, choices: number[]} | null}
 */
export function decodeGame(code, model) {
  const parts = /^([0-9a-z]+)-([0-9a-z]{1,4})-([0-9a-z]{1,16})-([0-9a-z]{4})$/.exec(code)
  if (!parts || parts[1] !== VERSION || !canPlay(model)) return null
  const game = drawGame(model, parseInt(parts[2], 36))
  const exits = BigInt(game.costs.length)
  let number = [...parts[3]].reduce((sum, digit) => 36n * sum + BigInt(parseInt(digit, 36)), 0n)
  const choices = game.examples.map(() => {
    const exit = Number(number % exits)
    number /= exits
    return exit
  })
  choices.reverse()
  const same = encodeGame(game, choices, model) === code
  return same && costOf(game, choices) <= game.fuel ? { game, choices } : null
}

/** The number of the game after one. @param {number} seed */
export const nextSeed = (seed) => (seed + 1) % SEEDS

/** A number of examples at the beginning of a sentence. @param {number} number */
export const howMany = (number) => (number === 10 ? "Ten" : String(number))

/** Runs with all the digits that they are counted in. @param {number} cost in parts @param {number} run  parts of a full run */
export const runs = (cost, run) => (cost / run).toFixed(Math.round(Math.log10(run)))

/** A number of correct examples, with a digit after the point if it is an expectation. @param {number} correct */
export const counted = (correct) => (Number.isInteger(correct) ? String(correct) : correct.toFixed(1))

/**
 * Who did better, in a sentence: the one with more correct examples.
 * @param {Results} results
 * @param {string} name  of the player, as a subject
 * @param {number} run  parts of a full run
 */
export function verdict({ player, network }, name, run) {
  const ahead = player.correct - network.correct
  if (ahead > 0) return `${name} beat the network by ${ahead}.`
  if (ahead < 0) return `The network wins by ${-ahead}.`
  const less = network.cost - player.cost
  const fuel = less === 0 ? "the same fuel" : `${runs(Math.abs(less), run)} runs ${less > 0 ? "less" : "more"} fuel`
  return `As many correct as the network, with ${fuel}.`
}

/**
 * Both results in a sentence each.
 * @param {Results} results @param {number} number  of examples @param {string} name  of the player @param {number} run  parts of a full run
 */
export function summary({ player, network }, number, name, run) {
  const brief = (/** @type {number} */ cost) => (Math.round((10 * cost) / run) / 10).toFixed(1)
  return `${name}: ${player.correct} of ${number} with ${brief(player.cost)} runs. The network: ${network.correct} of ${number} with ${brief(network.cost)}.`
}
