// One row an exit: how many leave there, how many of them correctly and incorrectly, and how hard they are.

import { element, percent } from "../core/dom.js"

export class Exits {
  constructor(place) {
    this.place = place
  }

  draw(data) {
    this.data = data
    const hard = data.difficulty !== null
    const key = (name) => element("i", `offramp-key offramp-key-${name}`)
    const shares = element("span", "", "Share leaving", key("correct"), "correct", key("incorrect"), "incorrect")
    const head = element("div", "offramp-row offramp-head", element("span"), element("span", "", "Exit, its cost"), shares, element("span"))
    if (hard) head.append(element("span", "", "How hard they are"))
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
      if (hard) row.append(element("div", "offramp-hard", element("b", "offramp-spread"), element("b", "offramp-mean"), element("span")))
      return row
    })
    this.place.replaceChildren(head, ...this.rows)
    this.place.classList.toggle("offramp-with-hard", hard)
  }

  paint(step) {
    const { share, correct, incorrect, difficulty } = this.data
    const exits = this.rows.length
    for (let k = 0; k < exits; k++) {
      const at = step * exits + k
      const row = this.rows[k]
      const [good, bad] = row.children[2].children
      good.style.width = `${100 * correct[at]}%`
      bad.style.width = `${100 * incorrect[at]}%`
      row.children[3].textContent = percent(share[at])
      row.setAttribute("aria-label", `${percent(share[at])} leave at ${this.data.exits[k].name}, ${percent(incorrect[at])} of all incorrect`)
      row.classList.toggle("offramp-empty", share[at] === 0)
      if (difficulty) this.#difficulty(row.children[4], at)
    }
  }

  #difficulty(strip, at) {
    const mean = this.data.difficulty.mean[at]
    const [low, , high] = this.data.difficulty.quartiles.subarray(3 * at, 3 * at + 3)
    const used = !Number.isNaN(mean)
    const [spread, mark, value] = strip.children
    spread.hidden = mark.hidden = !used
    value.textContent = used ? mean.toFixed(2) : "–"
    if (!used) return
    spread.style.left = `${100 * low}%`
    spread.style.width = `${100 * (high - low)}%`
    mark.style.left = `${100 * mean}%`
  }
}
