// The images that leave at each exit; those closest to a change of exit come first.

import { count, element, percent } from "../core/dom.js"

const ROWS = 2 // of images for each exit, until "More" is pressed

export class Gallery {
  constructor(place, onPick) {
    this.place = place
    this.onPick = onPick
    this.filter = { class: null, show: "all" }
    // Measured when the size changes and not on every paint, because measuring forces a layout.
    new ResizeObserver(() => {
      const before = this.columns
      this.#measure()
      if (this.columns !== before && this.step !== undefined) this.paint(this.step)
    }).observe(place)
    // A tile's full title is computed when the pointer is over it.
    place.addEventListener("pointerover", (event) => {
      const tile = event.target.closest(".offramp-tile")
      if (tile) tile.title = this.#title(tile)
    })
  }

  draw(data, routes, pictures) {
    for (const drop of this.requests?.values() ?? []) drop()
    Object.assign(this, { data, routes, pictures })
    this.more = data.exits.map(() => 1)
    this.tiles = new Map() // example -> element, at whichever exit it is now
    this.requests = new Map() // example -> what to call when its tile is gone and needs no image
    this.exits = data.exits.map((exit, k) => {
      const row = element("section", "offramp-strip")
      row.style.setProperty("--exit", exit.colour)
      const title = element("h3", "", element("span", "offramp-chip", String(k + 1)), exit.name, element("small"))
      const more = element("button", "offramp-more", "More")
      more.type = "button"
      more.onclick = () => {
        this.more[k] *= 2
        this.paint(this.step)
      }
      const images = element("div", "offramp-images")
      row.append(title, images, more)
      return { row, images, more, counted: title.lastElementChild }
    })
    this.place.replaceChildren(...this.exits.map((exit) => exit.row))
    this.#measure()
  }

  paint(step) {
    this.step = step
    const byExit = this.#select(step, ROWS * this.columns)
    const visible = new Set()
    byExit.forEach(({ examples, total }, k) => {
      const { images, more, counted } = this.exits[k]
      counted.textContent = total === 0 ? "No images" : total === 1 ? "1 image" : `${count(total)} images`
      more.hidden = total <= examples.length
      const tiles = examples.map((example) => this.#tile(example, step))
      tiles.forEach((tile, i) => {
        // A tile that keeps its place is not touched.
        if (images.children[i] !== tile) images.insertBefore(tile, images.children[i] ?? null)
      })
      for (const example of examples) visible.add(example)
    })
    for (const [example, tile] of this.tiles) {
      if (visible.has(example)) continue
      tile.remove()
      this.tiles.delete(example)
      this.requests.get(example)?.()
      this.requests.delete(example)
    }
    this.pictures?.retry() // older tiles may still lack their images
  }

  mark(example) {
    for (const [other, tile] of this.tiles) tile.setAttribute("aria-pressed", String(other === example))
    this.picked = example
  }

  // How many images fit side by side, so that rows are full.
  #measure() {
    this.columns = this.exits ? getComputedStyle(this.exits[0].images).gridTemplateColumns.split(" ").length : 1
  }

  // For each exit the examples to show, and how many leave there.
  #select(step, limit) {
    const { routes, filter, data } = this
    const keys = data.exits.map(() => []) // sorted by steps to the next change, then by example
    const correct = filter.show === "correct" ? 1 : 0
    for (let i = 0, at = step * routes.examples; i < routes.examples; i++, at++) {
      if (filter.class !== null && data.label[i] !== filter.class) continue
      if (filter.show !== "all" && routes.is_correct[at] !== correct) continue
      keys[routes.exit[at]].push(routes.stepsAway[at] * routes.examples + i)
    }
    return keys.map((ofExit, k) => {
      const nearest = Float64Array.from(ofExit).sort().subarray(0, limit * this.more[k])
      return { examples: Array.from(nearest, (key) => key % routes.examples), total: ofExit.length }
    })
  }

  #tile(example, step) {
    const { data, routes } = this
    const at = routes.at(step, example)
    let tile = this.tiles.get(example)
    if (!tile) {
      tile = this.#newTile(example)
      this.tiles.set(example, tile)
    }
    const correct = routes.is_correct[at] === 1
    if (tile.dataset.correct !== String(correct) || tile.dataset.exit !== String(routes.exit[at])) {
      tile.dataset.correct = String(correct)
      tile.dataset.exit = String(routes.exit[at])
      const predicted = data.classes[routes.answer[at]]
      const name = data.classes[data.label[example]]
      tile.setAttribute("aria-label", `${name}, leaves at ${data.exits[routes.exit[at]].name}, ${correct ? "correct" : `predicted as ${predicted}`}`)
      tile.lastElementChild.textContent = correct ? "" : "✗"
    }
    return tile
  }

  #title(tile) {
    const { data, routes, step } = this
    const next = routes.nextChange(step, Number(tile.dataset.example))
    return `${tile.getAttribute("aria-label")}${next === null ? "" : `; changes exit at a budget of ${percent(data.budget[next])}`}`
  }

  #newTile(example) {
    const { data, pictures } = this
    const tile = element("button", "offramp-tile")
    tile.type = "button"
    tile.dataset.id = data.ids[example]
    tile.dataset.example = String(example)
    tile.setAttribute("aria-pressed", String(example === this.picked))
    tile.onclick = () => this.onPick(example)
    const name = element("em", "", data.classes[data.label[example]])
    tile.append(name, element("span", "offramp-mark"))
    const show = (address) => {
      if (!address) return
      const image = element("img")
      image.alt = ""
      image.src = address
      name.replaceWith(image)
    }
    if (pictures) this.requests.set(example, pictures.request(example, show))
    return tile
  }
}
