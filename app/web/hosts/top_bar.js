// The bar's behaviour: its links keep the address's other parameters and load no page, and the link to what is shown can be copied.

import { Address, searchPlace } from "../core/address.js"
import { element } from "../core/dom.js"

const RETRY = 2000 // ms until Python is told again
const CONFIRMED = 2000 // ms that a copied link is confirmed

/** @type {WeakMap<Element, TopBar>} */
const mounted = new WeakMap()

/** Sent to the document when the page's address names another view, bundle, policy or unit, so that Python hears of it. */
export const MOVED = "offramp-moved"

/** @param {{data: {heard: string | null}, parentElement: HTMLElement, setStateValue: (name: string, value: string) => void}} component */
export function mount({ data, parentElement, setStateValue }) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".offramp-topbar"))
  const topBar = mounted.get(root) ?? new TopBar(root)
  mounted.set(root, topBar)
  topBar.tell = (address) => setStateValue("address", address)
  topBar.heard = data.heard
  topBar.show()
  return () => void setTimeout(() => root.isConnected || topBar.dispose())
}

class TopBar {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.address = new Address(searchPlace())
    this.links = /** @type {HTMLAnchorElement[]} */ ([...root.querySelectorAll("[data-view]")])
    this.copy = /** @type {HTMLButtonElement} */ (root.querySelector(".offramp-copy"))
    this.tell = (/** @type {string} */ _) => {}
    /** @type {string | null} */
    this.heard = null // the address that Python drew last, null for the one that the page was opened with
    root.addEventListener("click", (event) => this.#clicked(event))
    // The address may have changed since, also for "open in a new tab" and "copy link".
    for (const name of ["pointerenter", "focusin"]) root.addEventListener(name, () => this.#link())
    this.copy.onclick = () => void this.#copy()
    this.stopListening = this.address.listen(() => this.#moved())
    this.onMoved = () => this.#moved()
    document.addEventListener(MOVED, this.onMoved)
  }

  /** Mark the view that the address names, and lead everywhere from there. */
  show() {
    const { view = "" } = this.address.parameters()
    const known = this.links.find((link) => link.dataset.view === view)
    if (!known) this.address.replace({ view: null }) // Python has said that there is none
    const current = known?.dataset.view ?? ""
    for (const link of this.links) {
      if (link.dataset.view === current && link.parentElement?.tagName === "NAV") link.setAttribute("aria-current", "page")
      else link.removeAttribute("aria-current")
    }
    this.#link()
  }

  dispose() {
    this.stopListening()
    document.removeEventListener(MOVED, this.onMoved)
    clearTimeout(this.retrying)
    clearTimeout(this.timer)
  }

  #link() {
    for (const link of this.links) link.href = `?${this.address.with({ view: link.dataset.view || null })}`
  }

  #clicked(/** @type {MouseEvent} */ event) {
    const link = /** @type {Element} */ (event.target).closest("a")
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    this.address.push({ view: link.dataset.view || null })
    this.#moved()
  }

  // Python draws what the address names.
  #moved() {
    this.show()
    this.#tellUntilHeard(this.address.with({}))
  }

  // What is told while the server is away is lost.
  #tellUntilHeard(/** @type {string} */ address) {
    this.tell(address)
    clearTimeout(this.retrying)
    this.retrying = setTimeout(() => this.heard === address || this.#tellUntilHeard(address), RETRY)
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(location.href)
      this.#confirm()
    } catch {
      // No clipboard here, as on plain http from another computer: the address is there to be copied by hand.
      const field = element("input")
      field.readOnly = true
      field.value = location.href
      field.setAttribute("aria-label", "Link to this view")
      field.onblur = () => field.remove()
      this.copy.after(field)
      field.select()
    }
  }

  #confirm() {
    const label = /** @type {HTMLElement} */ (this.copy.firstElementChild)
    label.textContent = "Copied"
    clearTimeout(this.timer)
    this.timer = setTimeout(() => (label.textContent = "Copy"), CONFIRMED)
  }
}
