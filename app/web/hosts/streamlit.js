// Mounts a live block in a Streamlit component. Streamlit's Python gives the first data; after that the browser asks the server itself, and
// tells Python only which bundle, policy and unit are shown.

import { Explore } from "../blocks/explore.js"
import { Address, searchPlace } from "../core/address.js"
import { changed, writeSelection } from "../core/view.js"
import { Connection } from "./connection.js"
import { fetched, httpSource } from "./http_source.js"
import { opening } from "./opening.js"
import { closeConnectionDialog } from "./streamlit_dialog.js"
import { MOVED } from "./top_bar.js"

/** @typedef {import("./opening.js").ServedData} ServedData */
/** @typedef {import("../parts/controls.js").Selection} Selection */
/** @typedef {{explore: ServedData | null}} ComponentData  explore: null if it must be fitted first */
/** @typedef {{data: ComponentData, parentElement: HTMLElement}} Component */

const BAR = 52 // px that the bar of the page takes, beyond what the controls save there
const PATIENCE = 300 // ms before a fit is mentioned
const LOST = "The server does not answer. What is on this page goes on working; the rest follows when the server is back."

/** @type {WeakMap<Element, Live>} */
const mounted = new WeakMap()

/**
 * Streamlit calls this for new data too; the block stays the same then. Returns a function that Streamlit calls before new data and when it
 * removes the component; only then is the block disposed of.
 * @param {Component} component
 * @param {URL} base the page's root, wherever a proxy puts it
 */
export function mount({ data, parentElement }, base) {
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".offramp-block"))
  const live = mounted.get(root) ?? new Live(root, base)
  mounted.set(root, live)
  live.receive(data)
  return () => void setTimeout(() => root.isConnected || live.dispose())
}

class Live {
  /**
   * @param {HTMLElement} root
   * @param {URL} base
   */
  constructor(root, base) {
    this.base = base
    this.address = new Address(searchPlace())
    this.block = new Explore(root, { address: this.address, select: (change, budget) => this.#select(change, budget), guarantee: (promise) => this.#guarantee(promise), above: BAR })
    this.connection = new Connection(
      () => this.#versionAddress(),
      (there) => this.#connected(there),
      (version, address) => this.#compare(version, address),
    )
    this.stopListening = this.address.listen(() => this.#follow())
    this.stopClosing = closeConnectionDialog()
    /** @type {ServedData | null} */
    this.shown = null
    /** @type {Partial<Selection> & {budget?: string}} */
    this.coming = {} // what was selected and is being loaded
    /** @type {AbortController | undefined} */
    this.exact = undefined // the wait for the figures of all examples
  }

  dispose() {
    this.stopListening()
    this.stopClosing()
    this.connection.dispose()
    this.waiting?.abort()
    this.exact?.abort()
    this.block.dispose()
  }

  /** @param {ComponentData} data from Python, on every run of the page */
  receive({ explore }) {
    if (explore === null) {
      if (!this.shown && !this.waiting) void this.#load(this.address.parameters())
      return
    }
    if (!this.waiting && this.#isNews(explore)) void this.#open(explore)
  }

  // Whether data from Python belongs to what is shown and differs from it, as after a download of images. The browser alone selects.
  // Another content of the bundle is not shown before someone asks for it.
  #isNews(/** @type {ServedData} */ { selection, resources, images, version }) {
    if (!this.shown) return true
    if (selection.bundle === this.shown.selection.bundle && version !== this.shown.version) return false
    const names = /** @type {(keyof Selection)[]} */ (Object.keys(selection))
    const isSelected = names.every((name) => selection[name] === this.shown?.selection[name])
    return isSelected && (resources.sweep !== this.shown.resources.sweep || images !== this.shown.images)
  }

  async #open(/** @type {ServedData} */ data) {
    this.shown = data
    this.block.notices.set("changed", null)
    const absolute = (/** @type {string} */ address) => new URL(address, this.base).href
    const { bundle, sweep, predictions } = data.resources
    const images = data.images && absolute(data.images)
    const takeHome = (/** @type {string} */ name) => absolute(`offramp/${name}?${data.takeHome}`)
    const addresses = { bundle: absolute(bundle), sweep: absolute(sweep), predictions: absolute(predictions), images, policies: absolute("offramp/policies"), takeHome }
    if (data.sampled) void this.#makeExact()
    await this.block.open(data, httpSource(addresses))
    if (this.shown === data && !data.sampled) this.block.awaiting(null)
  }

  // Of a large bundle the figures of a sample are shown, until those of all examples have been computed.
  async #makeExact() {
    this.exact?.abort()
    const data = this.shown
    if (!data?.sampled) return
    const exact = (this.exact = new AbortController())
    const show = (/** @type {string} */ done) => this.block.awaiting(`${data.sampled} The figures of all test examples are being computed: ${done}.`, done)
    show("0%")
    try {
      const all = await opening(this.#addressOf("exact", data.selection), exact.signal, (progress) => exact.signal.aborted || show(`${Math.floor((100 * progress.done) / Math.max(progress.of, 1))}%`))
      if (exact.signal.aborted) return
      if (all.version !== data.version) return this.block.awaiting(data.sampled) // they are those of another content, which no one asked for
      // Once only: what is not exact now would not be the next time.
      await this.#open({ ...all, sampled: undefined })
      document.dispatchEvent(new Event(MOVED))
    } catch (error) {
      if (!exact.signal.aborted) this.block.awaiting(`${data.scope} The page could not do so: ${/** @type {Error} */ (error).message}`)
    }
  }

  #addressOf(/** @type {string} */ what, /** @type {Record<string, string>} */ parameters) {
    const query = new URLSearchParams()
    for (const name of ["bundle", "policy", "unit", "budget"]) if (parameters[name] !== undefined) query.set(name, parameters[name])
    return new URL(`offramp/${what}?${query}`, this.base).href
  }

  // After Back or Forward.
  #follow() {
    if (!this.shown) return
    const { selection, defaults } = this.shown
    const parameters = this.address.parameters()
    const names = /** @type {(keyof Selection)[]} */ (["bundle", "policy", "unit"])
    this.waiting?.abort()
    if (names.every((name) => (parameters[name] ?? defaults[name]) === selection[name])) this.block.follow()
    else void this.#load(parameters)
  }

  async #guarantee(/** @type {{errors: number, confidence: number}} */ { errors, confidence }) {
    const { bundle, unit } = /** @type {ServedData} */ (this.shown).selection
    const query = new URLSearchParams({ bundle, unit, errors: String(errors), confidence: String(confidence) })
    return (await fetched(new URL(`offramp/guarantee?${query}`, this.base).href)).json()
  }

  // What was selected just before and has not come yet is selected too.
  #select(/** @type {Partial<Selection>} */ selected, /** @type {number | undefined} */ budget) {
    if (!this.shown) return
    const change = { ...this.coming, ...selected, ...(budget === undefined ? {} : { budget: String(budget) }) }
    const other = "bundle" in change // whose classes and examples are others
    void this.#load(changed(this.address.parameters(), this.shown, change), () => {
      this.address.push({ ...change, ...(other ? { class: null, level: null, grid: null, sort: null, image: null } : {}) })
    })
    this.coming = change
  }

  // Show what parameters ask for. onData: called once it has come, before it is shown
  async #load(/** @type {Record<string, string>} */ parameters, onData = () => {}) {
    this.waiting?.abort()
    const waiting = (this.waiting = new AbortController())
    this.coming = {}
    /** @type {import("./opening.js").Progress} */
    let latest = { done: 0, of: 1, what: "Fetching the data" }
    const show = () => this.block.busy({ what: latest.what, share: latest.done / Math.max(latest.of, 1) }, () => this.#cancel(waiting))
    let patient = true
    const patience = setTimeout(() => {
      patient = false
      show()
    }, PATIENCE)
    this.exact?.abort() // what is loaded is needed first
    let problem = null
    try {
      const data = await opening(this.#addressOf("explore", parameters), waiting.signal, (progress) => {
        latest = progress
        if (!patient) show()
      })
      if (this.waiting !== waiting) return
      onData()
      await this.#open(data)
      if (this.waiting !== waiting) return
      this.waiting = undefined
      document.dispatchEvent(new Event(MOVED)) // so that Python shows what belongs to it
    } catch (error) {
      problem = /** @type {Error} */ (error)
    } finally {
      clearTimeout(patience)
    }
    if (this.waiting === waiting) this.waiting = undefined
    if (this.waiting === undefined) {
      this.coming = {}
      this.block.busy(null)
    }
    if (problem && this.waiting === undefined) void this.#makeExact() // of what is still shown
    if (problem && !waiting.signal.aborted) this.block.fail(problem.message, () => void this.#load(parameters, onData))
  }

  // The fit is given up, and what was shown stays. If nothing was shown yet, the default policy is.
  #cancel(/** @type {AbortController} */ waiting) {
    waiting.abort()
    if (this.shown) return this.address.replace(writeSelection(this.shown.selection, this.shown.defaults))
    this.address.replace({ policy: null })
    void this.#load(this.address.parameters())
  }

  #versionAddress() {
    const bundle = this.shown?.selection.bundle ?? ""
    return new URL(`offramp/version?${new URLSearchParams({ bundle })}`, this.base).href
  }

  // Whether the bundle is still the one that is shown. What is shown stays until someone wants the other one; it is empty for an instant
  // while a bundle is being replaced.
  #compare(/** @type {string} */ version, /** @type {string} */ address) {
    const { shown } = this
    if (!shown || address !== this.#versionAddress() || version === "") return
    if (version === shown.version) return this.block.notices.set("changed", null)
    const title = shown.choices.bundle.find(({ value }) => value === shown.selection.bundle)?.title
    const press = () => void this.#load(this.address.parameters())
    this.block.notices.set("changed", { text: `“${title}” has changed on disk. This page still shows it as it was.`, action: { title: "Show it as it is now", press } })
  }

  #connected(/** @type {boolean} */ there) {
    this.block.notices.set("connection", there ? null : { text: LOST })
    if (there) this.block.retry()
    if (there && !this.waiting && this.shown?.sampled) void this.#makeExact()
  }
}
