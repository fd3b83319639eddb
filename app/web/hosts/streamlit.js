// Puts a live block into a Streamlit component, and takes it away with it.

const blocks = new WeakMap() // root element -> block

// Called by the page whenever the data is new. The block itself outlives that, so the budget stays where the hand left it.
// Returns what to call before new data and when the page takes the block away; only then is there something to undo.
export async function mount({ data, parentElement, setStateValue }) {
  const { default: Block } = await import(`../blocks/${data.block}.js`)
  const root = parentElement.querySelector(".offramp")
  let block = blocks.get(root)
  if (!block) blocks.set(root, (block = new Block(root)))
  block.show(data, (view) => setStateValue("view", view))
  return () => setTimeout(() => root.isConnected || block.leave())
}
