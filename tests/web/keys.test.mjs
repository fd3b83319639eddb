// Keys do what the table says, and nothing while someone types or holds a modifier.

import assert from "node:assert/strict"
import { test } from "node:test"
import { KEYS, actionOf, takesText } from "../../app/web/core/keys.js"

const page = { presenting: false, typing: false }
const talk = { presenting: true, typing: false }

test("every key of the table does what it says where it says so", () => {
  for (const { keys, where, action } of KEYS) {
    for (const key of keys) {
      if (where !== "presenting") assert.equal(actionOf({ key }, page), action)
      if (where !== "page") assert.equal(actionOf({ key: key.toUpperCase() }, talk), action)
    }
  }
})

test("no key has two meanings in one place", () => {
  for (const here of ["page", "presenting"]) {
    const keys = KEYS.filter(({ where }) => where === here || where === "both").flatMap(({ keys }) => keys)
    assert.equal(new Set(keys).size, keys.length)
  }
})

test("arrows and R are left to the parts while nothing is presented, and P leaves a talk", () => {
  assert.equal(actionOf({ key: "Escape" }, page), "dismiss")
  for (const key of ["ArrowRight", "ArrowLeft", "PageUp", "PageDown", "r", "x", "Tab"]) assert.equal(actionOf({ key }, page), null)
  assert.equal(actionOf({ key: "p" }, talk), "leave")
  assert.equal(actionOf({ key: "/" }, talk), null) // the filter is not shown
})

test("nothing happens while someone types or holds a modifier", () => {
  for (const key of ["p", "j", "?", "/"]) {
    assert.equal(actionOf({ key }, { presenting: false, typing: true }), null)
    for (const modifier of ["ctrlKey", "altKey", "metaKey", "isComposing"]) assert.equal(actionOf({ key, [modifier]: true }, page), null)
  }
  for (const target of [{ tagName: "INPUT" }, { tagName: "INPUT", type: "search" }, { tagName: "TEXTAREA" }, { tagName: "SELECT" }, { tagName: "DIV", isContentEditable: true }]) assert.ok(takesText(target))
  for (const target of [null, { tagName: "BUTTON" }, { tagName: "INPUT", type: "range" }, { tagName: "INPUT", type: "checkbox" }, { tagName: "DIV" }]) assert.ok(!takesText(target))
})
