// The golden resources, which Python reads and writes too.

import { readFileSync } from "node:fs"
import { Model } from "../../app/web/core/model.js"
import { decode } from "../../app/web/core/resource.js"

export const KINDS = ["chain", "family", "imported"]
/** A log of models with a quality and costs that depend on the example; see tests/golden/page/make.py. */
export const LOG = "log"

const file = (name) => readFileSync(new URL(`../golden/page/${name}`, import.meta.url))
const buffer = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)

export const golden = (name, words = undefined) => ({
  model: new Model(decode(buffer(file(`${name}.bundle`))), decode(buffer(file(`${name}.sweep`))), words),
  expected: JSON.parse(file(`${name}.json`)),
})
