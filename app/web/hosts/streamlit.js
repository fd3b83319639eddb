// Mounts a live block in a Streamlit component.

const blocks = new WeakMap() // root element -> block

// Streamlit calls this for new data too. The block stays the same then, so that the budget stays where it is.
// Returns a function that Streamlit calls before new data and when it removes the component; only then is the block disposed of.
export async function mount({ data, parentElement, setStateValue }) {
  const { default: Block } = await import(`../blocks/${data.block}.js`)
  const root = parentElement.querySelector(".offramp")
  let block = blocks.get(root)
  if (!block) blocks.set(root, (block = new Block(root)))
  block.show(data, (view) => setStateValue("view", view))
  return () => setTimeout(() => root.isConnected || block.dispose())
}
