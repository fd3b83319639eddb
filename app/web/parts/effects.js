// A text whose words are coloured by what they do for the prediction of an exit: blue speaks for it, orange against it.

import { button, element } from "../core/dom.js"
import { coloured } from "../core/word_colours.js"

/** @typedef {import("../core/source.js").WordEffect} WordEffect */

export class Effects {
  /**
   * @param {HTMLElement} place of the text
   * @param {(example: number) => Promise<WordEffect[]>} ask
   * @param {string} missing why nothing can be asked, or empty
   */
  constructor(place, ask, missing) {
    this.missing = missing
    this.place = place
    this.press = button("offramp-words", "Colour the words", () => void this.#ask(ask))
    this.key = element("span", "offramp-words-key")
    this.bar = element("div", "offramp-words-bar", this.press, this.key)
    this.bar.toggleAttribute("data-missing", missing !== "")
    this.close()
  }

  /** Nothing can be asked until an example is opened. */
  close() {
    /** @type {number | undefined} */
    this.example = undefined
    /** @type {WordEffect[] | null} */
    this.words = null
    this.press.hidden = this.missing !== ""
    this.press.disabled = true
    this.key.textContent = this.missing
  }

  /** @param {number} example @param {string} text */
  open(example, text) {
    this.close()
    this.example = example
    this.text = text
    this.press.disabled = false
  }

  /**
   * @param {number} exit
   * @param {string} exitName
   * @param {string} prediction the name of the class that the exit predicts
   */
  paint(exit, exitName, prediction) {
    this.latest = /** @type {[number, string, string]} */ ([exit, exitName, prediction])
    if (!this.words || this.text === undefined) return
    const parts = coloured(this.text, this.words, exit)
    this.place.replaceChildren(
      ...parts.map(({ text, effect, colour }) => {
        if (effect === null) return text
        const word = element("mark", "", text)
        word.style.background = colour
        word.title = `${effect >= 0 ? "+" : "−"}${Math.abs(100 * effect).toFixed(1)} points for “${prediction}”`
        return word
      }),
    )
    this.key.replaceChildren(`${exitName}: `, element("mark", "offramp-for", "for"), ` and `, element("mark", "offramp-against", "against"), ` “${prediction}”`)
  }

  async #ask(/** @type {(example: number) => Promise<WordEffect[]>} */ ask) {
    const { example } = this
    if (example === undefined) return
    this.press.disabled = true
    this.key.textContent = "asking the network without each word …"
    try {
      const words = await ask(example)
      if (this.example !== example) return
      this.words = words
      this.press.hidden = true
      if (this.latest) this.paint(...this.latest)
    } catch (problem) {
      if (this.example !== example) return
      this.press.disabled = false
      this.key.textContent = /** @type {Error} */ (problem).message
    }
  }
}
