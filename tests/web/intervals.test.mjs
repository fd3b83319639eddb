// The difference from the full network and its interval, in words and in the table of the front.

import assert from "node:assert/strict"
import { test } from "node:test"
import { differenceTexts, withDifferences } from "../../app/web/core/intervals.js"
import { frontTable, tableCsv } from "../../app/web/core/tables.js"

const intervals = { low: [-0.0312, -0.0004], high: [-0.0058, 0.00049], graded: false }
const share = (value) => ({ text: `${value}`, value })
const row = (name, ...values) => [share(name), ...values.map(share)]
const table = {
  caption: "",
  heads: ["", "Share", "Test accuracy"],
  names: ["curve", "point", "cost", "accuracy"],
  groups: [
    { title: "At this budget", rows: [row("Top probability", 0.5, 0.93)] },
    { title: "Random mix", rows: [row("Point 1", 0.5, 0.9), row("Point 2", 1, 0.95)] },
    { title: "Top probability", rows: [row("Point 1", 0.5, 0.93), row("Point 2", 1, 0.95)] },
  ],
  total: null,
}
const sweep = { accuracy: [0.93, 0.95], full: 0.95, policy: "Top probability" }

test("the difference is that of the printed numbers", () => {
  assert.deepEqual(differenceTexts(intervals, 0, 0.9304, 0.9496), ["−2.0 points", "−3.1 to −0.6"])
  assert.deepEqual(differenceTexts(intervals, 1, 0.95, 0.95), ["±0.0 points", "±0.0 to ±0.0"])
  assert.deepEqual(differenceTexts({ ...intervals, graded: true }, 0, 0.93, 0.95), ["−0.020", "−0.031 to −0.006"])
})

test("the table has them where the policy is, and nowhere else", () => {
  const made = withDifferences(table, intervals, { step: 0, accuracy: 0.93 }, sweep)
  const filled = made.groups.map(({ rows }) => rows.map((cells) => cells.slice(-3).map(({ value }) => value)))
  const empty = [null, null, null]
  assert.deepEqual(filled, [[[-0.02, -0.0312, -0.0058]], [empty, empty], [[-0.02, -0.0312, -0.0058], [0, -0.0004, 0.00049]]])
  assert.deepEqual(made.groups[0].rows[0].slice(-3).map(({ text }) => text), ["−2.00", "−3.12", "−0.58"])
  const close = withDifferences(table, intervals, { step: 0, accuracy: 0.93 }, { ...sweep, accuracy: [0.930049, 0.95], full: 0.949951 })
  assert.equal(close.groups[2].rows[0][3].text, "−2.00", "of 93.00 and 95.00, though the numbers in full differ by 1.99")
  assert.equal(made.heads.length, made.groups[0].rows[0].length)
  const [names, first] = tableCsv(made).split("\n")
  assert.equal(names, "curve,point,cost,accuracy,difference,difference_low,difference_high")
  assert.match(first, /,-0\.02,-0\.0312,-0\.0058$/)
})

test("points of the policy have their budgets, so that points which buy the same are told apart", () => {
  const curve = (/** @type {string} */ kind) => ({ name: kind, kind, colour: "", cost: [0.5, 0.5], accuracy: [0.9, 0.9] })
  const { groups } = frontTable({ exits: [], runs: [], curves: [curve("oracle"), curve("policy")] }, { cost: 0.5, accuracy: 0.9 }, "cost", [0.51, 0.6])
  assert.deepEqual(groups.slice(2).map(({ rows }) => rows.map(([{ text }]) => text)), [["Point 1", "Point 2"], ["Budget 51.00%", "Budget 60.00%"]])
})

test("intervals are of all examples, so a subset has none", () => {
  const made = withDifferences(table, intervals, { step: 0, accuracy: 0.9, of: {} }, sweep)
  assert.deepEqual(made.groups[0].rows[0].slice(-3).map(({ value }) => value), [null, null, null])
})
