// The game "Beat the network", in a dialog over the page: ten cards, a fuel gauge, and what came of it.

import { button, count, element, percent } from "../core/dom.js"
import { CONTESTED, canPlay, cheapestExit, costOf, counted, decodeGame, drawGame, encodeGame, howMany, nextSeed, resultsOf, runs, summary, verdict, whyNoGame } from "../core/game.js"
import { valueAt } from "../core/facts.js"
import { inkOn } from "../core/ink.js"
import { nameOf, shortNames } from "../core/naming.js"
import { capital } from "../core/words.js"
import { plate } from "./columns.js"
import { drawChart } from "./game_chart.js"

/** @typedef {import("../blocks/explore.js").Opened} Opened */
/** @typedef {import("../core/game.js").Game} Played */
/** @typedef {import("../core/game.js").Results} Results */
/** @typedef {import("../core/source.js").Predictions} Predictions */
/** @typedef {{node: HTMLElement, refresh: () => void, focus: () => void}} Card */

const BUTTONS = 7 // exits that have a button each; more are in a list
const CONFIRMED = 1500 // ms
const ARROWS = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1 })
const CARDS_BY_KEY = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 })

export class Game {
  /**
   * @param {HTMLElement} tools where the button goes
   * @param {(code: string | null) => void} onShow  the address should have this game, or none
   */
  constructor(tools, onShow) {
    this.onShow = onShow
    this.start = button("offramp-tool", "Beat the network", () => this.#open())
    this.start.hidden = true
    this.gauge = element("div", "offramp-game-gauge")
    this.body = element("div", "offramp-game-body")
    this.foot = element("div", "offramp-game-foot")
    const close = button("offramp-close", "×", () => this.dialog.close())
    close.setAttribute("aria-label", "Close the game")
    const title = element("h2", "offramp-game-title", "Beat the network")
    this.dialog = element("dialog", "offramp-game", element("header", "offramp-game-head", title, this.gauge, close), this.body, this.foot)
    this.dialog.setAttribute("aria-label", "Beat the network")
    this.dialog.addEventListener("keydown", (event) => event.stopPropagation()) // the page has keys of its own, and so has Streamlit
    this.dialog.addEventListener("close", () => this.#closed())
    tools.append(this.start, this.dialog)
    this.resized = new ResizeObserver(() => this.#drawChart())
    /** @type {Opened | null} */
    this.opened = null
    /** @type {Played | null} */
    this.game = null
    /** @type {number[]} */
    this.choices = []
    /** @type {string | null} */
    this.code = null // of the results that are shown
    /** @type {Card[]} */
    this.cards = []
    /** @type {(() => void)[]} */
    this.drops = []
    /** @type {Results | null} */
    this.results = null
  }

  /** @param {Opened} opened */
  draw(opened) {
    this.#leave()
    this.opened = opened
    this.game = null
    const reason = whyNoGame(opened.model, opened.pictures !== null)
    this.start.hidden = reason === "" && !canPlay(opened.model)
    this.start.disabled = reason !== ""
    this.start.title = reason
  }

  /** @param {import("../core/view.js").View} view */
  paint({ game: code }) {
    if (code === this.code || !this.opened) return
    this.code = code
    const sent = code === null ? null : decodeGame(code, this.opened.model)
    if (!sent) return void this.dialog.close()
    this.game = sent.game
    this.choices = sent.choices
    if (!this.dialog.open) this.dialog.showModal()
    this.#reveal("The player")
  }

  dispose() {
    this.#leave()
    clearTimeout(this.timer)
    this.resized.disconnect()
    this.dialog.remove()
    this.start.remove()
  }

  // Without a word to the address: the page shows something else by now.
  #leave() {
    this.code = null
    this.dialog.close()
    this.#empty()
    this.opened = null
  }

  #open() {
    const { opened } = this
    if (!opened) return
    if (!this.game) this.#begin(0)
    this.dialog.showModal()
    this.#play()
  }

  #closed() {
    if (this.dialog.open) return // again by now
    this.#empty()
    this.start.focus({ preventScroll: true })
    if (this.opened && this.code !== null) this.#show(null)
  }

  #show(/** @type {string | null} */ code) {
    this.code = code
    this.onShow(code)
  }

  #empty() {
    for (const drop of this.drops) drop()
    this.drops = []
    this.resized.disconnect()
    this.results = null
    this.playing = undefined
    this.body.replaceChildren()
    this.foot.replaceChildren()
  }

  #begin(/** @type {number} */ seed) {
    const { model } = /** @type {Opened} */ (this.opened)
    this.game = drawGame(model, seed)
    this.choices = this.game.examples.map(() => cheapestExit(/** @type {Played} */ (this.game)))
  }

  // What one looks at: images, or examples where there are none.
  get what() {
    return this.opened?.pictures ? this.opened.model.words.many : "examples"
  }

  // ------------------------------------------------------------------------------------------------------------------ to play

  #play() {
    const { game, opened } = this
    if (!game || !opened) return
    this.#empty()
    const token = (this.playing = {}) // what is still being fetched for another game is not shown
    const { model, pictures } = opened
    const number = game.examples.length
    const cheapest = model.exits[cheapestExit(game)].name
    const { confidence, texts, words } = model
    const shown = confidence ? `, so each card shows how confident the first ${words.stage} is` : ""
    const looked = pictures ? "Look at each and choose where it should stop." : texts ? "Read each and choose where it should stop." : `Choose where each should stop. There are no images here${shown}.`
    const intro = `${howMany(number)} test ${this.what} and fuel for ${game.fuel / game.run} full runs. ${looked} All start at ${cheapest}, which costs least. Spend the rest of the fuel where it helps.`
    const list = element("ol", "offramp-game-cards")
    this.cards = game.examples.map((example, i) => this.#card(example, i))
    list.append(...this.cards.map(({ node }) => node))
    this.body.replaceChildren(element("p", "offramp-game-intro", intro), list)
    this.message = element("p", "offramp-game-message offramp-game-keys", keys(model))
    this.message.setAttribute("role", "status")
    this.foot.replaceChildren(
      this.message,
      button("offramp-tool", `${howMany(number)} others`, () => this.#others()),
      button("offramp-tool offramp-game-drive", "Drive!", () => this.#drive()),
    )
    this.#paintGauge()
    this.body.scrollTop = 0
    this.cards[0].focus()
    if (!pictures) void this.#hint(token)
  }

  #others() {
    this.#begin(nextSeed(/** @type {Played} */ (this.game).seed))
    if (this.code !== null) this.#show(null)
    this.#play()
  }

  #drive() {
    const { game, opened } = this
    if (!game || !opened) return
    this.#show(encodeGame(game, this.choices, opened.model))
    this.#reveal("You")
  }

  // Whether the fuel lasts for another choice. If not, a sentence says what is missing.
  #choose(/** @type {number} */ i, /** @type {number} */ exit) {
    const game = /** @type {Played} */ (this.game)
    const { model } = /** @type {Opened} */ (this.opened)
    const next = this.choices.map((other, j) => (j === i ? exit : other))
    const over = costOf(game, next) - game.fuel
    this.message?.toggleAttribute("data-refused", over > 0)
    if (over > 0) {
      if (this.message) this.message.textContent = `${model.exits[exit].name} for card ${i + 1} would take ${runs(over, game.run)} runs more than the fuel. Let another one stop earlier first.`
      return
    }
    this.choices = next
    if (this.message) this.message.textContent = keys(model)
    for (const card of this.cards) card.refresh()
    this.#paintGauge()
  }

  #paintGauge() {
    const game = /** @type {Played} */ (this.game)
    const spent = costOf(game, this.choices)
    const left = game.fuel - spent
    if (!this.gauge.firstChild) {
      const bar = element("div", "offramp-game-fuel", element("i"))
      bar.setAttribute("role", "meter")
      bar.setAttribute("aria-label", "Fuel left")
      this.gauge.replaceChildren(element("b", "", "Fuel"), bar, element("span", "offramp-game-spent"))
    }
    const [, bar, figures] = /** @type {HTMLElement[]} */ ([...this.gauge.children])
    const fill = /** @type {HTMLElement} */ (bar.firstElementChild)
    const text = `${runs(spent, game.run)} of ${runs(game.fuel, game.run)} runs spent, ${runs(left, game.run)} left`
    fill.style.transform = `scaleX(${(left / game.fuel).toFixed(4)})`
    figures.textContent = text
    for (const [name, value] of Object.entries({ min: 0, max: game.fuel / game.run, now: left / game.run })) bar.setAttribute(`aria-value${name}`, String(value))
    bar.setAttribute("aria-valuetext", text)
  }

  /** @param {number} example @param {number} i @returns {Card} */
  #card(example, i) {
    const { model } = /** @type {Opened} */ (this.opened)
    const name = titleOf(model, example)
    const hint = element("span", "offramp-game-hint")
    const choice = model.exits.length > BUTTONS ? this.#list(i) : this.#buttons(i)
    const node = element("li", "offramp-game-card", this.#face(example), element("div", "offramp-game-what", titled(name), hint), choice.node)
    node.dataset.id = model.ids[example]
    return { ...choice, node }
  }

  #face(/** @type {number} */ example) {
    const { model, pictures } = /** @type {Opened} */ (this.opened)
    const written = !pictures && model.texts ? model.texts[example] || model.ids[example] : null
    const face = element("div", "offramp-game-face", written === null ? plate(model, example) : element("p", "offramp-game-text", written))
    if (written !== null) Object.assign(/** @type {HTMLElement} */ (face.firstElementChild), { tabIndex: 0, role: "group", ariaLabel: `Text of ${model.words.one} ${model.ids[example]}` }) // it may have to be scrolled
    if (pictures) {
      const drop = pictures.request(example, (address) => {
        if (!address) return
        const image = element("img")
        image.alt = nameOf(model, example)
        image.src = address
        face.replaceChildren(image)
      })
      this.drops.push(drop)
    }
    return face
  }

  /** A button for each exit. @param {number} i @returns {Card} */
  #buttons(i) {
    const game = /** @type {Played} */ (this.game)
    const { exits } = /** @type {Opened} */ (this.opened).model
    const names = shortNames(exits.map(({ name }) => name))
    const buttons = exits.map((exit, k) => {
      const node = button("offramp-game-exit", String(k + 1), () => this.#choose(i, k))
      node.setAttribute("role", "radio")
      node.setAttribute("aria-label", `${exit.name}, ${runs(game.costs[k], game.run)} runs`)
      node.title = `${exit.name}: ${runs(game.costs[k], game.run)} runs`
      node.style.setProperty("--exit", exit.colour)
      node.style.setProperty("--ink", inkOn(exit.colour))
      return node
    })
    const group = element("div", "offramp-game-exits", ...buttons)
    group.setAttribute("role", "radiogroup")
    group.setAttribute("aria-label", `${capital(/** @type {Opened} */ (this.opened).model.words.stage)} of card ${i + 1}`)
    const cost = element("span", "offramp-game-cost")
    const focus = () => buttons[this.choices[i]].focus()
    const refresh = () => {
      const left = game.fuel - costOf(game, this.choices)
      buttons.forEach((node, k) => {
        const taken = k === this.choices[i]
        node.setAttribute("aria-checked", String(taken))
        node.tabIndex = taken ? 0 : -1
        node.toggleAttribute("data-beyond", game.costs[k] - game.costs[this.choices[i]] > left)
      })
      const choice = this.choices[i]
      const spent = `: ${runs(game.costs[choice], game.run)} runs`
      cost.replaceChildren(element("span", "", names[choice]), spent)
      cost.title = exits[choice].name + spent
    }
    group.onkeydown = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const digit = /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : NaN
      const by = ARROWS[event.key]
      if (CARDS_BY_KEY[event.key]) this.cards[i + CARDS_BY_KEY[event.key]]?.focus()
      else if (by || digit < exits.length) {
        this.#choose(i, by ? Math.min(Math.max(this.choices[i] + by, 0), exits.length - 1) : digit)
        focus()
      } else return
      event.preventDefault()
    }
    refresh()
    return { node: element("div", "offramp-game-choice", group, cost), refresh, focus }
  }

  /** A list of all exits, where there are many. @param {number} i @returns {Card} */
  #list(i) {
    const game = /** @type {Played} */ (this.game)
    const { exits } = /** @type {Opened} */ (this.opened).model
    const select = element("select")
    select.setAttribute("aria-label", `${capital(/** @type {Opened} */ (this.opened).model.words.stage)} of card ${i + 1}`)
    select.append(...exits.map((exit, k) => new Option(`${k + 1}: ${runs(game.costs[k], game.run)} runs`, String(k))))
    const refresh = () => void (select.value = String(this.choices[i]))
    select.onchange = () => {
      this.#choose(i, Number(select.value))
      refresh()
    }
    refresh()
    return { node: element("div", "offramp-game-choice", select), refresh, focus: () => select.focus() }
  }

  // Where there is nothing to look at, a card has what the network itself starts from.
  async #hint(/** @type {object} */ token) {
    const { opened, game } = this
    if (!opened || !game) return
    try {
      const all = await Promise.all(game.examples.map((example) => opened.source.predictions(example)))
      if (this.playing !== token) return
      const [first] = shortNames(opened.model.exits.map(({ name }) => name))
      this.cards.forEach(({ node }, i) => {
        const hint = node.querySelector(".offramp-game-hint")
        const { confidence, probabilities } = all[i]
        const known = confidence ? confidence[0] : probabilities[0][0]
        if (hint && typeof known === "number") hint.textContent = `${first} is ${percent(known, 0)} confident`
        else if (hint && confidence) hint.textContent = `${first} failed`
      })
    } catch (problem) {
      if (this.playing === token && this.message) this.message.textContent = `What the first ${opened.model.words.stage} predicts could not be fetched. ${/** @type {Error} */ (problem).message}`
    }
  }

  // ------------------------------------------------------------------------------------------------------------------ the results

  /** @param {string} name of the player */
  #reveal(name) {
    const { game, opened, choices } = this
    if (!game || !opened) return
    this.#empty()
    this.#paintGauge()
    const { model, data } = opened
    const correct = game.examples.map((example) => model.exits.map((_, k) => model.exitIsCorrect(example, k)))
    this.#showResults(resultsOf(game, choices, correct, data.front.exits), correct, name)
  }

  /** @param {Results} results @param {boolean[][]} correct @param {string} name */
  #showResults(results, correct, name) {
    const game = /** @type {Played} */ (this.game)
    const { model, data } = /** @type {Opened} */ (this.opened)
    const number = game.examples.length
    this.results = results
    this.names = { player: name === "You" ? "You" : "Player", network: "Network", mix: "Random mix", best: "Best possible" }
    const heading = element("h3", "offramp-game-verdict", verdict(results, name, game.run))
    heading.tabIndex = -1
    this.chart = element("div", "offramp-game-chart")
    this.chart.style.setProperty("--policy", data.front.curves.find(({ kind }) => kind === "policy")?.colour ?? "")
    this.chart.setAttribute("role", "img")
    this.chart.setAttribute("aria-label", `Correct examples over fuel spent. ${rowsOf(results, this.names, game.run).map((row) => `${row[0]}: ${row[1]} of ${number} with ${row[2]} runs`).join(". ")}.`)
    const table = element("table", "offramp-game-table", row("th", ["Driver", `Correct of ${number}`, "Runs spent"]), ...rowsOf(results, this.names, game.run).map((cells) => row("td", cells)))
    const link = element("input", "offramp-game-link")
    link.readOnly = true
    link.value = location.href
    link.setAttribute("aria-label", "Link to this score")
    link.onfocus = () => link.select()
    const copy = button("offramp-tool", "Copy link", () => void this.#copy(link, copy))
    const left = element(
      "div",
      "offramp-game-results",
      heading,
      element("p", "offramp-game-summary", summary(results, number, name, game.run)),
      this.chart,
      table,
      element("div", "offramp-game-send", link, copy),
      element("p", "offramp-game-small", this.#smallPrint()),
    )
    const list = element("ol", "offramp-game-cards offramp-game-done")
    list.append(...game.examples.map((example, i) => this.#outcome(example, i, correct[i], name)))
    this.body.replaceChildren(left, list)
    this.body.scrollTop = 0
    const same = name === "You" ? "Play again" : `Play these ${number}`
    this.foot.replaceChildren(
      element("p", "offramp-game-message", this.#onAll(results)),
      button("offramp-tool", `${howMany(number)} others`, () => this.#others()),
      button("offramp-tool offramp-game-drive", same, () => this.#again()),
    )
    this.resized.observe(this.chart)
    this.#drawChart()
    heading.focus({ preventScroll: true })
  }

  #again() {
    this.#begin(/** @type {Played} */ (this.game).seed)
    this.#show(null)
    this.#play()
  }

  #smallPrint() {
    const { data, model } = /** @type {Opened} */ (this.opened)
    const { stage, truth } = model.words
    const alone = data.front.marksExits ? "" : ` A choice costs that ${stage === "exit" ? "network" : stage} alone; the policy also pays for smaller ones that it runs first.`
    return `The ${this.what} are drawn by a hash of their ids; where possible, the network spends about this fuel on them, and for at least ${CONTESTED} of them it matters where they stop. Routes and predictions are recorded. The random mix tosses a coin between two ${stage}s; its result is an expectation. The best possible knows the ${truth}.${alone}`
  }

  // Chance decides much among ten.
  #onAll(/** @type {Results} */ { network, mix }) {
    const game = /** @type {Played} */ (this.game)
    const { model, data } = /** @type {Opened} */ (this.opened)
    const line = data.front.curves.find(({ kind }) => kind === "mix")
    const chance = line ? valueAt(line, model.cost[game.step]) : null
    const beside = chance === null ? "" : `, and ${percent(chance)} for the random mix at the same cost`
    const few = chance !== null && network.correct <= mix.correct && model.accuracy[game.step] > chance ? ` These ${game.examples.length} are too few to show it.` : ""
    return `On all ${count(model.tested)} test examples: ${percent(model.accuracy[game.step])} accuracy at ${percent(model.cost[game.step], 0)} of the ${model.spent} for ${policyTitle(data)}${beside}.${few}`
  }

  /** @param {number} example @param {number} i @param {boolean[]} correct at each exit @param {string} name */
  #outcome(example, i, correct, name) {
    const game = /** @type {Played} */ (this.game)
    const { model } = /** @type {Opened} */ (this.opened)
    const { network } = game
    const line = (/** @type {string} */ who, /** @type {number} */ exit, /** @type {boolean} */ good, /** @type {number} */ cost) => {
      const chip = element("span", "offramp-chip", String(exit + 1))
      chip.style.setProperty("--exit", model.exits[exit].colour)
      chip.style.setProperty("--ink", inkOn(model.exits[exit].colour))
      const mark = element("span", good ? "offramp-yes" : "offramp-no", good ? "✓" : "✗")
      mark.setAttribute("role", "img")
      mark.setAttribute("aria-label", good ? "correct" : "incorrect")
      chip.title = model.exits[exit].name
      return element("div", "offramp-game-line", element("span", "", who), chip, mark, element("small", "", runs(cost, game.run)))
    }
    const choice = this.choices[i]
    const node = element("li", "offramp-game-card", this.#face(example), element("div", "offramp-game-what", titled(titleOf(model, example))))
    const lines = element("div", "offramp-game-lines", line(name === "You" ? "You" : "Player", choice, correct[choice], game.costs[choice]), line("Network", network[i].exit, network[i].correct, network[i].cost))
    node.append(lines)
    node.style.setProperty("--turn", String(i))
    return node
  }

  #drawChart() {
    const { chart, results, game, names } = this
    if (!chart?.clientWidth || !results || !game || !names) return
    drawChart(chart, results, game, names)
  }

  async #copy(/** @type {HTMLInputElement} */ link, /** @type {HTMLButtonElement} */ copy) {
    try {
      await navigator.clipboard.writeText(link.value)
      copy.textContent = "Copied"
      clearTimeout(this.timer)
      this.timer = setTimeout(() => (copy.textContent = "Copy link"), CONFIRMED)
    } catch {
      link.focus() // no clipboard here: the link is selected, to be copied by hand
    }
  }
}

/** What a card is called: a text, which is on its face, is not said again. @param {import("../core/model.js").Model} model @param {number} example */
const titleOf = (model, example) => (model.label || !model.texts ? nameOf(model, example) : `${model.words.one} ${model.ids[example]}`)

/** @param {import("../core/model.js").Model} model */
const keys = ({ exits, words }) => (exits.length > BUTTONS ? "" : `Keys: 1 to ${exits.length} choose the ${words.stage}, up and down go to another card.`)

/** @param {Results} results @param {Record<keyof Results, string>} names @param {number} run @returns {string[][]} */
const rowsOf = (results, names, run) =>
  /** @type {(keyof Results)[]} */ (["player", "network", "mix", "best"]).map((who) => [names[who], counted(results[who].correct), runs(results[who].cost, run)])

/** @param {"td" | "th"} tag @param {string[]} cells */
function row(tag, cells) {
  const node = element("tr", "")
  cells.forEach((text, i) => {
    const cell = element(i === 0 ? "th" : tag, "", text)
    if (cell.tagName === "TH") cell.setAttribute("scope", tag === "th" ? "col" : "row")
    node.append(cell)
  })
  return node
}

/** @param {import("../blocks/explore.js").ExploreData} data */
const policyTitle = (data) => data.choices.policy.find(({ value }) => value === data.selection.policy)?.title ?? "this policy"

/** The name of a class, which may be shortened. @param {string} name */
function titled(name) {
  const node = element("b", "", name)
  node.title = name
  return node
}
