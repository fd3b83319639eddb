// What the budget saves in a year, from assumptions that the visitor edits. It follows the handle.

import { button, element, percent } from "../core/dom.js"
import { costInWords } from "../core/printed.js"
import { EXAMPLE, FIELDS, basesOf, currencyOf, fieldOf, grouped, numberOf, readAssumptions, savings, shareText, usualBasis, writeAssumptions } from "../core/savings.js"
import { nearest } from "../core/view.js"
import { amount, capital, named } from "../core/words.js"

/** @typedef {import("../core/savings.js").Assumptions} Assumptions */
/** @typedef {import("../core/savings.js").Basis} Basis */
/** @typedef {import("../core/savings.js").Field} Field */
/** @typedef {{field: Field, input: HTMLInputElement, example: HTMLElement}} Entry */

const SETTLE = 300 // ms without a change before the address follows
const DOLLARS = "usd" // the unit of cost whose amounts are prices
const CLOSE = 0.003 // of a measured budget to a step of the sweep

const INFERENCE = "a full inference"
/** What prices and times are of. @param {import("../core/words.js").Words} words */
const inference = ({ best }) => (best ? "a run of the best model" : INFERENCE)

export class Calculator {
  /**
   * @param {HTMLElement} tools for the button
   * @param {{address: import("../core/address.js").Address, move: (step: number, done: boolean) => void}} block
   */
  constructor(tools, block) {
    this.block = block
    this.button = button("offramp-tool offramp-tool-calculator", "Calculator", () => (this.node.hidden ? this.open() : this.close()))
    this.button.title = "What this budget saves in a year"
    this.button.setAttribute("aria-expanded", "false")
    tools.append(this.button)
    this.entries = FIELDS.map((field) => this.#entry(field))
    this.currency = element("input", "offramp-currency")
    this.currency.setAttribute("aria-label", "Currency")
    this.currency.maxLength = 3
    this.currency.oninput = () => this.#change({ currency: currencyOf(this.currency.value) })
    this.entries.find(({ field }) => field.name === "price")?.input.after(this.currency) // the label is that of its first field
    this.basis = element("select")
    this.basis.onchange = () => {
      this.selected = true
      this.#change({ basis: this.basis.value })
    }
    this.steps = element("span", "offramp-measured-steps")
    this.from = element("div", "offramp-basis", element("label", "", "Time is ", this.basis), this.steps)
    this.problem = element("p", "offramp-calculator-problem")
    this.problem.setAttribute("role", "status")
    this.heading = element("h2", "", "What it saves in a year")
    this.what = element("p", "offramp-calculator-what")
    this.rows = element("tbody")
    this.columns = ["In a year", "Full network", "This budget", "Saved", "Share"].map((text) => element("th", "", text))
    for (const column of this.columns) column.scope = "col"
    const close = button("offramp-close", "×", () => this.close())
    close.setAttribute("aria-label", "Close the calculator")
    const fields = element("div", "offramp-assumptions", ...this.entries.map(({ input }) => /** @type {HTMLElement} */ (input.closest("label"))))
    const hint = element("p", "offramp-calculator-hint", "Values marked “example” are examples and not data: enter your own. Empty: not counted. A year has 365 days.")
    this.node = element(
      "section",
      "offramp-calculator",
      element("div", "offramp-calculator-head", this.heading, this.what, close),
      element("div", "offramp-calculator-inputs", fields, this.from, this.problem, hint),
      element("table", "offramp-savings", element("thead", "", element("tr", "", ...this.columns)), this.rows),
    )
    this.node.setAttribute("aria-label", "What it saves in a year")
    this.node.tabIndex = -1
    this.node.hidden = true
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return
      event.stopPropagation() // the example stays
      this.close()
    })
    /** @type {Assumptions} */
    this.assumptions = EXAMPLE
    /** @type {number | null} */
    this.price = null // of a full inference, where it is known
    /** @type {Basis[]} */
    this.bases = []
    this.selected = false // whether the visitor selected a basis
    this.stepsShown = "" // what their buttons show
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined
  }

  /** @param {import("../blocks/explore.js").Opened} opened */
  draw({ model, data }) {
    this.model = model
    for (const { field, input } of this.entries) {
      const unit = field.unit.replace(INFERENCE, inference(model.words))
      const small = /** @type {Element} */ (input.closest("label")?.querySelector("small"))
      small.textContent = unit
      input.setAttribute("aria-label", `${field.title} (${unit})`)
    }
    const stepOf = (/** @type {number} */ budget) => {
      const step = nearest(model.budget, budget)
      return Math.abs(model.budget[step] - budget) <= CLOSE ? step : null
    }
    this.stepsShown = ""
    if (this.price === this.assumptions.price) this.assumptions = { ...EXAMPLE, requests: this.assumptions.requests } // it was that of another bundle
    this.price = data.selection.unit === DOLLARS && model.full.cost > 0 ? Number(model.full.cost.toPrecision(6)) : null
    this.bases = basesOf(data.front.timed, stepOf)
    this.from.hidden = this.bases.length === 0
    this.basis.replaceChildren(new Option(`predicted from ${model.spent}`, ""), ...this.bases.map(({ key, title }) => new Option(title, key)))
  }

  /** @param {import("../core/view.js").View} view @param {import("../core/model.js").AtBudget} now */
  paint({ step }, now) {
    this.now = { ...now, step }
    if (!this.node.hidden) this.#paint()
  }

  /**
   * Open with what the address says, or close.
   * @param {Record<string, string>} parameters
   * @returns {import("../core/view.js").Remark[]} about what is invalid there
   */
  follow({ calc }) {
    clearTimeout(this.timer)
    if (calc === undefined) {
      this.#show(false)
      return []
    }
    const { assumptions, notices } = readAssumptions(calc, this.bases)
    this.assumptions = assumptions
    this.#fill()
    this.#show(true)
    const written = writeAssumptions(assumptions, this.bases)
    this.selected = assumptions.basis !== usualBasis(this.bases)
    if (notices.length && written !== calc) this.block.address.replace({ calc: written })
    return notices.map((text) => ({ about: ["calc"], text }))
  }

  open() {
    const { basis } = this.assumptions
    if (!this.selected || (basis !== "" && !this.bases.some(({ key }) => key === basis))) this.assumptions = { ...this.assumptions, basis: usualBasis(this.bases) }
    if (this.price && this.assumptions.price === EXAMPLE.price) this.assumptions = { ...this.assumptions, price: this.price, energy: null, seconds: null }
    this.#fill()
    this.#show(true)
    this.#write()
    if (matchMedia("(hover: hover)").matches) this.entries[0].input.focus({ preventScroll: true }) // its beginning stays in sight in a low window
    else this.node.focus({ preventScroll: true }) // without a keyboard over half of the screen
  }

  /** The focus returns to the button. */
  close() {
    clearTimeout(this.timer)
    this.#show(false)
    this.block.address.replace({ calc: null })
    this.button.focus()
  }

  dispose() {
    clearTimeout(this.timer)
  }

  /** @param {Field} field @returns {Entry} */
  #entry(field) {
    const input = element("input")
    input.inputMode = "decimal"
    input.autocomplete = "off"
    input.spellcheck = false
    input.setAttribute("aria-label", `${field.title} (${field.unit})`)
    const example = element("small", "offramp-example", "example")
    element("label", "offramp-assumption", element("span", "offramp-assumption-title", field.title, " ", element("small", "", field.unit)), element("span", "offramp-assumption-value", input, example))
    input.oninput = () => {
      const number = numberOf(input.value)
      const empty = input.value.trim() === "" && field.optional
      const valid = empty || (number >= field.low && number <= field.high)
      input.setAttribute("aria-invalid", String(!valid))
      if (valid) this.#change({ [field.name]: empty ? null : number })
    }
    input.onchange = () => {
      const { value, notice } = fieldOf(field, input.value)
      this.#change({ [field.name]: value })
      this.problem.textContent = notice ?? ""
      this.#fill()
    }
    return { field, input, example }
  }

  #fill() {
    const { assumptions } = this
    for (const { field, input } of this.entries) {
      const value = assumptions[field.name]
      input.value = value === null ? "" : grouped(value)
      input.setAttribute("aria-invalid", "false")
    }
    this.currency.value = assumptions.currency
    this.basis.value = assumptions.basis
  }

  #change(/** @type {Partial<Assumptions>} */ change) {
    this.assumptions = { ...this.assumptions, ...change }
    this.problem.textContent = ""
    this.#paint()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.#write(), SETTLE)
  }

  #write() {
    this.block.address.replace({ calc: writeAssumptions(this.assumptions, this.bases) })
  }

  #show(/** @type {boolean} */ shown) {
    this.node.hidden = !shown
    this.button.setAttribute("aria-expanded", String(shown))
    if (shown) this.#paint()
  }

  #paint() {
    const { model, now, assumptions } = this
    if (!model || !now) return
    const basis = this.bases.find(({ key }) => key === assumptions.basis)
    for (const { field, example } of this.entries) example.style.visibility = assumptions[field.name] === field.example ? "" : "hidden"
    this.what.textContent = `${amount(model.words, now.accuracy)} ${model.words.measure} instead of ${amount(model.words, model.full.accuracy)}, at ${percent(now.cost)} of the ${model.words.reference}’s ${model.spent}`
    this.columns[1].textContent = capital(named(model.words))
    this.columns[2].textContent = `At ${costInWords(now.cost).cost}`
    const rows = savings(assumptions, { share: now.cost, spent: model.spent, step: now.step }, basis)
    this.rows.replaceChildren(
      ...rows.map(({ title, full, now, saved, share, basis }) => {
        const name = element("th", "", title)
        name.scope = "row"
        return element("tr", "", name, ...[full, now, saved].map((text) => element("td", "", text)), element("td", "offramp-savings-basis", `× ${shareText(share)}, ${basis}`))
      }),
    )
    if (rows.length === 0) this.rows.append(element("tr", "", Object.assign(element("td", "", `Enter a price, an energy or a time of ${inference(model.words)}.`), { colSpan: 5 })))
    this.#paintSteps(basis)
  }

  // Only some budgets were measured.
  #paintSteps(/** @type {Basis | undefined} */ basis) {
    const { model, now } = this
    if (!model || !now) return
    const steps = [...(basis?.at.keys() ?? [])].sort((a, b) => a - b)
    const focused = this.steps.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.step : undefined
    const shown = `${basis?.key ?? ""} ${steps.includes(now.step) ? now.step : ""}`
    if (this.stepsShown === shown) return
    this.stepsShown = shown
    const buttons = steps.map((step) => {
      const node = button("", percent(model.cost[step], 0), () => this.block.move(step, true))
      node.dataset.step = String(step)
      node.setAttribute("aria-pressed", String(step === now.step))
      return node
    })
    this.steps.replaceChildren(...(basis ? ["measured at ", ...buttons, " only"] : []))
    buttons.find((node) => node.dataset.step === focused)?.focus({ preventScroll: true })
  }
}
