// What a host says when the server dies in the middle of a response.

import assert from "node:assert/strict"
import { createServer } from "node:http"
import { test } from "node:test"
import { httpSource, opensWith } from "../../app/web/hosts/http_source.js"
import { opening } from "../../app/web/hosts/opening.js"

const INCOMPLETE = { message: "The server stopped before the data was complete." }

/** The address of a server that sends the beginning of a response and then closes the connection, for as long as `use` takes. */
async function withDyingServer(beginning, use) {
  const server = createServer((request, response) => {
    response.write(beginning)
    setTimeout(() => request.socket.destroy(), 20)
  })
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening))
  try {
    await use(`http://127.0.0.1:${server.address().port}`)
  } finally {
    server.close()
  }
}

test("a fit that the server does not end is a sentence, after its progress", async () => {
  const progress = { done: 1, of: 3, what: "Fitting" }
  await withDyingServer(`${JSON.stringify({ progress })}\n{"da`, async (address) => {
    const heard = []
    await assert.rejects(opening(address, new AbortController().signal, (now) => heard.push(now)), INCOMPLETE)
    assert.deepEqual(heard, [progress])
  })
})

test("a resource that breaks off is a sentence", async () => {
  await withDyingServer("OFRP", async (address) => {
    const source = httpSource({ bundle: address, sweep: address, predictions: address, images: address })
    for (const read of [source.bundle, source.sweep, () => source.predictions(0), () => source.images.fetch([0])]) await assert.rejects(read, INCOMPLETE)
  })
})

test("a report opens with the view in which it was saved", async () => {
  const view = new URLSearchParams({ budget: "0.4", class: `"><script>alert(1)</script>` }).toString()
  const html = await opensWith("<body>\n<main data-report></main>\n</body>", view).text()
  const [, attribute] = html.match(/^<body>\n<main data-report data-view="([^"<>]*)"><\/main>\n<\/body>$/)
  assert.equal(attribute.replaceAll("&amp;", "&"), view)
})

test("a server that is not there is a sentence", async () => {
  let gone = ""
  await withDyingServer("", async (address) => void (gone = address))
  await assert.rejects(opening(gone, new AbortController().signal, () => {}), { message: "The server does not answer." })
})
