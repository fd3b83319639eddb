// Elements and numbers. Text is only ever inserted as text, never as HTML.

export function element(tag, className = "", ...children) {
  const node = document.createElement(tag)
  if (className) node.className = className
  node.append(...children)
  return node
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`
export const count = (n) => n.toLocaleString("en")
