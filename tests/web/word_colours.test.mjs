// The colours of words by what they do.

import assert from "node:assert/strict"
import { test } from "node:test"
import { coloured } from "../../app/web/core/word_colours.js"

const WORDS = [
  { begin: 0, end: 3, effects: [0.2, -0.4] },
  { begin: 4, end: 6, effects: [0.001, 0.8] },
]

test("a text is divided at its words and nothing of it is lost", () => {
  const parts = coloured("the 😀x end", WORDS, 0)
  assert.equal(parts.map(({ text }) => text).join(""), "the 😀x end")
  assert.deepEqual(parts.map(({ text, effect }) => [text, effect]), [["the", 0.2], [" ", null], ["😀x", 0.001], [" end", null]])
})

test("the strongest word has the fullest colour, and a word that does nothing has none", () => {
  const [first, , second] = coloured("the 😀x", WORDS, 0)
  assert.equal(first.colour, "rgb(0 114 178 / 0.500)")
  assert.equal(second.colour, "rgb(0 114 178 / 0.000)")
  const [against, , strongest] = coloured("the 😀x", WORDS, 1)
  assert.equal(against.colour, "rgb(230 159 0 / 0.250)")
  assert.equal(strongest.colour, "rgb(0 114 178 / 0.500)")
})
