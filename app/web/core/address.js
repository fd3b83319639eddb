// Where the visitor is, as parameters of the page's address. The browser owns it: nothing else writes it.
//
// Parameters that belong together are changed together. A change after which people expect "Back" to return adds an entry to the browser's
// history (push); a change of the budget or of a filter does not (replace).

/** @typedef {Record<string, string | null>} Change  null removes a parameter */
/** @typedef {{read: () => string, replace: (query: string) => void, push: (query: string) => void, back: (() => void) | null, listen: (heard: () => void) => () => void}} Place  back: null without a history */

export class Address {
  /** @param {Place} place where the parameters are kept */
  constructor(place) {
    this.place = place
    /** Called after a change, by whatever part. @type {(() => void) | null} */
    this.onWrite = null
  }

  /** @returns {Record<string, string>} all parameters */
  parameters() {
    return Object.fromEntries(new URLSearchParams(this.place.read()))
  }

  /** @param {Change} change */
  replace(change) {
    const query = this.with(change)
    if (query === this.place.read()) return
    this.place.replace(query)
    this.onWrite?.()
  }

  /** @param {Change} change */
  push(change) {
    const query = this.with(change)
    if (query === this.place.read()) return
    this.place.push(query)
    this.onWrite?.()
  }

  /**
   * Undo the last push, as "Back" does. Listeners are called.
   * @param {Change} change what it amounts to, where there is no history
   */
  back(change) {
    if (this.place.back) this.place.back()
    else this.replace(change)
  }

  /**
   * The parameters after a change, as a query without "?".
   * @param {Change} change
   */
  with(change) {
    const parameters = new URLSearchParams(this.place.read())
    for (const [name, value] of Object.entries(change)) {
      if (value === null) parameters.delete(name)
      else parameters.set(name, value)
    }
    return parameters.toString()
  }

  /**
   * Call a function after the visitor has gone back or forward.
   * @param {() => void} heard
   * @returns {() => void} stops listening
   */
  listen(heard) {
    return this.place.listen(heard)
  }
}

/** The query of the page's address. */
export function searchPlace() {
  return browserPlace(
    () => location.search.slice(1),
    (query) => `${location.pathname}${query && `?${query}`}${location.hash}`,
  )
}

/** The part after "#": the only part that a page opened from disk may change. */
export function hashPlace() {
  return browserPlace(
    () => location.hash.slice(1),
    (query) => `#${query}`,
  )
}

/**
 * An address of its own, for a second block on a page.
 * @param {string} query
 * @returns {Place}
 */
export function memoryPlace(query = "") {
  const write = (/** @type {string} */ next) => void (query = next)
  return { read: () => query, replace: write, push: write, back: null, listen: () => () => {} }
}

/**
 * @param {() => string} read
 * @param {(query: string) => string} url
 * @returns {Place}
 */
function browserPlace(read, url) {
  return {
    read: () => new URLSearchParams(read()).toString(), // so that equal parameters are equal as text
    replace: (query) => history.replaceState(history.state, "", url(query)),
    push: (query) => history.pushState(null, "", url(query)),
    back: () => history.back(),
    listen(heard) {
      const listener = (/** @type {Event} */ event) => {
        event.stopPropagation() // Streamlit would run the whole page again
        heard()
      }
      addEventListener("popstate", listener, true)
      return () => removeEventListener("popstate", listener, true)
    },
  }
}
