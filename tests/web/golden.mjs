// The golden resources, which Python reads and writes too.

import { readFileSync } from "node:fs"
import { Model } from "../../app/web/core/model.js"
import { decode } from "../../app/web/core/resource.js"

export const KINDS = ["chain", "family", "imported"]

const file = (name) => readFileSync(new URL(`../golden/page/${name}`, import.meta.url))
const buffer = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)

export const golden = (name) => ({
  model: new Model(decode(buffer(file(`${name}.bundle`))), decode(buffer(file(`${name}.sweep`)))),
  expected: JSON.parse(file(`${name}.json`)),
})
