// The panel below the chips: which bundle, which policy with what there is to know about it, which unit of cost, and three ways to say how much
// may be spent. What is pressed takes effect at once; the panel stays open, so that policies can be compared.

import { button, element, percent } from "../core/dom.js"
import { cheapestFor } from "../core/floor.js"
import { pieces } from "../core/formula.js"
import { nearest } from "../core/view.js"
import { USUAL, adapted, amount, capital } from "../core/words.js"

/** @typedef {import("./controls.js").Choices} Choices */
/** @typedef {import("./controls.js").Option} Option */
/** @typedef {import("./controls.js").Selection} Selection */
/** @typedef {import("../core/model.js").Model} Model */
/** What there is to know about a policy, see app/payload/policy_cards.py. @typedef {{name: string, title: string, group: string, idea: string, formula: string, knob: string, useWhen: string, source: string}} Card */
/** @typedef {(promise: {errors: number, confidence: number}) => Promise<{policy: string, budget: number, text: string}>} Guarantee */
/**
 * cards: of all policies, or of the one in a file;  guarantee: where a promise can be asked for
 * @typedef {{
 *   select: (change: Partial<Selection>, budget?: number) => void, move: (step: number) => void, close: () => void,
 *   cards: () => Promise<Card[]>, guarantee?: Guarantee,
 * }} Actions
 */

const WAYS = { budget: "Budget", accuracy: "Accuracy", guarantee: "Guarantee" }
const ABOUT_KNOB = "Its knob: "

export class Panel {
  /**
   * @param {HTMLElement} place
   * @param {Actions} on
   */
  constructor(place, on) {
    this.place = place
    this.on = on
    place.hidden = true
    place.classList.add("offramp-panel")
    place.setAttribute("role", "group")
    place.setAttribute("aria-label", "What to look at")
    this.bundle = select("Bundle", (value) => on.select({ bundle: value }))
    this.unit = select("Cost in", (value) => on.select({ unit: value }))
    this.unitHelp = element("p", "offramp-panel-help")
    this.policies = element("div", "offramp-policies")
    this.policies.setAttribute("role", "radiogroup")
    this.policies.setAttribute("aria-label", "Policy")
    this.card = element("article", "offramp-card-of-policy")
    this.unavailable = element("details", "offramp-unavailable")
    this.ways = element("div", "offramp-ways")
    this.ways.setAttribute("role", "group")
    this.ways.setAttribute("aria-label", "Ask for")
    this.form = element("form", "offramp-way")
    this.result = element("p", "offramp-panel-help")
    this.result.setAttribute("aria-live", "polite")
    this.form.onsubmit = (event) => {
      event.preventDefault()
      void this.#ask()
    }
    const close = button("offramp-close", "×", on.close)
    close.setAttribute("aria-label", "Close")
    place.replaceChildren(
      element("div", "offramp-panel-what", this.bundle.label, this.unit.label, this.unitHelp, element("div", "offramp-asked", element("h2", "", "Ask for"), this.ways, this.form, this.result)),
      element("div", "", this.policies, this.unavailable),
      this.card,
      close,
    )
    /** @type {Card[]} */
    this.cards = []
    /** @type {Choices | null} */
    this.choices = null
    /** @type {Selection | null} */
    this.selection = null
    /** @type {Model | null} */
    this.model = null
    this.step = 0
    /** @type {Map<string, {budget: number[], accuracy: number[]}>} */
    this.known = new Map() // sweeps of the bundle and unit that have been shown, by policy
    this.subject = "" // that bundle and unit
    /** @type {Map<string, HTMLElement>} */
    this.accuracies = new Map() // by policy
    this.described = "" // the policy of the card
    /** @type {string | undefined} */
    this.promised = undefined // what to say once the promise's rule is shown
    /** @type {HTMLElement | undefined} */
    this.numbers = undefined // of the card
    this.way = "budget"
    this.#drawWays()
  }

  /** @param {keyof Selection} [name] what was pressed, which gets the focus */
  async show(name = "policy") {
    this.place.hidden = false
    this.#drawForm()
    this.#drawPolicies()
    this.#focus(name)
    if (this.cards.length > 0) return
    try {
      this.cards = await this.on.cards()
    } catch (problem) {
      this.card.replaceChildren(element("p", "offramp-panel-help", `The descriptions of the policies could not be fetched. ${/** @type {Error} */ (problem).message}`))
      return
    }
    const held = this.place.contains(/** @type {Document | ShadowRoot} */ (this.place.getRootNode()).activeElement)
    this.#drawPolicies()
    if (held && name === "policy") this.#focus(name)
  }

  hide() {
    this.place.hidden = true
  }

  /**
   * @param {Choices} choices
   * @param {Selection} selection
   */
  draw(choices, selection) {
    this.choices = choices
    this.selection = selection
    this.bundle.draw(choices.bundle, selection.bundle)
    this.unit.draw(choices.unit, selection.unit)
    this.unitHelp.textContent = choices.unit.find(({ value }) => value === selection.unit)?.help ?? ""
    if (!this.place.hidden) this.#drawPolicies()
  }

  /** @param {Model} model */
  drawModel(model) {
    this.model = model
    this.#remember(model)
    this.described = "" // in other words, maybe
    if (!this.place.hidden && this.selection) this.#drawCard(this.selection.policy)
    this.#drawWays()
    this.result.textContent = this.promised ?? ""
    this.promised = undefined
    const { activeElement } = /** @type {Document | ShadowRoot} */ (this.place.getRootNode())
    if (!this.form.contains(activeElement)) this.#drawForm() // else it is being filled in
  }

  /** @param {number} step */
  paint(step) {
    this.step = step
    if (this.place.hidden) return
    this.#paintNumbers()
    this.#paintAccuracies()
  }

  // What each policy that has been shown gave, so that they can be compared. Nothing is fitted for that.
  #remember(/** @type {Model} */ model) {
    const { selection } = this
    if (!selection) return
    const subject = JSON.stringify([selection.bundle, selection.unit])
    if (subject !== this.subject) this.known.clear()
    this.subject = subject
    this.known.set(selection.policy, { budget: model.budget, accuracy: model.accuracy })
    if (!this.place.hidden) this.#paintAccuracies()
  }

  #paintAccuracies() {
    const { model } = this
    if (!model) return
    const budget = model.budget[this.step]
    for (const [policy, node] of this.accuracies) {
      const sweep = this.known.get(policy)
      const text = sweep ? amount(model.words, sweep.accuracy[nearest(sweep.budget, budget)]) : ""
      if (node.textContent !== text) node.textContent = text
    }
  }

  #focus(/** @type {keyof Selection} */ name) {
    const target = name === "policy" ? this.policies.querySelector("input:checked") : this[name].node
    if (target instanceof HTMLElement) target.focus({ preventScroll: true })
  }

  #drawPolicies() {
    const { choices, selection } = this
    if (!choices || !selection) return
    const active = /** @type {Document | ShadowRoot} */ (this.place.getRootNode()).activeElement
    const focused = active instanceof HTMLInputElement && this.policies.contains(active) ? active.value : null
    const group = this.place.dataset.name ?? (this.place.dataset.name = `policy-${Math.random().toString(36).slice(2)}`)
    const known = new Map(this.cards.map((card) => [card.name, card]))
    /** @type {Map<string, Option[]>} */
    const groups = new Map(this.cards.map((card) => [card.group, []]))
    for (const option of choices.policy) {
      const title = known.get(option.value)?.group ?? ""
      groups.set(title, [...(groups.get(title) ?? []), option])
    }
    this.accuracies.clear()
    const row = (/** @type {[string, Option[]]} */ [title, options]) => {
      const radios = options.map((option) => {
        const input = element("input")
        input.type = "radio"
        input.name = group
        input.value = option.value
        input.checked = option.value === selection.policy
        input.onchange = () => {
          this.#drawCard(option.value)
          this.on.select({ policy: option.value })
        }
        const accuracy = element("small", "")
        accuracy.title = `Test ${this.model?.words.measure ?? USUAL.measure} at this budget, of a policy that has been shown`
        this.accuracies.set(option.value, accuracy)
        const label = element("label", "offramp-policy", input, element("span", "", option.title, accuracy))
        label.onpointerenter = () => this.#drawCard(option.value)
        return label
      })
      return element("section", "", ...(title ? [element("h2", "", title)] : []), element("div", "", ...radios))
    }
    this.policies.onpointerleave = () => this.#drawCard(this.selection?.policy ?? "")
    this.policies.replaceChildren(...[...groups].filter(([, options]) => options.length > 0).map(row))
    const again = focused && this.policies.querySelector(`input[value="${focused}"]`)
    if (again instanceof HTMLElement) again.focus({ preventScroll: true })
    this.unavailable.hidden = choices.unavailable.length === 0
    this.unavailable.replaceChildren(element("summary", "", `${choices.unavailable.length} cannot run here`), ...choices.unavailable.map((reason) => element("p", "", reason)))
    this.#drawCard(selection.policy)
    this.#paintAccuracies()
  }

  #drawCard(/** @type {string} */ name) {
    const card = this.cards.find((other) => other.name === name)
    if (!card || this.described === name) return this.#paintNumbers()
    this.described = name
    const words = this.model?.words ?? USUAL
    this.numbers = element("p", "offramp-card-numbers")
    const line = (/** @type {string} */ title, /** @type {string} */ text) => element("p", "", element("b", "", title), adapted(words, text))
    this.card.replaceChildren(
      element("h2", "", adapted(words, card.title)),
      element("p", "offramp-card-idea", adapted(words, card.idea)),
      ...(card.formula ? [element("p", "offramp-formula", ...pieces(adapted(words, card.formula)).map(({ text, place }) => (place === "line" ? text : element(place, "", text))))] : []),
      this.numbers,
      line(ABOUT_KNOB, `${card.knob}.`),
      ...(card.useWhen ? [line("When: ", card.useWhen)] : []),
      element("p", "offramp-panel-help", card.source),
    )
    this.#paintNumbers()
  }

  // The formula's numbers at this budget, of the policy that is shown.
  #paintNumbers() {
    const { model, step, numbers } = this
    if (!numbers) return
    numbers.hidden = !model || this.described !== this.selection?.policy
    if (!model || numbers.hidden) return
    const thresholds = model.exits.slice(0, -1).map((_, k) => model.thresholdAt(step, k))
    const known = thresholds.some((value) => value !== null)
    const settings = model.settings[step].startsWith("threshold") ? "" : model.settings[step] // those are known
    const texts = thresholds.map((value) => (value === null ? "none" : Number.isFinite(value) ? value.toFixed(2) : value > 0 ? "∞" : "−∞"))
    numbers.textContent = [known ? `Now t = ${texts.join(", ")}` : "", settings].filter((text) => text !== "").join("; ")
  }

  #drawWays() {
    const { measure } = this.model?.words ?? USUAL
    const names = Object.entries({ ...WAYS, accuracy: capital(measure) }).filter(([name]) => name !== "guarantee" || this.on.guarantee)
    this.ways.replaceChildren(
      ...names.map(([name, title]) => {
        const node = button("", title, () => {
          this.way = name
          this.result.textContent = ""
          this.#drawWays()
          this.#drawForm()
        })
        node.setAttribute("aria-pressed", String(name === this.way))
        return node
      }),
    )
  }

  #drawForm() {
    const { model, way } = this
    const field = (/** @type {string} */ name, /** @type {string} */ before, /** @type {string} */ after, /** @type {number} */ value, low = 0, high = 100) => {
      const input = element("input")
      Object.assign(input, { type: "number", name, min: String(low), max: String(high), step: "any", value: String(value), required: true })
      return element("label", "", `${before} `, input, ` ${after}`)
    }
    const { graded, measure, reference } = model?.words ?? USUAL
    /** @type {[string, number, number, number]} */
    const promised = graded ? [`less ${measure} than the ${reference},`, 0.01, 0.001, 0.5] : [`points less accuracy than the ${reference},`, 1, 0.1, 50]
    const go = element("button", "offramp-go", way === "guarantee" ? "Find it" : "Go")
    const spent = model?.spent ?? "cost"
    if (way === "budget") this.form.replaceChildren(field("budget", "at most", `% of the ${spent}`, model ? Number((100 * model.budget[this.step]).toFixed(1)) : 25, 0, 1000), go)
    else if (way === "accuracy" && graded && model) this.form.replaceChildren(field("accuracy", "at least", `${measure}, from 0 to 1`, Math.floor(100 * model.full.accuracy + 1e-6) / 100, 0, 1), go)
    else if (way === "accuracy") this.form.replaceChildren(field("accuracy", "at least", "% correct", model ? Math.floor(1000 * model.full.accuracy + 1e-6) / 10 : 95), go)
    else this.form.replaceChildren(field("errors", "at most", ...promised), field("confidence", "with", "% confidence", 90, 50, 99.9), go)
  }

  async #ask() {
    const { model, way, on } = this
    if (!model) return
    const number = (/** @type {string} */ name) => Number(/** @type {HTMLInputElement} */ (this.form.elements.namedItem(name)).value)
    const share = (/** @type {string} */ name) => number(name) / 100
    const result = model.words.graded ? number : share
    if (way === "budget") {
      const step = largestWithin(model.budget, share("budget"))
      this.result.textContent = `Planned ${percent(model.planned[step])}; spent ${percent(model.calibrationCost[step])} on calibration and ${percent(model.cost[step])} on test.`
      on.move(step)
    } else if (way === "accuracy") {
      const { step, text } = cheapestFor(model, result("accuracy"))
      this.result.textContent = text
      if (step !== null) on.move(step)
    } else {
      this.result.textContent = "Testing thresholds on calibration …"
      try {
        const kept = await on.guarantee?.({ errors: result("errors"), confidence: share("confidence") })
        if (!kept) return
        this.result.textContent = this.promised = kept.text
        on.select({ policy: kept.policy }, kept.budget)
      } catch (problem) {
        this.result.textContent = /** @type {Error} */ (problem).message
      }
    }
  }
}

/**
 * A list to select from, or a text where there is only one.
 * @param {string} title
 * @param {(value: string) => void} onSelect
 */
function select(title, onSelect) {
  const node = element("select")
  node.dataset.select = title
  node.onchange = () => onSelect(node.value)
  const only = element("b")
  const label = element("label", "offramp-panel-select", element("span", "", title), node, only)
  const draw = (/** @type {Option[]} */ options, /** @type {string} */ value) => {
    node.replaceChildren(...options.map((option) => new Option(option.title, option.value, false, option.value === value)))
    node.value = value
    node.hidden = options.length === 1
    only.hidden = !node.hidden
    only.textContent = options[0].title
  }
  return { label, node, draw }
}

/** The step of the largest budget that is not above a share, or the smallest one. @param {ArrayLike<number>} budgets in order @param {number} share */
export function largestWithin(budgets, share) {
  let step = 0
  while (step + 1 < budgets.length && budgets[step + 1] <= share + 1e-9) step++
  return step
}
