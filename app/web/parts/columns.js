// A column for each exit, below its ramp: its sign, who leaves there and how many of them correctly, and the cast, whose tiles slide to
// another column when their exit changes.

import { cast } from "../core/cast.js"
import { button, count, element, percent } from "../core/dom.js"
import { isHighlighted } from "../core/highlights.js"
import { inkOn } from "../core/ink.js"
import { ROW } from "../core/layout.js"
import { lettersOf, nameOf, nameOnFace, outcomeOf, shortNames } from "../core/naming.js"
import { costOnSign, largestRemainder } from "../core/printed.js"
import { fontOf, textWidth } from "../core/text_width.js"
import { USUAL, amount } from "../core/words.js"
import { arrive } from "./arrival.js"

/** @typedef {import("../core/layout.js").Layout} Layout */
/** @typedef {import("../core/model.js").AtBudget} AtBudget */
/** @typedef {import("../core/model.js").Exit} Exit */
/** @typedef {import("../core/model.js").Model} Model */
/** @typedef {import("../core/view.js").View} View */
/**
 * name, cost: on the sign;  share, leave, outcome: who leaves;  correct, incorrect: parts of the bar
 * @typedef {{
 *   node: HTMLElement, name: HTMLElement, cost: HTMLElement, share: HTMLElement, leave: HTMLElement, outcome: HTMLElement,
 *   correct: HTMLElement, incorrect: HTMLElement, all: HTMLButtonElement,
 * }} Head
 */
/** @typedef {{width: number, fonts: string[]}} Room  for texts side by side, without the gaps between them;  fonts: of each */

const ROAD_TOP = 24 // px from the top of the road to the tiles that drive on it
const NAMED = 92 // px of a narrow column in which a name says more than a number
const LETTERS = 4 // of an exit's name that stay, however long the name is
const [LINE, LINE_GAP] = [22, 3] // px of a text that is a face, and between two of them: two are as tall as a tile

const ONE_DRAW = "Chance decides at this budget: these are one draw, and the share above is its expectation"

export class Columns {
  /**
   * @param {HTMLElement} place an empty element, which the part fills
   * @param {{pick: (example: number) => void, open: (exit: number) => void, all: (exit: number) => void, touch: (exit: number | undefined) => void}} on
   *   pick: an example;  open: a column that shows all, where there are many;  all: the examples of an exit;
   *   touch: the pointer or the focus is on a sign
   */
  constructor(place, on) {
    this.place = place
    this.on = on
    this.heads = element("div", "offramp-heads")
    this.tiles = element("div", "offramp-cast")
    this.tiles.setAttribute("role", "group")
    this.tiles.setAttribute("aria-label", "Some of the examples, by where they leave")
    place.replaceChildren(this.heads, this.tiles)
    /** @type {Exit[]} */
    this.exits = []
    /** @type {Head[]} */
    this.columns = []
    /** @type {Map<number, HTMLButtonElement>} */
    this.byExample = new Map()
    /** @type {(() => void)[]} */
    this.drops = []
    /** @type {number[]} */
    this.order = [] // tiles that are visible, by column and place
    /** @type {HTMLElement | undefined} */
    this.stop = undefined // the tile that Tab leads to
    this.arrived = false // the cast has, once
    /** @type {Animation[]} */
    this.arrivals = []
    this.#listen()
  }

  /**
   * The signs, which need no model.
   * @param {Exit[]} exits
   * @param {{spent: string, tested: number, chain: boolean, words?: import("../core/words.js").Words}} what
   */
  draw(exits, what) {
    this.exits = exits
    this.words = what.words ?? USUAL
    this.spent = what.spent
    this.tested = what.tested
    this.chain = what.chain
    this.model = this.now = this.view = undefined // of other exits
    this.shortNames = shortNames(exits.map(({ name }) => name))
    this.columns = exits.map((exit, k) => this.#head(exit, k))
    this.heads.replaceChildren(...this.columns.map(({ node }) => node))
  }

  /**
   * @param {Model} model
   * @param {import("../core/pictures.js").Pictures | null} pictures
   * @param {number | null} subset that the cast is of
   */
  drawCast(model, pictures, subset = null) {
    for (const drop of this.drops) drop()
    this.drops = []
    this.model = model
    this.pictures = pictures
    this.subset = subset
    const { routes } = model
    const middle = routes.at(model.steps >> 1, 0)
    const among = Array.from(model.ids, (_, example) => example).filter((example) => model.subsets.has(subset, example))
    const exits = among.map((example) => routes.exit[middle + example])
    const members = cast(among.map((example) => model.ids[example]), exits, model.exits.length).map((place) => among[place])
    const kept = this.byExample
    this.byExample = new Map(members.map((example) => [example, this.#tile(example, pictures)]))
    for (const tile of kept.values()) tile.remove()
    this.tiles.replaceChildren(...this.byExample.values())
    this.tiles.removeAttribute("data-moving")
    this.view = undefined
  }

  /** @param {Layout} layout */
  layOut(layout) {
    this.layout = layout
    const { columns, down, top, tall, scale } = layout
    this.place.style.height = `${tall}px`
    columns.forEach((column, k) => {
      const { node } = this.columns[k]
      node.style.transform = `translate(${column.x.toFixed(1)}px, ${top(k)}px)`
      node.style.width = `${column.width.toFixed(1)}px`
      node.style.height = `${down ? ROW - 8 : tall}px`
      node.classList.toggle("offramp-narrow", column.narrow)
      node.classList.toggle("offramp-tight", column.width < 48 * scale)
      node.classList.toggle("offramp-named", column.narrow && column.width >= NAMED * scale && this.words?.best !== "")
      if (columns.some(({ narrow }) => narrow)) node.querySelector(".offramp-sign")?.setAttribute("aria-expanded", String(!column.narrow))
    })
    this.#measure(layout)
    if (this.now) this.#paintHeads(this.now)
    if (this.view) this.#paintCast(this.view, false)
  }

  /** The middles of the exits, where ramps end: across, or down. @returns {number[]} */
  get places() {
    const { layout } = this
    if (!layout) return []
    return layout.columns.map(({ x, width }, k) => (layout.down ? layout.top(k) + 16 : x + width / 2))
  }

  /** @param {AtBudget} now */
  paint(now) {
    this.now = now
    this.#paintHeads(now)
  }

  /** Mark the exit whose examples are all listed. @param {number | null} exit */
  paintOpen(exit) {
    this.columns.forEach(({ all }, k) => all.setAttribute("aria-expanded", String(k === exit)))
  }

  /** The button that lists the examples of an exit. @param {number} exit */
  focusAll(exit) {
    this.columns[exit]?.all.focus({ preventScroll: true })
  }

  /** @param {View} view */
  paintCast(view) {
    if (this.model && view.subset !== this.subset) this.drawCast(this.model, this.pictures ?? null, view.subset)
    this.#paintCast(view, this.view !== undefined)
  }

  /** @param {number | null} example */
  focus(example) {
    if (example !== null) this.byExample.get(example)?.focus({ preventScroll: true })
  }

  /** Move the focus to the sign of the next or the previous exit. @param {1 | -1} by */
  stepSign(by) {
    const active = document.activeElement instanceof HTMLElement ? document.activeElement : null
    const here = this.columns.findIndex(({ node }) => node.contains(active))
    const from = here >= 0 ? here : this.tiles.contains(active) ? Number(active?.dataset.exit) : by > 0 ? -1 : this.columns.length
    this.columns[from + by]?.node.querySelector("button")?.focus()
  }

  dispose() {
    for (const drop of this.drops) drop()
    this.drops = []
  }

  /** @param {Exit} exit @param {number} k @returns {Head} */
  #head(exit, k) {
    const cost = element("span", "offramp-sign-cost")
    const sign = button("offramp-sign", "", () => this.on.open(k))
    const name = element("b", "offramp-sign-name", exit.name)
    sign.append(element("span", "offramp-sign-number", String(k + 1)), name, cost)
    sign.title = exit.name
    for (const type of ["pointerenter", "focus"]) sign.addEventListener(type, () => this.on.touch(k))
    for (const type of ["pointerleave", "blur"]) sign.addEventListener(type, () => this.on.touch(undefined))
    const [share, outcome] = [element("b", "offramp-leave-share"), element("span", "offramp-leave-outcome")]
    const [correct, incorrect] = [element("i", "offramp-part-correct"), element("i", "offramp-part-incorrect")]
    const leave = element("span", "offramp-leave-text")
    const all = button("offramp-all", "", () => this.on.all(k))
    const node = element("div", "offramp-column", sign, element("div", "offramp-leave", share, leave, outcome), element("div", "offramp-parts", correct, incorrect), all)
    node.setAttribute("role", "group") // no landmark: there may be forty, and two may have the same name
    node.setAttribute("aria-label", exit.name)
    node.style.setProperty("--exit", exit.colour)
    node.style.setProperty("--ink", inkOn(exit.colour))
    return { node, name, cost, share, leave, outcome, correct, incorrect, all }
  }

  #paintHeads(/** @type {AtBudget} */ now) {
    const narrow = this.layout?.columns.some((column) => column.narrow) ?? false
    const digits = narrow ? 0 : 1 // as in the sum, where there is room
    const shares = largestRemainder(now.exits.map(({ share }) => share), digits)
    const numbers = this.model?.numbers(now)
    const oneDraw = this.model?.isOneDraw(now, numbers) ?? false
    const costs = now.exits.map((exit, k) => this.#costTexts(exit.cost, this.exits[k].cost))
    const names = this.#signNames(costs)
    const texts = now.exits.map(({ share }, k) => (share > 0 && shares[k] === 0 ? `<${10 ** -digits}%` : `${shares[k].toFixed(digits)}%`))
    const leaving = this.#leaveTexts(texts, now.exits.map((exit) => (exit.share > 0 ? exit.correct / exit.share : null)))
    now.exits.forEach((exit, k) => {
      const { node, name, cost, share, leave, outcome, correct, incorrect, all } = this.columns[k]
      const number = numbers?.[k] ?? Math.round(exit.share * (this.tested ?? 0))
      if (share.textContent !== texts[k]) share.textContent = texts[k]
      if (name.textContent !== names[k]) name.textContent = names[k]
      cost.textContent = this.#costText(names[k], costs[k])
      cost.title = this.#costHelp(exit.cost, this.exits[k].cost)
      ;[leave.textContent, outcome.textContent] = leaving[k]
      correct.style.transform = `scaleX(${exit.correct.toFixed(4)})`
      incorrect.style.transform = `translateX(${(100 * exit.correct).toFixed(2)}%) scaleX(${exit.incorrect.toFixed(4)})`
      all.textContent = number > 0 ? `All ${count(number)}` : ""
      all.hidden = number === 0
      all.title = oneDraw ? ONE_DRAW : ""
      node.classList.toggle("offramp-empty", exit.share === 0)
    })
  }

  // The room in a column that shows all, and the fonts there.
  #measure(/** @type {Layout} */ { columns }) {
    const open = columns.findIndex(({ narrow }) => !narrow)
    const { name, cost, share, leave, outcome } = this.columns[open]
    /** @type {(texts: HTMLElement[]) => Room} */
    const roomOf = (texts) => {
      const { columnGap, paddingLeft, paddingRight } = getComputedStyle(/** @type {Element} */ (texts[0].parentElement))
      const taken = parseFloat(paddingLeft) + parseFloat(paddingRight) + (texts.length - 1) * parseFloat(columnGap)
      return { width: columns[open].width - taken - 1, fonts: texts.map(fontOf) }
    }
    this.onSign = roomOf([name, cost])
    this.below = roomOf([share, leave, outcome])
  }

  // What an exit costs, the longest text first. In a family, what is spent on the way depends on which other networks ran.
  #costTexts(/** @type {number | null} */ here, /** @type {number} */ alone) {
    const own = costOnSign(alone)
    if (this.chain) return [`at ${own} of the ${this.spent}`, `at ${own}`]
    if (here === null) return [`${own} alone`, own]
    const spent = costOnSign(here)
    if (spent === own) return [`${own} of the ${this.spent}`, own]
    return [`${own} alone, ${spent} on this road`, `${own}, here ${spent}`]
  }

  // What the two costs on a sign are, where they differ.
  #costHelp(/** @type {number | null} */ here, /** @type {number} */ alone) {
    const [own, spent] = [costOnSign(alone), costOnSign(here ?? alone)]
    const { many, reference, stage } = this.words ?? USUAL
    if (this.chain || own === spent) return ""
    const beyond = (here ?? 0) > (this.layout?.end ?? Infinity) ? " That is beyond the axis, so the ramp stands at its end." : ""
    return `If it alone ran on all ${many}: ${own} of the ${reference}’s mean ${this.spent}. Those who leave here spend ${spent} on average, with every ${stage} that ran before.${beyond}`
  }

  // Short names on all signs unless every whole name has room beside its shortest cost.
  #signNames(/** @type {string[][]} */ costs) {
    const { onSign, exits, layout } = this
    const whole = exits.map(({ name }) => name)
    const hasRoom = !onSign || whole.every((name, k) => layout?.columns[k].narrow || fits([name, costs[k][costs[k].length - 1]], onSign))
    const isShort = !hasRoom || layout?.columns.some(({ narrow }) => narrow)
    return isShort ? (this.shortNames ?? whole) : whole
  }

  // Beside the whole name of the exit if there is room, else beside the beginning of the name.
  #costText(/** @type {string} */ name, /** @type {string[]} */ texts) {
    const { onSign } = this
    if (!onSign) return texts[0]
    const whole = texts.find((text) => fits([name, text], onSign))
    const [short] = texts.slice(-1)
    return whole ?? (fits([`${name.slice(0, LETTERS)}…`, short], onSign) ? short : "")
  }

  // Beside the share of those who leave: that they do, and the share of them that is correct, as far as there is room in every column.
  #leaveTexts(/** @type {string[]} */ shares, /** @type {(number | null)[]} */ corrects) {
    const { below } = this
    const { words = USUAL } = this
    const ways = corrects.map((correct) => {
      const result = (/** @type {number} */ digits) => (correct === null ? "" : words.graded ? `${words.measure} ${amount(words, correct, digits)}` : `${percent(correct, digits)} correct`)
      return [["leave here", result(1)], ["leave", result(1)], ["", result(1)], ["", result(0)], ["", ""]]
    })
    const way = ways[0].findIndex((_, number) => !below || ways.every((each, k) => fits([shares[k], ...each[number]], below)))
    return ways.map((each) => each[way === -1 ? each.length - 1 : way])
  }

  #paintCast(/** @type {View} */ view, /** @type {boolean} */ moving) {
    const { model, layout } = this
    this.view = view
    if (!model || !layout) return
    this.tiles.toggleAttribute("data-moving", moving)
    const { columns, down, top, tile: most, gap, rows, head, scale } = layout
    const { routes } = model
    const filled = columns.map(() => 0)
    /** @type {[number, number][]} */
    const places = []
    /** @type {import("./arrival.js").Driver[]} */
    const drivers = []
    const written = this.#asTexts()
    const rooms = columns.map(({ width, narrow }) => {
      if (written && !narrow) {
        const [tall, between] = down ? [most, gap] : [LINE * scale, LINE_GAP * scale]
        return { across: 1, size: most, slots: down ? rows : 2 * rows, width, tall, step: tall + between }
      }
      const across = narrow ? 1 : down ? Math.min(layout.perRow(width), 5) : layout.perRow(width)
      const size = narrow ? Math.min(most, width) : Math.min((width - gap * (across - 1)) / across, most + 4 * scale)
      return { across, size, slots: across * (narrow ? 1 : rows), width: 0, tall: 0, step: size + gap }
    })
    for (const [example, node] of this.byExample) {
      const at = routes.at(view.step, example)
      const exit = routes.exit[at]
      const { across, size, slots, width, tall, step } = rooms[exit]
      const slot = filled[exit]++
      const shown = Math.min(slot, slots - 1)
      const x = columns[exit].x + (shown % across) * (size + gap)
      const y = top(exit) + head + Math.floor(shown / across) * step
      const transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px) scale(${(size / most).toFixed(4)})`
      if (node.style.transform !== transform) node.style.transform = transform
      if (written) asText(node, width, tall)
      const over = slot >= slots
      if (over !== node.hasAttribute("data-over")) node.toggleAttribute("data-over", over)
      const state = `${exit} ${routes.answer?.[at] ?? routes.quality[at]}`
      if (node.dataset.state !== state) {
        node.dataset.state = state
        node.dataset.exit = String(exit)
        markQuality(node, model, routes.quality[at])
        node.setAttribute("aria-label", `${nameOnFace(model, example)}, leaves at ${model.exits[exit].name}, ${outcomeOf(model, view.step, example)}`)
      }
      const aside = !isHighlighted(model, view.show, view.step, example)
      node.classList.toggle("offramp-aside", aside)
      const picked = String(example === view.picked)
      if (node.getAttribute("aria-pressed") !== picked) node.setAttribute("aria-pressed", picked)
      if (!over) places.push([exit * 1000 + slot, example])
      if (!over && !this.arrived) drivers.push({ node, place: { x, y }, scale: size / most, ramp: { x: layout.toPixels(this.#costOn(exit)), y: 0 } })
    }
    this.order = places.sort((a, b) => a[0] - b[0]).map(([, example]) => example)
    this.#giveTabStop()
    for (const animation of this.arrivals) animation.finish() // moving the budget does not wait for them
    this.arrivals = this.arrived || down || written ? [] : arrive(drivers, { x: -16, y: (ROAD_TOP - layout.road) * layout.scale })
    this.arrived = true
  }

  // Whether examples are lines of text: they are in bundles that hold texts and no images.
  #asTexts() {
    return Boolean(this.model?.texts) && !this.pictures
  }

  // Mean cost of those who leave at an exit, where its ramp is; the end of the axis if that is beyond it.
  #costOn(/** @type {number} */ exit) {
    return Math.min(this.now?.exits[exit].cost ?? this.exits[exit].cost, this.layout?.end ?? Infinity)
  }

  // One tile can be reached with Tab, and the others from it with the arrow keys.
  #giveTabStop() {
    const { order, view } = this
    const active = [...this.byExample.values()].find((tile) => tile === document.activeElement)
    /** @type {HTMLElement | undefined} */
    const stop = active ?? this.byExample.get(view?.picked ?? -1) ?? this.byExample.get(order[0])
    if (this.stop === stop) return
    if (this.stop) this.stop.tabIndex = -1
    this.stop = stop
    if (this.stop) this.stop.tabIndex = 0
  }

  #listen() {
    this.tiles.addEventListener("keydown", (event) => {
      const step = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 })[event.key]
      if (!step || !(event.target instanceof HTMLElement)) return
      const next = this.order[this.order.indexOf(Number(event.target.dataset.example)) + step]
      if (next === undefined) return
      event.preventDefault()
      this.focus(next)
      this.#giveTabStop()
    })
  }

  /**
   * @param {number} example
   * @param {import("../core/pictures.js").Pictures | null} pictures
   */
  #tile(example, pictures) {
    const model = /** @type {Model} */ (this.model)
    const tile = button("offramp-face", "", () => this.on.pick(example))
    tile.tabIndex = -1
    tile.dataset.id = model.ids[example]
    tile.dataset.example = String(example)
    tile.title = nameOnFace(model, example)
    tile.append(plate(model, example))
    if (model.texts && !pictures) tile.append(element("span", "offramp-face-text", model.texts[example] || model.ids[example]))
    if (pictures) {
      const drop = pictures.request(example, (address) => {
        if (!address) return
        const image = element("img")
        image.alt = ""
        image.src = address
        tile.replaceChildren(image)
      })
      this.drops.push(drop)
    }
    return tile
  }
}

/** Whether texts fit side by side. @param {string[]} texts @param {Room} room */
function fits(texts, { width, fonts }) {
  return texts.reduce((sum, text, i) => sum + textWidth(text.replace(/\d/g, "0"), fonts[i]), 0) <= width
}

/**
 * A face that is a line of text, as wide as its column; in a column that is too narrow for it, the letters.
 * @param {HTMLElement} node @param {number} width  px, 0 where the column is too narrow @param {number} tall
 */
function asText(node, width, tall) {
  node.classList.toggle("offramp-face-line", width > 0)
  node.style.width = width > 0 ? `${width.toFixed(1)}px` : ""
  node.style.height = width > 0 ? `${tall.toFixed(1)}px` : ""
}

/**
 * Mark how good the result of an example is: as correct or incorrect, or by a short bar where it is graded.
 * @param {HTMLElement} node @param {import("../core/model.js").Model} model @param {number} quality
 */
export function markQuality(node, { routes, words }, quality) {
  if (routes.graded) {
    node.dataset.quality = amount(words, quality, 0)
    node.style.setProperty("--quality", quality.toFixed(3))
  } else node.dataset.correct = String(quality === 1)
}

/**
 * The face of an example without an image: the first letters of its class, on a tint of its own, or the end of its id. They are drawn as an image would
 * be, by the style sheet, so that the class is what is read out and what can be spoken to press it.
 * @param {Model} model
 * @param {number} example
 */
export function plate(model, example) {
  const node = element("span", model.label ? "offramp-plate" : "offramp-plate offramp-plate-of-id")
  node.style.setProperty("--letters", JSON.stringify(lettersOf(model, example)))
  node.setAttribute("role", "img")
  node.setAttribute("aria-label", nameOf(model, example))
  if (model.label) node.style.setProperty("--hue", String((model.label[example] * 137.5) % 360 | 0))
  return node
}
