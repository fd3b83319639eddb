// The images routed to each exit, those closest to changing exit first.

import { count, element, percent } from "../core/dom.js"

const ROWS = 2 // of images an exit shows before someone asks for more

export class Gallery {
  constructor(place, onPick) {
    this.place = place
    this.onPick = onPick
    this.filter = { class: null, show: "all" }
    // Measured when the room changes, not on every paint: asking for it makes the browser lay everything out at once.
    new ResizeObserver(() => {
      const before = this.columns
      this.#measure()
      if (this.columns !== before && this.step !== undefined) this.paint(this.step)
    }).observe(place)
    // What a tile is called in full is worked out for the one that is pointed at.
    place.addEventListener("pointerover", (event) => {
      const tile = event.target.closest(".offramp-tile")
      if (tile) tile.title = this.#title(tile)
    })
  }

  draw(data, routes, pictures) {
    for (const drop of this.wishes?.values() ?? []) drop()
    Object.assign(this, { data, routes, pictures })
    this.more = data.exits.map(() => 1)
    this.tiles = new Map() // example -> element, whichever exit it stands at now
    this.wishes = new Map() // example -> what to call when its tile goes and needs no picture any more
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
    const columns = this.#choose(step, ROWS * this.columns)
    const stay = new Set()
    columns.forEach(({ examples, total }, k) => {
      const { images, more, counted } = this.exits[k]
      counted.textContent = total === 0 ? "No images" : total === 1 ? "1 image" : `${count(total)} images`
      more.hidden = total <= examples.length
      const tiles = examples.map((example) => this.#tile(example, step))
      tiles.forEach((tile, i) => {
        // Only what moved is moved: a tile that keeps its place is not touched.
        if (images.children[i] !== tile) images.insertBefore(tile, images.children[i] ?? null)
      })
      for (const example of examples) stay.add(example)
    })
    for (const [example, tile] of this.tiles) {
      if (stay.has(example)) continue
      tile.remove()
      this.tiles.delete(example)
      this.wishes.get(example)?.()
      this.wishes.delete(example)
    }
    this.pictures?.ask() // tiles that stay may still lack theirs
  }

  mark(example) {
    for (const [other, tile] of this.tiles) tile.setAttribute("aria-pressed", String(other === example))
    this.picked = example
  }

  // How many images fit side by side: whole rows look tidy and waste nothing.
  #measure() {
    this.columns = this.exits ? getComputedStyle(this.exits[0].images).gridTemplateColumns.split(" ").length : 1
  }

  // For each exit the examples to show, and how many there are.
  #choose(step, limit) {
    const { routes, filter, data } = this
    const found = data.exits.map(() => [])
    const wanted = filter.show === "correct" ? 1 : 0
    for (let i = 0, at = step * routes.examples; i < routes.examples; i++, at++) {
      if (filter.class !== null && data.label[i] !== filter.class) continue
      if (filter.show !== "all" && routes.is_correct[at] !== wanted) continue
      found[routes.exit[at]].push(routes.away[at] * routes.examples + i)
    }
    return found.map((keys, k) => {
      const nearest = Float64Array.from(keys).sort().subarray(0, limit * this.more[k])
      return { examples: Array.from(nearest, (key) => key % routes.examples), total: keys.length }
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
      const answer = data.classes[routes.answer[at]]
      const name = data.classes[data.label[example]]
      tile.setAttribute("aria-label", `${name}, leaves at ${data.exits[routes.exit[at]].name}, ${correct ? "correct" : `taken for ${answer}`}`)
      tile.lastElementChild.textContent = correct ? "" : "✗"
    }
    return tile
  }

  #title(tile) {
    const { data, routes, step } = this
    const turn = routes.nextChange(step, Number(tile.dataset.example))
    return `${tile.getAttribute("aria-label")}${turn === null ? "" : `; changes exit at a budget of ${percent(data.budget[turn])}`}`
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
    if (pictures) this.wishes.set(example, pictures.want(example, show))
    return tile
  }
}
