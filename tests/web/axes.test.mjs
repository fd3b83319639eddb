// Ticks are few and round, and numbers on exits can be read.

import assert from "node:assert/strict"
import { test } from "node:test"
import { inkOn, luminance } from "../../app/web/core/ink.js"
import { tickTexts, ticks, ticksWithWhole } from "../../app/web/core/ticks.js"

test("ticks are round and inside the range", () => {
  assert.deepEqual(ticks(0, 1.04, 5), [0, 0.25, 0.5, 0.75, 1])
  assert.deepEqual(ticks(0.805, 0.984, 6), [0.85, 0.9, 0.95])
  for (const [low, high] of [[0, 1.04], [0.8229, 0.9613], [0.95, 0.96], [0.1, 37], [0.499999, 0.500001]])
    for (const most of [1, 3, 6, 10]) {
      const row = ticks(low, high, most)
      assert.ok(row.length <= most + 1 && row.every((tick) => tick >= low - 1e-9 && tick <= high + 1e-9), `${low} ${high} ${most}: ${row}`)
    }
})

test("100% is always marked, and no tick is close to it", () => {
  for (const high of [1.04, 1.3, 2.2, 3.7, 12, 40])
    for (const most of [3, 6, 10]) {
      const row = ticksWithWhole(0, high, most)
      assert.ok(row.includes(1) && row.every((tick, i) => i === 0 || tick > row[i - 1]), `${high} ${most}: ${row}`)
    }
})

test("texts have the digits that tell ticks apart, and no more", () => {
  assert.deepEqual(tickTexts([0, 0.25, 1]), ["0%", "25%", "100%"])
  assert.deepEqual(tickTexts([0.925, 0.95]), ["92.5%", "95.0%"])
  assert.deepEqual(tickTexts([0.9501, 0.9502]), ["95.01%", "95.02%"])
})

test("numbers on any colour have a contrast of at least 4.5", () => {
  const parts = ["00", "33", "66", "99", "cc", "ff"]
  for (const red of parts)
    for (const green of parts)
      for (const blue of parts) {
        const colour = `#${red}${green}${blue}`
        const [darker, lighter] = [luminance(colour), luminance(inkOn(colour) === "#fff" ? "#ffffff" : "#000000")].sort((a, b) => a - b)
        assert.ok((lighter + 0.05) / (darker + 0.05) >= 4.5, colour)
      }
})
