// Listens to the keys of the block, and prints them all in a dialog.

import { KEYS, actionOf, takesText } from "../core/keys.js"
import { button, element } from "../core/dom.js"
import { adapted } from "../core/words.js"

/** @typedef {import("../core/keys.js").Action} Action */

/** Actions that go on while their key is held down. @type {Action[]} */
const REPEATED = ["next", "previous", "nextExit", "previousExit"]

export class Keys {
  /**
   * @param {HTMLElement} root of the block
   * @param {HTMLElement} tools for the button that opens the dialog
   * @param {{presenting: () => boolean, act: (action: Exclude<Action, "keys">) => void}} block
   */
  constructor(root, tools, block) {
    this.root = root
    this.block = block
    const open = button("offramp-tool offramp-tool-keys", "?", () => this.open())
    open.title = "All keys (?)"
    open.setAttribute("aria-label", "All keys")
    tools.append(open)
    const close = button("offramp-close", "×", () => this.dialog.close())
    close.setAttribute("aria-label", "Close")
    this.tables = element("div", "offramp-key-tables")
    this.dialog = element("dialog", "offramp-dialog", element("h2", "", "Keys"), close, this.tables)
    this.dialog.setAttribute("aria-label", "Keys")
    this.dialog.onclick = (event) => event.target === this.dialog && this.dialog.close() // on what is behind it
    // Before the host's own keys, such as Streamlit's R.
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.#pressed(event)
    addEventListener("keydown", this.onKey, true)
  }

  /** In the words of a bundle, without what it has not. @param {import("../core/model.js").Model} model */
  draw({ words, subsets }) {
    const keys = KEYS.filter(({ action }) => action !== "filter" || subsets.list.length > 0).map((key) => ({ ...key, text: adapted(words, key.text) }))
    this.tables.replaceChildren(table("On the page", keys, ["page", "both"]), table("While presenting", keys, ["presenting", "both"]))
  }

  /** Show all keys. The focus returns to where it was when the dialog closes. */
  open() {
    if (!this.dialog.open) this.dialog.showModal()
  }

  /** Returns whether the dialog was open. */
  close() {
    const { open } = this.dialog
    this.dialog.close()
    return open
  }

  dispose() {
    removeEventListener("keydown", this.onKey, true)
    this.dialog.close()
  }

  #pressed(/** @type {KeyboardEvent} */ event) {
    const target = /** @type {HTMLElement | null} */ (event.composedPath()[0] instanceof HTMLElement ? event.composedPath()[0] : null)
    if (event.defaultPrevented || !this.#isOurs(target) || document.querySelector("dialog:modal, [aria-modal=true]")) return
    const action = actionOf(event, { presenting: this.block.presenting(), typing: takesText(target) })
    if (!action || (action === "dismiss" && target?.closest(".offramp"))) return // the part that has the focus closes itself
    event.preventDefault()
    event.stopPropagation()
    if (event.repeat && !REPEATED.includes(action)) return
    if (action === "keys") this.open()
    else this.block.act(action)
  }

  // With the focus in no block, the first one on the page takes the keys.
  #isOurs(/** @type {HTMLElement | null} */ target) {
    const block = target?.closest(".offramp") ?? document.querySelector(".offramp[data-present]") ?? document.querySelector(".offramp")
    return block === this.root && this.root.dataset.ready === "true"
  }
}

/** @param {string} title @param {import("../core/keys.js").Key[]} keys @param {import("../core/keys.js").Where[]} where */
function table(title, keys, where) {
  const rows = keys.filter((key) => where.includes(key.where)).map(({ shown, text }) =>
    element("div", "", element("dt", "", ...shown.map((key) => element("kbd", "", key))), element("dd", "", text)),
  )
  return element("section", "", element("h3", "", title), element("dl", "offramp-key-list", ...rows))
}
