// The front: drawn once by Plotly, with our own dot on top. Redrawing the chart for every move would take ten times as long.

import { freestCorner, marksOf } from "./corner.js"

let loading = null

function plotly(address) {
  loading ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly)
    const script = document.createElement("script")
    script.src = address
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => reject(new Error("The chart could not be loaded from the server; load the page again."))
    document.head.append(script)
  })
  return loading
}

export class Front {
  // onPick(share, done): the visitor points at a cost; share is null if the drag was cancelled
  constructor(figure, onPick) {
    this.plot = figure.querySelector(".offramp-plot")
    this.dot = figure.querySelector(".offramp-dot")
    this.guide = figure.querySelector(".offramp-guide")
    this.onPick = onPick
    this.drawn = false
    this.#listen()
  }

  async draw(data) {
    this.data = data
    this.plot.setAttribute("aria-label", data.alt)
    const Plotly = await plotly(data.plotly)
    if (!this.plot.isConnected) return
    const narrow = this.plot.clientWidth < 520
    const layout = { ...data.figure.layout, autosize: true }
    if (narrow) Object.assign(layout, { legend: { orientation: "h", x: 0, y: -0.28, font: { size: 11 } }, margin: { l: 46, r: 6, t: 6, b: 118 } })
    await Plotly.react(this.plot, data.figure.data, layout, data.config)
    if (!this.drawn) this.plot.on("plotly_afterplot", () => this.#redrawn())
    this.drawn = true
    this.#redrawn()
  }

  // The chart has other axes now.
  #redrawn() {
    this.surroundings = null
    this.place(this.at)
  }

  // Move the dot to a point of the front.
  place(point) {
    this.at = point
    const axes = this.plot._fullLayout
    if (!this.drawn || !point || !axes?.xaxis) return
    const x = axes.xaxis._offset + axes.xaxis.d2p(point.cost)
    const y = axes.yaxis._offset + axes.yaxis.d2p(point.accuracy)
    this.dot.hidden = this.guide.hidden = false
    this.dot.style.transform = `translate(${x}px, ${y}px)`
    this.guide.style.transform = `translate(${x}px, ${axes.yaxis._offset}px)`
    this.guide.style.height = `${axes.yaxis._length}px`
    const label = this.dot.firstElementChild
    label.textContent = point.label
    this.surroundings ??= this.#surroundings(axes, label)
    const { size, marks, area } = this.surroundings
    this.dot.dataset.corner = freestCorner({ x, y }, size, marks, area, this.dot.dataset.corner)
  }

  // What the dot's label must not cover; the same until the chart is redrawn.
  #surroundings({ xaxis, yaxis }, label) {
    const area = { left: xaxis._offset, top: yaxis._offset, right: xaxis._offset + xaxis._length, bottom: yaxis._offset + yaxis._length }
    return { size: { width: label.offsetWidth, height: label.offsetHeight }, marks: marksOf(this.plot), area }
  }

  dispose() {
    this.stopListening()
    if (this.drawn) window.Plotly.purge(this.plot)
    this.drawn = false
  }

  // A press anywhere on the chart moves the budget there; a drag moves it along.
  #listen() {
    let held = false
    const share = (event) => {
      const { xaxis } = this.plot._fullLayout
      return xaxis.p2d(event.clientX - this.plot.getBoundingClientRect().left - xaxis._offset)
    }
    this.plot.addEventListener(
      "pointerdown",
      (event) => {
        if (!this.drawn || event.button !== 0 || event.target.closest(".legend")) return
        held = true
        this.onPick(share(event), false)
      },
      true,
    )
    // On the window: Plotly covers the page while a button is down.
    const move = (event) => held && this.onPick(share(event), false)
    const end = (event) => {
      if (held) this.onPick(event.type === "pointerup" ? share(event) : null, true)
      held = false
    }
    addEventListener("pointermove", move)
    addEventListener("pointerup", end)
    addEventListener("pointercancel", end)
    this.stopListening = () => {
      removeEventListener("pointermove", move)
      removeEventListener("pointerup", end)
      removeEventListener("pointercancel", end)
    }
  }
}
