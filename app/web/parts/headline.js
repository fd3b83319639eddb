// The sentence that a budget amounts to, and three numbers that add up with it. It is read out when the budget has settled, and not at every
// step of a drag.

import { count, element } from "../core/dom.js"
import { headline } from "../core/printed.js"
import { USUAL, bestName } from "../core/words.js"

const FIGURES = 3

export class Headline {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.sentence = element("p", "offramp-sentence")
    this.facts = element("p", "offramp-facts")
    this.announcement = element("p", "offramp-announcement")
    this.announcement.setAttribute("aria-live", "polite")
    this.figures = Array.from({ length: FIGURES }, () => ({ value: element("dd", "offramp-figure-value"), text: element("dt", "offramp-figure-text") }))
    const list = element("dl", "offramp-figures", ...this.figures.map(({ value, text }) => element("div", "", value, text)))
    this.subset = element("p", "offramp-headline-subset")
    this.subset.hidden = true
    place.replaceChildren(this.announcement, element("div", "", this.sentence, this.subset, this.facts), list)
    this.full = 1
    this.spent = ""
    this.words = USUAL
  }

  /**
   * @param {number} full accuracy of the full network
   * @param {string} spent what is spent, such as "compute"
   * @param {import("../core/words.js").Words} words
   */
  draw(full, spent, words) {
    this.full = full
    this.spent = spent
    this.words = words
  }

  /** @param {import("../core/model.js").AtBudget} now */
  paint(now) {
    const { of } = now
    const { sentence, figures } = headline(now, of?.full ?? this.full, this.spent, this.words)
    const { one, many } = this.words
    const subset = of ? `on the ${count(of.tested)} ${of.tested === 1 ? one : many} of ${of.name}` : ""
    this.sentence.textContent = sentence
    this.subset.textContent = subset
    this.subset.hidden = !of
    this.spoken = of ? `${sentence} ${subset}.` : now.sentence
    figures.forEach(({ value, text }, i) => {
      this.figures[i].value.textContent = value
      this.figures[i].text.replaceChildren(...aroundName(text, this.words))
    })
  }

  /** @param {string[]} facts */
  paintFacts(facts) {
    this.facts.hidden = facts.length === 0
    const text = facts.join(" · ")
    this.facts.textContent = text.charAt(0).toUpperCase() + text.slice(1)
  }

  /** @param {string} note to be read out after the sentence */
  announce(note) {
    this.announcement.textContent = `${this.spoken ?? ""} ${note}`.trim()
  }
}

/** A text in which the name of the best model stays on one line. @param {string} text @param {import("../core/words.js").Words} words @returns {(Node | string)[]} */
function aroundName(text, words) {
  const name = `(${bestName(words)})`
  return words.best && text.endsWith(name) ? [text.slice(0, -name.length), element("span", "offramp-best", name)] : [text]
}
