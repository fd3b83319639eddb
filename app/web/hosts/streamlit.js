// Mounts a live block in a Streamlit component.

import { opened } from "../core/store.js"

const blocks = new WeakMap() // root element -> {block, data}

// Streamlit calls this for new data too. The block stays the same then, so that the budget stays where it is.
// Returns a function that Streamlit calls before new data and when it removes the component; only then is the block disposed of.
export async function mount({ data, parentElement, setStateValue }, base) {
  const { default: Block } = await import(`../blocks/${data.block}.js`)
  const root = parentElement.querySelector(".offramp")
  let mounted = blocks.get(root)
  if (!mounted) blocks.set(root, (mounted = { block: new Block(root), data: null }))
  if (mounted.data !== data) {
    mounted.data = data
    mounted.block.announce(data.firstSentence) // painted before anything is downloaded
    show(mounted, withBase(data, base), (view) => setStateValue("view", view))
  }
  return () => setTimeout(() => root.isConnected || mounted.block.dispose())
}

async function show(mounted, data, report) {
  const asked = mounted.data
  try {
    const all = await opened(data)
    if (mounted.data === asked) mounted.block.show(all, report) // else newer data came meanwhile
  } catch (problem) {
    if (mounted.data === asked) mounted.block.fail(problem, () => show(mounted, data, report))
  }
}

// Addresses are relative to the page's root, wherever a proxy puts it.
function withBase(data, base) {
  const absolute = (address) => address && new URL(address, base).href
  const resources = Object.fromEntries(Object.entries(data.resources).map(([name, address]) => [name, absolute(address)]))
  return { ...data, resources, images: absolute(data.images), plotly: absolute(data.plotly) }
}
