// What can be taken home from the view: images, tables, the routes, the policy, the page, and paper. A button opens a panel with all of it.

import { button, count, element, percent } from "../core/dom.js"
import { budgetName, fileName } from "../core/take_home.js"
import { NEAR, isHighlighted } from "../core/highlights.js"
import { withDifferences } from "../core/intervals.js"
import { exitsTable, frontTable, tableCsv } from "../core/tables.js"
import { writeView } from "../core/view.js"
import { adapted, capital } from "../core/words.js"
import { picture, png } from "./picture.js"
import { ChartTable } from "./table.js"

/** @typedef {import("../blocks/explore.js").Opened} Opened */
/** @typedef {import("../core/model.js").AtBudget} AtBudget */
/** @typedef {import("../core/view.js").View} View */
/** @typedef {import("./picture.js").Section} Section */
/** @typedef {{headline: HTMLElement, front: HTMLElement, rail: HTMLElement, road: HTMLElement, columns: HTMLElement, trace: HTMLElement, tools: HTMLElement, tables: HTMLElement}} Places */
/** @typedef {{what: string, sections: () => Section[], table: () => import("../core/tables.js").Table | null, twin: ChartTable}} Chart */

const FOOTER = "made with Offramp"
const EXITS = "Exits at this budget" // what one of the charts is called
const OF_SUBSETS = /^(exits|view)\./ // files whose numbers are those of the subset that is selected
const CONFIRMED = 2000 // ms that a copy is confirmed
const [PAGE_WIDTH, PAGE_HEIGHT] = [1040, 700] // px of an A4 page, landscape, with its margins
const PRINTING = "offramp-printing"

export class TakeHome {
  /**
   * @param {HTMLElement} root the block
   * @param {Places} places
   */
  constructor(root, places) {
    this.root = root
    this.places = places
    /** @type {Opened | null} */
    this.opened = null
    /** @type {AtBudget | null} */
    this.now = null
    /** @type {View | null} */
    this.view = null
    const { front, rail, columns } = places
    const ground = () => /** @type {HTMLElement} */ (columns.parentElement)
    const axis = { node: rail }
    /** @type {Record<string, HTMLElement>} */
    this.tables = {} // the buttons that open them
    /** @type {Record<string, Chart>} */
    this.charts = {
      front: this.#chart("Front", () => [{ node: front, without: NOT_DRAWN }, axis], () => this.#frontWithDifferences()),
      exits: this.#chart(EXITS, () => [axis, { node: ground(), without: `.offramp-cast, .offramp-all, ${NOT_DRAWN}`, until: ".offramp-leave, .offramp-parts" }], () => this.#exitsTable()),
    }
    this.open = button("offramp-home-open", "Take home", () => this.#show())
    this.open.setAttribute("aria-haspopup", "dialog")
    places.tools.append(this.open)
    places.tables.replaceChildren(...Object.values(this.charts).map(({ twin }) => twin.node))
    places.front.append(element("div", "offramp-to-tables", ...Object.keys(this.charts).map((name) => this.#toTable(name))))
    this.dialog = element("dialog", "offramp-home")
    this.dialog.setAttribute("aria-label", "Take home")
    this.dialog.addEventListener("keydown", (event) => event.stopPropagation()) // Escape closes this and nothing else
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close())
    this.terms = element("p", "offramp-terms") // on paper only
    this.status = element("p", "offramp-home-status")
    this.status.setAttribute("role", "status")
    places.tools.append(this.dialog)
    this.beforePrint = () => this.#beforePrint()
    this.afterPrint = () => this.#afterPrint()
    addEventListener("beforeprint", this.beforePrint)
    addEventListener("afterprint", this.afterPrint)
  }

  /** @param {Opened} opened */
  draw(opened) {
    this.opened = opened
    this.open.disabled = false
    this.root.append(this.terms)
    this.terms.textContent = opened.data.terms ? `Holds ${opened.data.terms}.` : ""
    this.#rename("exits", adapted(opened.model.words, EXITS))
  }

  /** @param {View} view @param {AtBudget} now */
  paint(view, now) {
    this.view = view
    this.now = now
    for (const { twin } of Object.values(this.charts)) twin.paint()
  }

  dispose() {
    removeEventListener("beforeprint", this.beforePrint)
    removeEventListener("afterprint", this.afterPrint)
    this.dialog.close()
    this.opened = this.now = this.view = null
  }

  /** @param {string} what @param {Chart["sections"]} sections @param {Chart["table"]} table @returns {Chart} */
  #chart(what, sections, table) {
    return { what, sections, table, twin: new ChartTable(asTable(what), table) }
  }

  #frontTable() {
    const { opened, now } = this
    if (!opened || !now) return null
    const all = opened.model.at(now.step) // like the curves, also where other numbers are those of a subset
    return frontTable(opened.data.front, all, opened.data.spent, opened.model.budget, opened.model.words)
  }

  #exitsTable() {
    const { opened, now } = this
    return opened && now && exitsTable(now, opened.model.exits, opened.data.spent, opened.model.words)
  }

  #rename(/** @type {string} */ name, /** @type {string} */ what) {
    this.charts[name].what = what
    this.charts[name].twin.rename(asTable(what))
    const open = this.tables[name]
    open.title = `Table: ${what}`
    open.setAttribute("aria-label", open.title)
    open.textContent = shortTitle(what)
  }

  #frontWithDifferences() {
    const { opened, now } = this
    const table = this.#frontTable()
    if (!table || !opened || !now) return null
    const { front, full } = opened.data
    const policy = front.curves[front.curves.length - 1] // drawn last
    return front.intervals ? withDifferences(table, front.intervals, now, { accuracy: policy.accuracy, full, policy: policy.name }) : table
  }

  #toTable(/** @type {string} */ name) {
    const { what, twin } = this.charts[name]
    const open = button("offramp-to-table", shortTitle(what), () => twin.show())
    open.title = `Table: ${what}`
    open.setAttribute("aria-label", open.title)
    this.tables[name] = open
    return open
  }

  // The panel is made for the budget at which it is opened; it covers the handle, so that cannot move meanwhile.
  #show() {
    const { opened, now } = this
    if (!opened || !now) return
    const { data, model, source } = opened
    const { takeHome } = source
    const { forms } = takeHome
    const close = button("offramp-close", "×", () => this.dialog.close())
    close.setAttribute("aria-label", "Close")
    const budget = `budget ${percent(model.budget[now.step])}`
    const charts = Object.entries(this.charts).map(([name, chart]) =>
      row(chart.what, "", [
        this.#save("PNG", `${name}.png`, chart.what, async () => png(await this.#picture(chart.sections()))),
        this.#save("SVG", `${name}.svg`, chart.what, async () => svgFile(await this.#picture(chart.sections()))),
        this.#save("CSV", `${name}.csv`, chart.what, async () => csvFile(/** @type {import("../core/tables.js").Table} */ (chart.table()))),
        this.#action("Table", chart.what, () => {
          this.dialog.close()
          chart.twin.show()
        }),
      ]),
    )
    const carried = model.examples === model.tested ? `all ${count(model.tested)} test examples` : `the ${count(model.examples)} of ${count(model.tested)} test examples that ${model.holder} holds`
    const routes = forms.map((form) => this.#save(form === "csv" ? "CSV" : "Parquet", `routes.${form}`, "Routes", () => takeHome.routes(model, now.step, form)))
    const { page } = takeHome
    const whole = page
      ? row("This page as one file", "Opens as the page is now. Works from disk, without a server or a network.", [this.#save("HTML", null, "This page", () => page(this.#query()))])
      : element("p", "offramp-home-note", "This file is the report already. Parquet needs the engine: python -m engine route writes it.")
    this.status.textContent = ""
    this.dialog.replaceChildren(
      element("header", "offramp-home-head", element("h2", "", "Take home"), element("p", "", `${data.choices.bundle.find(({ value }) => value === data.selection.bundle)?.title}, ${this.#policyTitle()}, ${budget}`), close),
      row("This view", "", [
        this.#save("PNG", "view.png", "This view", async () => png(await this.#picture(this.#view(), data.terms))),
        this.#action("Print", "This view", () => {
          this.dialog.close()
          print()
        }),
      ]),
      ...charts,
      row("Routes", `${capital(model.words.stage)}, margin, ${model.routes.answer ? "prediction" : model.words.graded ? "quality" : "result"}, cost and next change of ${carried}. ${aboutToChange(model, now.step)}${model.isOneDraw(model.at(now.step)) ? " Chance decides at this budget: the routes are one draw, and the shares on the page are expectations." : ""}`, routes),
      ...this.#policyRows(opened, now),
      whole,
      ...(data.terms ? [element("p", "offramp-home-note", `${page ? "This view, on paper too, and this page as one file hold" : "This view holds, on paper too,"} ${data.terms}.`)] : []),
      this.status,
    )
    this.dialog.showModal()
  }

  // What is seen, as a query.
  #query() {
    const { model } = /** @type {Opened} */ (this.opened)
    const parameters = Object.entries(writeView(/** @type {View} */ (this.view), model, {}))
    return new URLSearchParams(parameters.flatMap(([name, value]) => (value === null ? [] : [[name, value]]))).toString()
  }

  /** @param {Opened} opened @param {AtBudget} now */
  #policyRows({ data, model, source }, now) {
    const { unavailable, usage } = data.saving
    const { words } = model
    const save = this.#save("JSON", "policy.json", "Policy", async () => {
      const { content, step } = await source.takeHome.policy(model, now.step)
      if (step !== now.step) this.note = `This file holds the policy at ${percent(model.budget[step])}, the nearest budget.`
      return content
    })
    if (unavailable) {
      save.disabled = true
      return [row("Policy", unavailable, [save])]
    }
    const snippet = usage.replaceAll("policy.json", this.#name("policy.json"))
    const code = element("pre", "", element("code", "", snippet))
    code.tabIndex = 0
    code.setAttribute("aria-label", "How the policy is used in Python")
    const copy = button("offramp-home-button", "Copy", () => void this.#copy(copy, code, snippet))
    copy.setAttribute("aria-label", "Copy: how the policy is used in Python")
    return [row("Policy", `With its knob set for this budget. It routes other outputs of the same ${words.best ? "models" : "network"} as it does here.`, [save]), element("div", "offramp-home-code", code, copy)]
  }

  #policyTitle() {
    const { choices, selection } = /** @type {Opened} */ (this.opened).data
    return choices.policy.find(({ value }) => value === selection.policy)?.title ?? selection.policy
  }

  /** The name of a file. @param {string | null} what null for the page */
  #name(what) {
    const { data, model } = /** @type {Opened} */ (this.opened)
    const { bundle, policy } = data.selection
    if (what === null) return fileName(bundle, `${policy}.html`)
    const of = OF_SUBSETS.test(what) ? this.now?.of : undefined
    return fileName(bundle, policy, budgetName(model.budget[this.now?.step ?? 0]), ...(of ? [of.name] : []), what)
  }

  // Sentence, numbers, front, rail, road and columns, and the example if one is picked.
  #view() {
    const { headline, front, rail, columns, trace } = this.places
    const ground = /** @type {HTMLElement} */ (columns.parentElement)
    /** @type {Section[]} */
    const sections = [{ node: headline, without: ".offramp-announcement" }, { node: front, without: NOT_DRAWN }, { node: rail }, { node: ground, without: `.offramp-all, ${NOT_DRAWN}` }]
    if (!trace.hasAttribute("data-idle")) sections.push({ node: trace, without: ".offramp-close" })
    return sections
  }

  #picture(/** @type {Section[]} */ sections, terms = "") {
    const { data, model } = /** @type {Opened} */ (this.opened)
    const bundle = data.choices.bundle.find(({ value }) => value === data.selection.bundle)?.title ?? data.selection.bundle
    const budget = `${this.#policyTitle()}, budget ${percent(model.budget[this.now?.step ?? 0])} of the ${model.words.reference}’s ${data.spent}`
    const of = this.now?.of
    return picture(this.root, sections, of ? `${bundle} · ${count(of.tested)} ${model.words.many} of ${of.name}` : bundle, `${budget} · ${terms ? `holds ${terms} · ` : ""}${FOOTER}`)
  }

  /**
   * A button that saves a file.
   * @param {string} text @param {string | null} name what follows bundle, policy and budget @param {string} what it is of @param {() => Promise<Blob>} make
   */
  #save(text, name, what, make) {
    const node = this.#action(text, what, async () => {
      node.setAttribute("aria-busy", "true")
      this.status.removeAttribute("data-problem")
      this.status.textContent = `Preparing ${this.#name(name)} …`
      this.note = ""
      try {
        const file = this.#name(name)
        download(await make(), file)
        this.status.textContent = `Saved ${file}. ${this.note}`.trim()
      } catch (problem) {
        this.status.setAttribute("data-problem", "")
        this.status.textContent = /** @type {Error} */ (problem).message
      }
      node.removeAttribute("aria-busy")
    })
    return node
  }

  #action(/** @type {string} */ text, /** @type {string} */ what, /** @type {() => void} */ onPress) {
    const node = button("offramp-home-button", text, onPress)
    node.setAttribute("aria-label", `${what}: ${text}`)
    return node
  }

  async #copy(/** @type {HTMLButtonElement} */ copy, /** @type {HTMLElement} */ code, /** @type {string} */ text) {
    try {
      await navigator.clipboard.writeText(text)
      copy.textContent = "Copied"
      setTimeout(() => (copy.textContent = "Copy"), CONFIRMED)
    } catch {
      // No clipboard here, as on plain http from another computer: the text is selected to be copied by hand.
      const range = document.createRange()
      range.selectNodeContents(code)
      getSelection()?.removeAllRanges()
      getSelection()?.addRange(range)
      this.status.textContent = "This browser does not let the page copy; the lines are selected to be copied by hand."
    }
  }

  // One page of paper: the block is laid out for its width, and made smaller if it is too tall.
  #beforePrint() {
    if (!this.opened || this.root.classList.contains(PRINTING)) return
    this.root.classList.add(PRINTING)
    this.root.style.width = `${PAGE_WIDTH}px`
    dispatchEvent(new Event("resize"))
    const { headline, front, rail, columns, trace } = this.places
    const example = trace.hasAttribute("data-idle") ? [] : [trace]
    const tall = [headline, front, rail, /** @type {HTMLElement} */ (columns.parentElement), ...example].reduce((sum, node) => sum + node.offsetHeight, 100)
    this.root.style.setProperty("--print-zoom", Math.min(1, PAGE_HEIGHT / tall).toFixed(3))
  }

  #afterPrint() {
    this.root.classList.remove(PRINTING)
    this.root.style.removeProperty("width")
    this.root.style.removeProperty("--print-zoom")
    dispatchEvent(new Event("resize"))
  }
}

const NOT_DRAWN = ".offramp-to-table, .offramp-card, .offramp-sum, .offramp-spots"

/** Of the button to a table: its first word says which one. @param {string} what */
const shortTitle = (what) => `Table: ${what.split(" ")[0].toLowerCase()}`

/** @param {string} what */
const asTable = (what) => `${what} as a table`

/** @param {string} title @param {string} text @param {HTMLElement[]} buttons */
function row(title, text, buttons) {
  const words = element("div", "offramp-home-text", element("h3", "", title), ...(text ? [element("p", "", text)] : []))
  return element("section", "offramp-home-row", words, element("div", "offramp-home-buttons", ...buttons))
}

/** @param {import("../core/model.js").Model} model @param {number} step */
function aboutToChange(model, step) {
  const number = model.ids.filter((_, example) => isHighlighted(model, "changing", step, example)).length
  return `${count(number)} of them ${number === 1 ? "leaves" : "leave"} at another ${model.words.stage} if the budget moves by ${NEAR} steps or less.`
}

/** @param {import("./picture.js").Picture} picture */
const svgFile = ({ svg }) => new Blob([svg], { type: "image/svg+xml" })
/** @param {import("../core/tables.js").Table} table */
const csvFile = (table) => new Blob([tableCsv(table)], { type: "text/csv" })

/** @param {Blob} content @param {string} name */
function download(content, name) {
  const link = element("a")
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
