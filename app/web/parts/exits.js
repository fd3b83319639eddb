// A row for each exit: the share of the images that leave there, correct and incorrect, and their difficulty.

import { element, percent } from "../core/dom.js"

export class Exits {
  constructor(place) {
    this.place = place
  }

  draw(data) {
    this.data = data
    const difficulty = data.difficulty !== null
    const key = (name) => element("i", `offramp-key offramp-key-${name}`)
    const shares = element("span", "", "Share of images", key("correct"), "correct", key("incorrect"), "incorrect")
    const head = element("div", "offramp-row offramp-head", element("span"), element("span", "", "Exit, cost"), shares, element("span"))
    if (difficulty) head.append(element("span", "", "Difficulty (0 easy, 1 hard)"))
    this.rows = data.exits.map((exit, k) => {
      const row = element("div", "offramp-row")
      row.setAttribute("role", "group")
      row.style.setProperty("--exit", exit.colour)
      const bar = element("div", "offramp-bar", element("b", "offramp-correct"), element("b", "offramp-incorrect"))
      row.append(
        element("span", "offramp-chip", String(k + 1)),
        element("span", "offramp-name", exit.name, element("small", "", ` ${percent(exit.cost, 0)}`)),
        bar,
        element("span", "offramp-share"),
      )
      if (difficulty) row.append(element("div", "offramp-difficulty", element("b", "offramp-spread"), element("b", "offramp-mean"), element("span")))
      return row
    })
    this.place.replaceChildren(head, ...this.rows)
    this.place.classList.toggle("offramp-with-difficulty", difficulty)
  }

  paint(step) {
    const { share, correct, incorrect, difficulty } = this.data
    const exits = this.rows.length
    for (let k = 0; k < exits; k++) {
      const at = step * exits + k
      const row = this.rows[k]
      const [correctBar, incorrectBar] = row.children[2].children
      correctBar.style.width = `${100 * correct[at]}%`
      incorrectBar.style.width = `${100 * incorrect[at]}%`
      row.children[3].textContent = percent(share[at])
      row.setAttribute("aria-label", `${percent(share[at])} of the images leave at ${this.data.exits[k].name}, ${percent(incorrect[at])} incorrect`)
      row.classList.toggle("offramp-empty", share[at] === 0)
      if (difficulty) this.#difficulty(row.children[4], at)
    }
  }

  #difficulty(strip, at) {
    const mean = this.data.difficulty.mean[at]
    const [low, , high] = this.data.difficulty.quartiles.subarray(3 * at, 3 * at + 3)
    const known = !Number.isNaN(mean)
    const [spread, mark, value] = strip.children
    spread.hidden = mark.hidden = !known
    value.textContent = known ? mean.toFixed(2) : "–"
    if (!known) return
    spread.style.left = `${100 * low}%`
    spread.style.width = `${100 * (high - low)}%`
    mark.style.left = `${100 * mean}%`
  }
}
