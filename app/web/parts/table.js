// A chart as a table, for readers of screens and of numbers. It is made when it is opened, and follows the budget while it is open.

import { element } from "../core/dom.js"

/** @typedef {import("../core/tables.js").Table} Table */

export class ChartTable {
  /**
   * @param {string} title
   * @param {() => Table | null} make the table of the current budget
   */
  constructor(title, make) {
    this.make = make
    this.summary = element("summary", "", title)
    this.scroll = element("div", "offramp-table-scroll")
    this.scroll.tabIndex = 0
    this.scroll.setAttribute("role", "region")
    this.scroll.setAttribute("aria-label", title)
    this.node = element("details", "offramp-table", this.summary, this.scroll)
    this.node.ontoggle = () => this.paint()
    this.shape = ""
    /** @type {HTMLElement[]} */
    this.cells = [] // row by row
  }

  /** @param {string} title */
  rename(title) {
    this.summary.textContent = title
    this.scroll.setAttribute("aria-label", title)
  }

  /** Open it and go there. */
  show() {
    this.node.open = true
    this.paint()
    this.node.scrollIntoView({ block: "nearest" })
    this.summary.focus()
  }

  /** Follow the budget. */
  paint() {
    const table = this.node.open ? this.make() : null
    if (!table) return
    const rows = [...table.groups.flatMap(({ rows }) => rows), ...(table.total ? [table.total] : [])]
    const texts = rows.flatMap((row) => row.map(({ text }) => text))
    const shape = `${table.heads.join()}|${table.groups.map(({ title, rows }) => `${title}:${rows.length}`).join()}`
    if (shape !== this.shape) this.#draw(table)
    this.shape = shape
    texts.forEach((text, i) => this.cells[i].textContent !== text && (this.cells[i].textContent = text))
  }

  #draw(/** @type {Table} */ { caption, heads, groups, total }) {
    this.cells = []
    const head = (/** @type {string} */ text, /** @type {string} */ scope) => {
      const node = element("th", "", text)
      node.scope = scope
      return node
    }
    const row = (/** @type {import("../core/tables.js").Cell[]} */ cells) => {
      const nodes = cells.map((_, i) => (i === 0 ? head("", "row") : element("td")))
      this.cells.push(...nodes)
      return element("tr", "", ...nodes)
    }
    const bodies = groups.map(({ title, rows }) => {
      const name = head(title, "rowgroup")
      name.colSpan = heads.length
      return element("tbody", "", ...(groups.length > 1 ? [element("tr", "offramp-table-group", name)] : []), ...rows.map(row))
    })
    const columns = heads.map((text) => (text ? head(text, "col") : element("td")))
    this.scroll.replaceChildren(
      element("table", "", element("caption", "", caption), element("thead", "", element("tr", "", ...columns)), ...bodies, ...(total ? [element("tfoot", "", row(total))] : [])),
    )
  }
}
