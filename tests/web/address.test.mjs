// The page's address: what a link asks for, what is written to it, and what happens to invalid values.

import assert from "node:assert/strict"
import { test } from "node:test"
import { Address, hashPlace, memoryPlace, searchPlace } from "../../app/web/core/address.js"
import { drawGame, encodeGame } from "../../app/web/core/game.js"
import { changed, PARAMETERS, readView, writeView } from "../../app/web/core/view.js"
import { golden } from "./golden.mjs"

// A browser's history and location, as far as they are used.
function browser(url) {
  const entries = [new URL(url)]
  let at = 0
  const listeners = new Set()
  globalThis.location = new Proxy({}, { get: (_, name) => entries[at][name] })
  globalThis.history = {
    state: null,
    replaceState: (_, __, next) => (entries[at] = new URL(next, entries[at])),
    pushState: (_, __, next) => {
      entries.splice(at + 1, Infinity, new URL(next, entries[at]))
      at++
    },
  }
  globalThis.addEventListener = (_, listener) => listeners.add(listener)
  globalThis.removeEventListener = (_, listener) => listeners.delete(listener)
  const go = (by) => {
    at += by
    for (const listener of listeners) listener({ stopPropagation: () => {} })
  }
  return { entries, go, current: () => entries[at].href }
}

test("whoever listens hears of every change, and of nothing else", () => {
  const address = new Address(memoryPlace("budget=0.5"))
  let heard = 0
  address.onWrite = () => heard++
  address.replace({ budget: "0.5" })
  address.push({ image: null })
  assert.equal(heard, 0)
  address.replace({ budget: "0.6" })
  address.push({ image: "7" })
  assert.equal(heard, 2)
})

test("replacing adds no entry to the history, pushing does", () => {
  const { entries, current } = browser("http://here/sub/?bundle=a#top")
  const address = new Address(searchPlace())
  address.replace({ budget: "0.3" })
  assert.equal(current(), "http://here/sub/?bundle=a&budget=0.3#top")
  for (let i = 0; i < 30; i++) address.replace({ budget: String(i / 100) })
  assert.equal(entries.length, 1)
  address.push({ image: "7" })
  assert.equal(entries.length, 2)
  address.push({ image: "7" })
  assert.equal(entries.length, 2, "an address that stays the same is no new entry")
  address.replace({ bundle: null, budget: null, image: null })
  assert.equal(current(), "http://here/sub/#top")
})

test("back and forward are heard until nobody listens", () => {
  const { go } = browser("http://here/?image=1")
  const address = new Address(searchPlace())
  address.push({ image: "2" })
  const heard = []
  const stop = address.listen(() => heard.push(address.parameters().image))
  go(-1)
  go(1)
  stop()
  go(-1)
  assert.deepEqual(heard, ["1", "2"])
})

test("a file keeps its parameters after the #", () => {
  const { current } = browser("file:///home/report.html")
  const address = new Address(hashPlace())
  address.push({ budget: "0.5", class: "a & b" })
  assert.equal(current(), "file:///home/report.html#budget=0.5&class=a+%26+b")
  assert.deepEqual(address.parameters(), { budget: "0.5", class: "a & b" })
})

test("two addresses of their own do not share parameters", () => {
  const [one, other] = [new Address(memoryPlace("budget=0.5")), new Address(memoryPlace())]
  one.push({ budget: "0.6" })
  assert.deepEqual([one.parameters(), other.parameters()], [{ budget: "0.6" }, {}])
})

test("what is written is what is read", () => {
  const { model } = golden("chain")
  for (const view of [
    { step: 7, subset: 2, show: "incorrect", open: 1, sort: "random", picked: 11, game: null },
    { step: 0, subset: null, show: "all", open: null, sort: "typical", picked: null, game: null },
    { step: 3, subset: model.subsets.list.findIndex(({ level }) => level === "high"), show: "rescued", open: 0, sort: "hardest", picked: null, game: null },
    { step: model.steps - 1, subset: 0, show: "overthought", open: null, sort: "typical", picked: 0, game: encodeGame(drawGame(model, 7), Array(10).fill(0), model) },
  ]) {
    const written = writeView(view, model, {})
    assert.deepEqual(Object.keys(written).sort(), [...PARAMETERS].sort())
    const parameters = Object.fromEntries(Object.entries(written).filter(([, value]) => value !== null))
    assert.deepEqual(readView(parameters, model), { view, notices: [] })
  }
})

test("a budget stays as it is written while it leads to the same step", () => {
  const { model } = golden("chain")
  const near = (model.budget[7] + 0.2 * (model.budget[8] - model.budget[7])).toFixed(5)
  const view = { step: 7, subset: null, show: "all", open: null, sort: "typical", picked: null, game: null }
  assert.equal(writeView(view, model, { budget: near }).budget, near)
  assert.notEqual(writeView({ ...view, step: 8 }, model, { budget: near }).budget, near)
  const start = readView({}, model).view
  assert.equal(writeView(start, model, {}).budget, null, "the default is not written")
  assert.equal(writeView({ ...view, step: model.steps - 1 }, model, { budget: "7" }).budget, "1", "what is out of range is replaced")
})

test("another bundle keeps what was selected on purpose, and not the defaults of the one before", () => {
  const shown = { selection: { bundle: "a", policy: "random_mix", unit: "cost" }, defaults: { bundle: "doodles", policy: "random_mix", unit: "usd" } }
  assert.deepEqual(changed({ budget: "0.4", bundle: "a" }, shown, { bundle: "b" }), { budget: "0.4", bundle: "b", unit: "cost" })
  assert.deepEqual(changed({ budget: "0.4" }, shown, { unit: "usd" }), { budget: "0.4", ...shown.selection, unit: "usd" })
})

test("an empty address asks for the default budget and is not complained about", () => {
  const { model } = golden("chain")
  const { view, notices } = readView({}, model)
  assert.ok(Math.abs(model.budget[view.step] - 0.25) < 0.02)
  assert.deepEqual([view.subset, view.show, view.picked, notices], [null, "all", null, []])
})

for (const [parameters, words] of [
  [{ budget: "7" }, ["7"]],
  [{ budget: "-1" }, ["-1"]],
  [{ budget: "plenty" }, ["plenty"]],
  [{ budget: "" }, ["budget"]],
  [{ budget: "NaN" }, ["NaN"]],
  [{ budget: "Infinity" }, ["Infinity"]],
  [{ class: "no such class" }, ["no such class"]],
  [{ show: "maybe" }, ["maybe"]],
  [{ show: "toString" }, ["toString"]],
  [{ image: "999999999" }, ["999999999"]],
  [{ game: "1-0-0-zzzz" }, ["1-0-0-zzzz"]],
  [{ budget: "3", class: "x".repeat(500), show: "\u0007", image: "<b>" }, ["3", "x".repeat(40), "?", "<b>"]],
]) {
  test(`invalid parameters are replaced, with a sentence each: ${JSON.stringify(parameters).slice(0, 40)}`, () => {
    const { model } = golden("chain")
    const { view, notices } = readView(parameters, model)
    assert.equal(notices.length, words.length)
    words.forEach((word, i) => assert.ok(notices[i].text.includes(word), notices[i].text))
    assert.ok(view.step >= 0 && view.step < model.steps)
    assert.deepEqual([view.subset, view.show, view.picked, view.game], [null, "all", null, null])
    assert.ok(notices.every(({ text }) => text.length < 200))
  })
}

test("the bounds in a sentence about a budget are budgets that can be asked for", () => {
  const { model } = golden("chain")
  const budget = Array.from(model.budget)
  for (const least of [0.0849, 0.081, 0.104, 0.2, 0.00031]) {
    budget[0] = least
    const made = { ...model, budget, subsets: model.subsets }
    const [{ text, about }] = readView({ budget: "-1" }, made).notices
    const [from, to] = text.match(/between ([\d.]+) and ([\d.]+)\./).slice(1).map(Number)
    assert.ok(from >= least && from < 1.1 * least && to <= budget[model.steps - 1], text)
    assert.deepEqual([about, readView({ budget: String(from) }, made).notices], [["budget"], []])
  }
})

test("a budget out of range shows the nearest one", () => {
  const { model } = golden("chain")
  assert.equal(readView({ budget: "7" }, model).view.step, model.steps - 1)
  for (const huge of ["1e17", "1e999", "Infinity"]) assert.equal(readView({ budget: huge }, model).view.step, model.steps - 1)
  for (const low of ["0", "-1e999"]) assert.equal(readView({ budget: low }, model).view.step, 0)
})
