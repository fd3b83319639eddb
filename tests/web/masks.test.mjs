// Masks: unpacked as they were packed, and compared where they count.

import assert from "node:assert/strict"
import { test } from "node:test"
import { deflateSync } from "node:zlib"
import { IGNORED, classesIn, colourOf, lacksTruth, shareOfDifferences, unpackMasks } from "../../app/web/core/masks.js"

test("masks are unpacked one after the other, the true one first", async () => {
  const truth = [0, 1, IGNORED, 2, 0, 0]
  const exits = [[0, 1, 1, 2, 0, 0], [5, 1, 1, 2, 0, 1]]
  const masks = await unpackMasks(new Uint8Array(deflateSync(Uint8Array.from([truth, ...exits].flat()))), [2, 3])
  assert.deepEqual([masks.height, masks.width], [2, 3])
  assert.deepEqual([...masks.truth], truth)
  assert.deepEqual(masks.exits.map((mask) => [...mask]), exits)
  assert.deepEqual(classesIn(masks), [0, 1, 2, 5])
  assert.equal(shareOfDifferences(masks.truth, masks.exits[0]), 0, "a pixel that does not count does not differ")
  assert.equal(shareOfDifferences(masks.truth, masks.exits[1]), 2 / 5)
  assert.ok(!lacksTruth(masks) && lacksTruth({ ...masks, truth: masks.truth.fill(IGNORED) }))
})

test("an image none of whose pixels count has no differences", () => {
  assert.equal(shareOfDifferences(Uint8Array.of(IGNORED), Uint8Array.of(3)), 0)
})

test("the first classes have colours of their own", () => {
  assert.equal(new Set(Array.from({ length: 12 }, (_, number) => colourOf(number))).size, 12)
})
