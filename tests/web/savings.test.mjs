// The calculator's arithmetic, what it prints, and its part of the address.

import assert from "node:assert/strict"
import { test } from "node:test"
import { EXAMPLE, FIELDS, basesOf, currencyOf, fieldOf, numberOf, printedRow, readAssumptions, savings, shareText, writeAssumptions } from "../../app/web/core/savings.js"

const budget = { share: 0.25, spent: "compute", step: 7 }
const given = { ...EXAMPLE, requests: 1000, price: 0.01, energy: 2, seconds: 36, grid: 500, utilisation: 50, currency: "€" }
const bases = basesOf(
  [
    { time: 0.4, label: "32", device: "Abacus", budget: 0.25 },
    { time: 0.6, label: "32", device: "Abacus", budget: 0.5 },
    { time: 0.9, label: "8", device: "Abacus", budget: 0.9 }, // beyond the sweep
  ],
  (share) => ({ 0.25: 7, 0.5: 9 })[share] ?? null,
)
const row = (rows, title) => rows.find((other) => other.title === title)

test("a year is 365 days of requests", () => {
  const rows = savings(given, budget, undefined)
  assert.deepEqual(
    rows.map(({ title, full, now, saved }) => [title, full, now, saved]),
    [
      ["Money", "€3,650", "€913", "€2,737"],
      ["Energy", "730.0 kWh", "182.5 kWh", "547.5 kWh"],
      ["CO₂", "365.0 kg", "91.3 kg", "273.7 kg"],
      ["Computing time", "3,650 h", "913 h", "2,737 h"],
      ["Machines", "0.833", "0.208", "0.625"], // 36,000 s of 43,200 s a day
    ],
  )
  assert.ok(rows.every(({ basis, share }) => basis === "predicted from compute" && share === 0.25))
})

test("a tiny share saves nearly all, and not exactly all", () => {
  const [money] = savings({ ...given, requests: 1e6, price: 0.01 }, { ...budget, share: 0.0004123 }, undefined)
  assert.deepEqual([money.full, money.now, money.saved], ["€3,650,000", "€1,505", "€3,648,495"])
  assert.deepEqual([0.25, 1, 0.0543, 0.0004123, 0].map(shareText), ["25.0%", "100.0%", "5.43%", "0.0412%", "0.0%"])
  assert.equal(printedRow(2, 0.0004, [[1, ""]]).now, "0.0004")
})

test("what is not given has no row", () => {
  assert.deepEqual(savings({ ...given, price: null, energy: null }, budget, undefined).map(({ title }) => title), ["Computing time", "Machines"])
  assert.deepEqual(savings({ ...given, price: null, energy: null, seconds: null }, budget, undefined), [])
  assert.equal(row(savings({ ...given, price: 0 }, budget, undefined), "Money").full, "€0")
})

test("only a time that was measured at this very budget is called measured", () => {
  assert.deepEqual(bases.map(({ key, title }) => [key, title]), [["0-32", "measured on Abacus, batch 32"]])
  const rows = savings(given, budget, bases[0])
  for (const title of ["Computing time", "Machines"]) assert.deepEqual([row(rows, title).basis, row(rows, title).share], ["measured on Abacus, batch 32", 0.4])
  for (const title of ["Money", "Energy", "CO₂"]) assert.deepEqual([row(rows, title).basis, row(rows, title).share], ["predicted from compute", 0.25])
  assert.equal(row(rows, "Computing time").now, "1,460 h")
  assert.ok(savings(given, { ...budget, step: 8 }, bases[0]).every(({ basis }) => basis === "predicted from compute"))
})

test("printed numbers add up, whatever their size, and more than the full network is a negative saving", () => {
  const value = (text) => Number(text.replace("−", "-").replace(/[^\d.-]/g, ""))
  for (let i = 0; i < 400; i++) {
    const rows = savings({ ...given, requests: 1.37 ** i % 1e12, seconds: 0.0123 * (i + 1) }, { ...budget, share: 0.003 * i }, undefined)
    for (const { full, now, saved } of rows) {
      const units = [full, now, saved].map((text) => text.replace(/[−€\d.,]/g, ""))
      assert.equal(new Set(units).size, 1, `${full} | ${now} | ${saved}`)
      assert.ok(Math.abs(value(full) - value(now) - value(saved)) < 1e-6, `${full} - ${now} is not ${saved}`)
    }
  }
  assert.equal(printedRow(1, 1.5, [[1, "t"]]).saved, "−0.50 t")
  assert.deepEqual(printedRow(3_420_000, 1_200_000, [[1e6, "MWh"], [1, "Wh"]]), { full: "3.42 MWh", now: "1.20 MWh", saved: "2.22 MWh" })
  assert.equal(printedRow(1_234_567, 0, [[1e6, "million"], [1, ""]], "CHF").full, "CHF 1.23 million")
})

test("numbers are read as people write them", () => {
  for (const [text, number] of [["1e6", 1e6], ["1,000,000", 1e6], ["1 000 000", 1e6], ["0,5", 0.5], ["0.5", 0.5], ["1,234.5", 1234.5], [" 7 ", 7]]) assert.equal(numberOf(text), number)
  for (const text of ["", "abc", "1,2,3", "--1", "5 apples"]) assert.ok(Number.isNaN(numberOf(text)), text)
})

test("the address keeps every assumption", () => {
  for (const assumptions of [EXAMPLE, given, { ...given, price: null, seconds: null }, { ...given, basis: "0-32" }, { ...given, energy: 1.25e-7, requests: 1e12 }]) {
    assert.deepEqual(readAssumptions(writeAssumptions(assumptions, bases), bases), { assumptions, notices: [] })
  }
  assert.equal(readAssumptions(writeAssumptions(EXAMPLE, []), bases).assumptions.basis, "0-32", "measured where it was measured")
  assert.deepEqual(readAssumptions("", []), { assumptions: EXAMPLE, notices: [] })
  assert.deepEqual(readAssumptions("1e5,0.002", []).assumptions, { ...EXAMPLE, requests: 1e5, price: 0.002 })
})

test("what is invalid in the address is replaced, with one sentence each", () => {
  const { assumptions, notices } = readAssumptions("-5,abc,0.3,1e99,400,0,<b>$€£,7-7", bases)
  assert.deepEqual(assumptions, { ...EXAMPLE, requests: 1, seconds: 1e6, utilisation: 1, currency: "<b>" })
  assert.equal(notices.length, 5)
  assert.match(notices[0], /^Requests \(a day\) must be a number from 1 to 1,000,000,000,000, and not “-5”; using 1\.$/)
  assert.match(notices[4], /measured as “7-7”, which do not exist here/)
  assert.deepEqual(readAssumptions(writeAssumptions(assumptions, bases), bases).notices, [], "and is not said twice")
  for (const text of ["NaN", "Infinity", "\u0000\u202e", "9".repeat(400)]) {
    for (const field of FIELDS) {
      const { value } = fieldOf(field, text)
      assert.ok(value >= field.low && value <= field.high, `${field.name} ${text}`)
    }
  }
  assert.equal(currencyOf("a,b\u0007c d"), "abc")
  assert.equal(currencyOf("  "), "$")
})
