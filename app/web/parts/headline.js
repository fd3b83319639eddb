// The sentence that a budget amounts to. It is read out when the budget has settled, and not at every step of a drag.

import { element } from "../core/dom.js"

export class Headline {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.sentence = element("p", "offramp-sentence")
    this.announcement = element("p", "offramp-announcement")
    this.announcement.setAttribute("aria-live", "polite")
    place.replaceChildren(this.announcement, this.sentence)
  }

  /** @param {string} sentence */
  paint(sentence) {
    this.sentence.textContent = sentence
  }

  /** @param {string} note to be read out after the sentence */
  announce(note) {
    this.announcement.textContent = `${this.sentence.textContent} ${note}`.trim()
  }
}
