// All examples that leave at one exit: a grid of which only the visible rows are in the page, to sort, to select from and to copy ids of.
// Its heading follows every move of the budget; its tiles follow once the budget rests.

import { button, count, element, percent } from "../core/dom.js"
import { isHighlighted } from "../core/highlights.js"
import { sorted, sortsOf } from "../core/sorting.js"
import { placeOf, scrolledTo, stepTo, tall, visible } from "../core/virtual.js"
import { inkOn } from "../core/ink.js"
import { nameOf, nameOnFace, outcomeOf } from "../core/naming.js"
import { capital } from "../core/words.js"
import { markQuality, plate } from "./columns.js"

/** @typedef {import("../core/model.js").AtBudget} AtBudget */
/** @typedef {import("../core/model.js").Model} Model */
/** @typedef {import("../core/pictures.js").Pictures} Pictures */
/** @typedef {import("../core/view.js").View} View */
/** @typedef {{node: HTMLElement, mark: HTMLElement, drop: (() => void) | undefined}} Tile  drop: to be called when it needs no image any more */

const [SIDE, GAP, PADDING] = [56, 6, 6] // px of a tile, between tiles, and around all of them, for their outlines
const [LINE, COLUMN] = [32, 460] // px of a tile that is a line of text, and the least width of it where several fit side by side
/** @type {(keyof View)[]} what the list depends on, besides the budget */
const LISTED = ["subset", "show", "open", "sort"]
const REST = 150 // ms without a move of the budget before the tiles follow

export class Grid {
  /**
   * @param {HTMLElement} place
   * @param {{pick: (example: number) => void, change: (change: Partial<View>) => void, close: () => void}} on
   */
  constructor(place, on) {
    this.place = place
    this.on = on
    place.classList.add("offramp-gallery")
    place.setAttribute("role", "region")
    this.chip = element("span", "offramp-chip")
    this.title = element("span")
    this.sorts = element("select", "offramp-sort")
    this.sorts.onchange = () => on.change({ sort: this.sorts.value })
    const close = button("offramp-close-grid", "Close", on.close)
    this.selectedText = element("span")
    this.selectedText.setAttribute("aria-live", "polite")
    this.copy = button("", "Copy ids", () => void this.#copy())
    this.bar = element("div", "offramp-selected", this.selectedText, this.copy, button("", "Clear", () => this.#clear()))
    this.keys = element("span", "offramp-grid-keys", "Ctrl-click or Space selects, Shift-click selects up to there.")
    this.text = element("textarea", "offramp-ids")
    this.text.readOnly = true
    this.list = element("div", "offramp-images")
    this.list.setAttribute("role", "listbox")
    this.list.setAttribute("aria-multiselectable", "true")
    this.scroller = element("div", "offramp-grid-scroll", this.list)
    this.scroller.tabIndex = -1
    const sort = element("label", "", element("span", "offramp-filter-label", "Sort"), this.sorts)
    const heading = element("h2", "offramp-grid-title", this.chip, this.title)
    place.replaceChildren(element("div", "offramp-grid-head", heading, sort, this.keys, this.bar, close), this.text, this.scroller)
    place.hidden = true
    /** @type {Model | null} */
    this.model = null
    /** @type {Pictures | null} */
    this.pictures = null
    /** @type {View | null} */
    this.view = null
    /** @type {number[]} */
    this.order = [] // examples
    this.step = -1 // of the budget that the order is for
    /** @type {Map<number, Tile>} */
    this.tiles = new Map() // by example
    /** @type {Set<number>} */
    this.selected = new Set()
    this.active = 0 // the place that Tab leads to
    this.anchor = 0 // the place that Shift selects from
    this.written = false // whether tiles are lines of text
    /** @type {import("../core/virtual.js").Room} */
    this.room = { width: 0, height: 0, side: SIDE, gap: GAP, items: 0 }
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
    /** @type {number | undefined} */
    this.frame = undefined
    this.resized = new ResizeObserver(() => this.#measure())
    this.resized.observe(this.scroller)
    this.#listen()
  }

  /**
   * @param {Model} model
   * @param {Pictures | null} pictures null if there are no images
   */
  draw(model, pictures) {
    clearTimeout(this.timer)
    this.#empty()
    this.model = model
    this.pictures = pictures
    this.view = null
    this.selected.clear()
    this.text.setAttribute("aria-label", `Ids of the selected ${model.words.many}`)
    this.written = model.texts !== null && !pictures
    this.list.classList.toggle("offramp-lines", this.written)
    this.room.side = this.written ? LINE : SIDE
    this.sorts.replaceChildren(
      ...sortsOf(model).map(({ name, title, help }) => {
        const option = new Option(title, name)
        option.title = help
        return option
      }),
    )
    this.#paintBar()
  }

  /**
   * @param {View} view
   * @param {AtBudget} now
   */
  paint(view, now) {
    const { model, view: before } = this
    if (!model) return
    this.view = view
    const exit = view.open
    this.place.hidden = exit === null
    if (exit === null) {
      clearTimeout(this.timer)
      this.#empty()
      return
    }
    this.#paintTitle(model, exit, now)
    this.sorts.value = view.sort
    const others = before === null || LISTED.some((name) => before[name] !== view[name])
    clearTimeout(this.timer)
    if (others) this.#sort(before === null || before.open !== exit || before.sort !== view.sort)
    else {
      if (this.step !== view.step) this.timer = setTimeout(() => this.#sort(false), REST)
      if (before.picked !== view.picked) this.#paintTiles()
    }
  }

  /** Put the focus into the grid and the grid on the screen. */
  focus() {
    this.place.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" })
    const tile = this.tiles.get(this.order[this.active])
    ;(tile?.node ?? this.sorts).focus({ preventScroll: true })
  }

  dispose() {
    clearTimeout(this.timer)
    if (this.frame) cancelAnimationFrame(this.frame)
    this.resized.disconnect()
    this.#empty()
    this.model = this.view = null
  }

  #paintTitle(/** @type {Model} */ model, /** @type {number} */ exit, /** @type {AtBudget} */ now) {
    const { name, colour } = model.exits[exit]
    const number = model.numbers(now)[exit]
    const noun = number === 1 ? model.words.one : model.words.many
    const sample = model.examples < model.tested ? `, ${count(this.#members(model, now.step).length)} of them in ${model.holder}` : ""
    this.place.style.setProperty("--exit", colour)
    this.place.style.setProperty("--ink", inkOn(colour))
    this.place.setAttribute("aria-label", `${capital(model.words.many)} that leave at ${name}`)
    this.chip.textContent = String(exit + 1)
    this.title.textContent = `${name}: ${count(number)} ${noun}${now.of ? ` of ${now.of.name}` : ""}${sample}`
  }

  // again: from the top; else the place that was scrolled to stays
  #sort(/** @type {boolean} */ again) {
    const { model, view } = this
    if (!model || !view || view.open === null) return
    const examples = this.#members(model, view.step)
    const focused = this.#focusedExample()
    this.order = sorted(model, examples, view.step, view.sort, (example) => isHighlighted(model, view.show, view.step, example))
    this.step = view.step
    this.room.items = this.order.length
    const place = focused === null ? -1 : this.order.indexOf(focused)
    this.active = place >= 0 ? place : again ? 0 : Math.min(this.active, Math.max(0, this.order.length - 1))
    this.anchor = this.active
    this.list.setAttribute("aria-label", `${count(this.order.length)} ${model.words.many}`)
    this.#measure()
    if (again) this.scroller.scrollTop = 0
    this.#paintTiles()
    if (focused !== null && place < 0) this.tiles.get(this.order[this.active])?.node.focus({ preventScroll: true }) // it has left for another exit
    this.#paintBar()
  }

  /** The examples of the subset that leave at the exit. @returns {number[]} */
  #members(/** @type {Model} */ { routes, subsets, examples }, /** @type {number} */ step) {
    const [open, subset] = [this.view?.open, this.view?.subset ?? null]
    const members = []
    for (let i = 0, at = routes.at(step, 0); i < examples; i++, at++) if (routes.exit[at] === open && subsets.has(subset, i)) members.push(i)
    return members
  }

  #focusedExample() {
    for (const [example, { node }] of this.tiles) if (node === document.activeElement) return example
    return null
  }

  #measure() {
    if (this.place.hidden) return
    const width = this.list.clientWidth
    const beside = Math.max(1, Math.floor((width + GAP) / (COLUMN + GAP)))
    this.room = { ...this.room, width, wide: this.written ? (width - GAP * (beside - 1)) / beside : undefined }
    this.list.style.height = `${tall(this.room)}px`
    this.room.height = this.scroller.clientHeight - 2 * PADDING
    this.#paintSoon()
  }

  #paintSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined
      this.#paintTiles()
    })
  }

  #paintTiles() {
    const { model, view, room, order } = this
    if (!model || !view || view.open === null) return
    const [from, to] = visible(room, this.scroller.scrollTop)
    const places = Array.from({ length: to - from }, (_, i) => from + i)
    if (order.length > 0 && (this.active < from || this.active >= to)) places.push(this.active) // the one with the focus stays in the page
    const kept = new Set(places.map((place) => order[place]))
    for (const [example, { node, drop }] of this.tiles) {
      if (kept.has(example)) continue
      node.remove()
      drop?.()
      this.tiles.delete(example)
    }
    for (const place of places) this.#paintTile(model, view, order[place], place)
    this.pictures?.retry() // older tiles may still lack their images
  }

  #paintTile(/** @type {Model} */ model, /** @type {View} */ view, /** @type {number} */ example, /** @type {number} */ place) {
    const { routes } = model
    const at = routes.at(view.step, example)
    const { node, mark } = this.tiles.get(example) ?? this.#newTile(model, example)
    const { x, y } = placeOf(this.room, place)
    node.style.transform = `translate(${x}px, ${y}px)`
    if (this.room.wide !== undefined) node.style.width = `${this.room.wide.toFixed(1)}px`
    markQuality(node, model, routes.quality[at])
    node.dataset.exit = String(routes.exit[at])
    node.dataset.place = String(place)
    node.tabIndex = place === this.active ? 0 : -1
    node.setAttribute("aria-posinset", String(place + 1))
    node.setAttribute("aria-setsize", String(this.order.length))
    node.setAttribute("aria-selected", String(this.selected.has(example)))
    node.toggleAttribute("data-picked", example === view.picked)
    node.classList.toggle("offramp-aside", !isHighlighted(model, view.show, view.step, example))
    node.setAttribute("aria-label", `${nameOnFace(model, example)}, ${outcomeOf(model, view.step, example)}${example === view.picked ? ", its trace is shown" : ""}`)
    mark.textContent = routes.graded || routes.quality[at] === 1 ? "" : "×"
  }

  /** @returns {Tile} */
  #newTile(/** @type {Model} */ model, /** @type {number} */ example) {
    const node = element("div", "offramp-tile")
    node.setAttribute("role", "option")
    node.dataset.id = model.ids[example]
    node.dataset.example = String(example)
    // Its full title is computed when the pointer is over it.
    node.onpointerover = () => (node.title = this.#titleOf(model, example))
    if (this.written) node.title = model.texts?.[example] ?? "" // until then: it may be shortened
    const face = this.written ? element("span", "offramp-tile-text", model.texts?.[example] || model.ids[example]) : plate(model, example)
    const mark = element("span", "offramp-mark")
    node.append(face, mark)
    this.list.append(node)
    const show = (/** @type {string | null} */ address) => {
      if (!address) return
      const image = element("img")
      image.alt = ""
      image.src = address
      image.draggable = false
      face.replaceWith(image)
    }
    const tile = { node, mark, drop: /** @type {(() => void) | undefined} */ (undefined) }
    this.tiles.set(example, tile)
    tile.drop = this.pictures?.request(example, show)
    return tile
  }

  #titleOf(/** @type {Model} */ model, /** @type {number} */ example) {
    const { view } = this
    if (!view) return ""
    const at = model.routes.at(view.step, example)
    const next = model.routes.nextChange(view.step, example)
    const confidence = model.confidenceAt(example, model.routes.exit[at])
    const facts = [
      model.label || model.texts ? `${nameOf(model, example)}, ${model.words.one} ${model.ids[example]}` : nameOf(model, example),
      outcomeOf(model, view.step, example),
      ...(Number.isNaN(confidence) ? [] : [`${model.routes.answer ? "top probability" : "confidence"} ${confidence.toFixed(2)}`]),
      ...(next === null ? [] : [`changes ${model.words.stage} at a budget of ${percent(model.budget[next])}`]),
    ]
    return facts.join("; ")
  }

  #empty() {
    for (const { node, drop } of this.tiles.values()) {
      node.remove()
      drop?.()
    }
    this.tiles.clear()
    this.order = []
  }

  #listen() {
    this.scroller.addEventListener("scroll", () => this.#paintSoon(), { passive: true })
    this.list.addEventListener("click", (event) => {
      const place = placeOfTile(event.target)
      if (place === null) return
      this.#activate(place)
      if (event.shiftKey) this.#selectTo(place)
      else if (event.ctrlKey || event.metaKey) this.#toggle(place)
      else {
        this.anchor = place
        this.on.pick(this.order[place])
      }
    })
    this.list.addEventListener("keydown", (event) => {
      const place = placeOfTile(event.target)
      if (place === null) return
      if (event.key === "Enter") this.on.pick(this.order[place])
      else if (event.key === " ") {
        if (event.shiftKey) this.#selectTo(place)
        else this.#toggle(place)
      } else {
        const next = stepTo(this.room, place, event.key)
        if (next === null) return
        this.#activate(next)
        if (event.shiftKey) this.#selectTo(next)
      }
      event.preventDefault()
    })
    this.place.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.view || this.view.picked !== null) return // else it closes the trace
      event.stopPropagation()
      this.on.close()
    })
  }

  // Move the focus to a place, which may have to be scrolled to.
  #activate(/** @type {number} */ place) {
    this.active = place
    this.scroller.scrollTop = scrolledTo(this.room, this.scroller.scrollTop, place)
    this.#paintTiles()
    this.tiles.get(this.order[place])?.node.focus({ preventScroll: true })
  }

  #toggle(/** @type {number} */ place) {
    const example = this.order[place]
    if (!this.selected.delete(example)) this.selected.add(example)
    this.anchor = place
    this.#paintBar()
    this.#paintTiles()
  }

  #selectTo(/** @type {number} */ place) {
    const [low, high] = [Math.min(this.anchor, place), Math.max(this.anchor, place)]
    for (const example of this.order.slice(low, high + 1)) this.selected.add(example)
    this.#paintBar()
    this.#paintTiles()
  }

  #clear() {
    this.selected.clear()
    this.#paintBar()
    this.#paintTiles()
    this.tiles.get(this.order[this.active])?.node.focus({ preventScroll: true })
  }

  #paintBar() {
    const here = new Set(this.order)
    const elsewhere = [...this.selected].filter((example) => !here.has(example)).length
    this.selectedText.textContent = `${count(this.selected.size)} selected${elsewhere > 0 ? `, ${count(elsewhere)} of them not in this list` : ""}:`
    this.bar.hidden = this.selected.size === 0
    this.keys.hidden = !this.bar.hidden
    this.text.hidden = true
    this.copy.textContent = "Copy ids"
  }

  // To the clipboard, or as selected text where pages may not write there.
  async #copy() {
    const { model } = this
    if (!model) return
    const ids = [...this.selected].map((example) => model.ids[example])
    try {
      await navigator.clipboard.writeText(ids.join("\n"))
      this.copy.textContent = "Copied"
    } catch {
      this.text.hidden = false
      this.text.value = ids.join("\n")
      this.text.focus()
      this.text.select()
    }
  }
}

/** The place of the tile that an event is on. @param {EventTarget | null} target @returns {number | null} */
function placeOfTile(target) {
  const tile = target instanceof Element ? target.closest(".offramp-tile") : null
  return tile instanceof HTMLElement ? Number(tile.dataset.place) : null
}
