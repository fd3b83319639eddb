// Mounts a live block in a file that was opened from disk. All it shows is in the file.

import { Explore } from "../blocks/explore.js"
import { Address, hashPlace } from "../core/address.js"
import { element } from "../core/dom.js"
import { fileSource } from "./file_source.js"

const main = /** @type {HTMLElement} */ (document.querySelector("[data-report]"))
const data = JSON.parse(document.querySelector("[data-report-data]")?.textContent ?? "{}")
const root = element("div")
main.replaceChildren(element("h1", "", data.choices.bundle[0].title), root)
const address = new Address(hashPlace())
if (location.hash.length < 2 && main.dataset.view) address.place.replace(main.dataset.view) // the view in which it was saved
const block = new Explore(root, { address, select: () => {} })
address.listen(() => block.follow())
void block.open(data, fileSource(document, data.cards))
