// The trace of an example: why it drives on at an exit or leaves there, what exits would have given that did not run, and its factors.

import assert from "node:assert/strict"
import { test } from "node:test"
import { digitsOf, strongest } from "../../app/web/core/factors.js"
import { conditionAt, reasonAt } from "../../app/web/core/reasons.js"
import { wouldGive } from "../../app/web/core/results.js"
import { USUAL } from "../../app/web/core/words.js"
import { golden } from "./golden.mjs"

/** A chain of three exits with one budget, whose first exits have these thresholds. */
const chain = (thresholds, { falls = false, ties = [1, 1], score = "maxprob", why = ["", ""] } = {}) => ({
  exits: [{}, {}, {}],
  pathRan: [[1, 1, 1]],
  words: USUAL,
  why,
  threshold: thresholds && { falls, score, title: "Top probability", ties },
  thresholdAt: (step, k) => (thresholds && k < 2 ? thresholds[k] : null),
})
const at = (taken, decision, failed = false) => ({ step: 0, taken, decision, failed })

test("an example leaves at the first exit whose score reaches its threshold, and drives on before", () => {
  const model = chain([0.81, 0.6])
  const of = at(1, [0.774, 0.7, 0.9])
  assert.deepEqual([0, 1, 2].map((k) => reasonAt(model, k, of)), ["0.77 < 0.81: drives on", "0.70 ≥ 0.60: leaves here", "last exit: leaves here"])
  assert.deepEqual([0, 1, 2].map((k) => conditionAt(model, k, 0)), ["≥ 0.81: leaves here", "≥ 0.60: leaves here", "last exit: the rest leave here"])
})

test("numbers that differ are printed so that they differ", () => {
  assert.equal(reasonAt(chain([0.81004, 1]), 0, at(1, [0.81, 1, 1])), "0.81000 < 0.81004: drives on")
})

test("a score that falls with confidence leaves below its threshold, and is named", () => {
  const model = chain([0.5, Infinity], { falls: true, score: "entropy" })
  assert.equal(reasonAt(model, 0, at(0, [0.4, 0.3, 0.2])), "top probability 0.40 ≤ 0.50: leaves here")
  assert.equal(reasonAt(model, 1, at(1, [0.6, 0.3, 0.2])), "all leave here")
  assert.equal(conditionAt(chain([-Infinity, Infinity]), 0, 0), "all leave here")
  assert.equal(conditionAt(chain([-Infinity, Infinity]), 1, 0), "all drive on")
})

test("ties, failures and policies without thresholds give their reason too", () => {
  assert.equal(reasonAt(chain([0.5, 0.5], { ties: [0.3, 1] }), 0, at(0, [0.5, 0, 0])), "0.50, exactly the threshold, where 30% leave: leaves here")
  assert.equal(reasonAt(chain([0.5, 0.5]), 0, at(1, [null, 0, 0], true)), "failed: drives on")
  assert.equal(reasonAt(chain(null, { why: ["by chance", "by chance"] }), 0, at(1, null)), "by chance: drives on")
  assert.equal(reasonAt(chain(null), 0, at(0, null)), "leaves here")
})

test("an exit that did not run would say the same, something else, or how good it would be", () => {
  const { model } = golden("chain")
  const given = model.classes[model.routes.answer[model.routes.at(0, 0)]]
  const result = { name: given, confidence: 0.9, quality: null, correct: true, failed: false }
  assert.equal(wouldGive(model, 0, 0, result), "would say the same")
  assert.equal(wouldGive(model, 0, 0, { ...result, name: "another" }), "would say “another”")
  assert.equal(wouldGive(model, 0, 0, { ...result, name: null }), "would be correct")
  assert.equal(wouldGive(model, 0, 0, { ...result, failed: true }), "failed")
})

test("difficulty comes first, then what is strongest, and a count has no decimals", () => {
  const factors = { blur: [0.2], noise: [0.05], difficulty: [0.01], "word pieces": [31], turn: [0.3] }
  assert.deepEqual(strongest({ factors }, 0).map(([name]) => name), ["difficulty", "word pieces", "turn"])
  assert.deepEqual([31, 0.25, 1.5, 120.4].map(digitsOf), [0, 2, 2, 0])
})
