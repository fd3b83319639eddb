// The images that leave at each exit; those closest to a change of exit come first.

import { button, count, element, percent } from "../core/dom.js"

const ROWS = 2 // of images for each exit, until "More" is pressed

/** @typedef {import("../core/model.js").Model} Model */
/** @typedef {import("../core/pictures.js").Pictures} Pictures */
/** @typedef {import("../core/view.js").View} View */
/** @typedef {{row: HTMLElement, images: HTMLElement, more: HTMLButtonElement, counted: HTMLElement, shown: number}} Strip  of an exit; shown: how often as many rows as at first */
/** @typedef {{node: HTMLButtonElement, mark: HTMLElement, drop: (() => void) | undefined}} Tile  drop: to be called when it needs no image any more */

export class Gallery {
  /**
   * @param {HTMLElement} place
   * @param {(example: number) => void} onPick
   */
  constructor(place, onPick) {
    this.place = place
    this.place.classList.add("offramp-gallery")
    this.onPick = onPick
    this.columns = 1
    /** @type {Model | null} */
    this.model = null
    /** @type {Pictures | null} */
    this.pictures = null
    /** @type {View | null} */
    this.view = null
    /** @type {Strip[]} */
    this.strips = []
    /** @type {Map<number, Tile>} */
    this.tiles = new Map() // by example, at whichever exit it is now
    // Measured when the size changes and not on every paint, because measuring forces a layout.
    this.resized = new ResizeObserver(() => {
      const before = this.columns
      this.#measure()
      if (this.columns !== before && this.view) this.paint(this.view)
    })
    this.resized.observe(place)
  }

  /**
   * @param {Model} model
   * @param {Pictures | null} pictures null if there are no images
   */
  draw(model, pictures) {
    for (const { drop } of this.tiles.values()) drop?.()
    this.model = model
    this.pictures = pictures
    this.view = null
    this.tiles = new Map()
    this.strips = model.exits.map((exit, k) => {
      const row = element("section", "offramp-strip")
      row.style.setProperty("--exit", exit.colour)
      const counted = element("small")
      const title = element("h3", "", element("span", "offramp-chip", String(k + 1)), exit.name, counted)
      const more = button("offramp-more", "More", () => {
        strip.shown *= 2
        if (this.view) this.paint(this.view)
      })
      const images = element("div", "offramp-images")
      row.append(title, images, more)
      const strip = { row, images, more, counted, shown: 1 }
      return strip
    })
    this.place.replaceChildren(...this.strips.map((strip) => strip.row))
    this.#measure()
  }

  /** @param {View} view */
  paint(view) {
    const { model } = this
    if (!model) return
    this.view = view
    const byExit = this.#select(model, view)
    /** @type {Set<number>} */
    const visible = new Set()
    byExit.forEach(({ examples, total }, k) => {
      const { images, more, counted } = this.strips[k]
      const noun = total === 1 ? "image" : "images"
      counted.textContent = total === 0 ? "No images" : `${count(total)} ${noun}${model.examples < model.tested ? " of the sample" : ""}`
      more.hidden = total <= examples.length
      const tiles = examples.map((example) => this.#tile(model, view, example))
      tiles.forEach((tile, i) => {
        // A tile that keeps its place is not touched.
        if (images.children[i] !== tile) images.insertBefore(tile, images.children[i] ?? null)
      })
      for (const example of examples) visible.add(example)
    })
    for (const [example, { node, drop }] of this.tiles) {
      if (visible.has(example)) continue
      node.remove()
      this.tiles.delete(example)
      drop?.()
    }
    for (const [example, { node }] of this.tiles) node.setAttribute("aria-pressed", String(example === view.picked))
    this.pictures?.retry() // older tiles may still lack their images
  }

  /** @param {number | null} example */
  focus(example) {
    if (example !== null) this.tiles.get(example)?.node.focus({ preventScroll: true })
  }

  dispose() {
    this.resized.disconnect()
    for (const { drop } of this.tiles.values()) drop?.()
  }

  // How many images fit side by side, so that rows are full.
  #measure() {
    this.columns = this.strips.length ? getComputedStyle(this.strips[0].images).gridTemplateColumns.split(" ").length : 1
  }

  // For each exit the examples to show, and how many leave there.
  #select(/** @type {Model} */ { routes, exits, label }, /** @type {View} */ view) {
    const keys = exits.map(() => /** @type {number[]} */ ([])) // of an order by steps to the next change, then by example
    const correct = view.show === "correct" ? 1 : 0
    for (let i = 0, at = view.step * routes.examples; i < routes.examples; i++, at++) {
      if (view.class !== null && label[i] !== view.class) continue
      if (view.show !== "all" && routes.is_correct[at] !== correct) continue
      keys[routes.exit[at]].push(routes.stepsAway[at] * routes.examples + i)
    }
    return keys.map((ofExit, k) => {
      const nearest = Float64Array.from(ofExit).sort().subarray(0, ROWS * this.columns * this.strips[k].shown)
      return { examples: Array.from(nearest, (key) => key % routes.examples), total: ofExit.length }
    })
  }

  #tile(/** @type {Model} */ model, /** @type {View} */ view, /** @type {number} */ example) {
    const { routes } = model
    const at = routes.at(view.step, example)
    const tile = this.tiles.get(example) ?? this.#newTile(model, example)
    this.tiles.set(example, tile)
    const { node, mark } = tile
    const correct = routes.is_correct[at] === 1
    if (node.dataset.correct !== String(correct) || node.dataset.exit !== String(routes.exit[at])) {
      node.dataset.correct = String(correct)
      node.dataset.exit = String(routes.exit[at])
      const predicted = model.classes[routes.answer[at]]
      const name = model.classes[model.label[example]]
      node.setAttribute("aria-label", `${name}, leaves at ${model.exits[routes.exit[at]].name}, ${correct ? "correct" : `predicted as ${predicted}`}`)
      mark.textContent = correct ? "" : "✗"
    }
    return node
  }

  /** @returns {Tile} */
  #newTile(/** @type {Model} */ model, /** @type {number} */ example) {
    const node = button("offramp-tile", "", () => this.onPick(example))
    node.dataset.id = model.ids[example]
    // Its full title is computed when the pointer is over it.
    node.onpointerover = () => {
      const next = this.view && model.routes.nextChange(this.view.step, example)
      node.title = `${node.getAttribute("aria-label")}${next === null ? "" : `; changes exit at a budget of ${percent(model.budget[next])}`}`
    }
    const name = element("em", "", model.classes[model.label[example]])
    const mark = element("span", "offramp-mark")
    node.append(name, mark)
    const show = (/** @type {string | null} */ address) => {
      if (!address) return
      const image = element("img")
      image.alt = ""
      image.src = address
      name.replaceWith(image)
    }
    return { node, mark, drop: this.pictures?.request(example, show) }
  }
}
