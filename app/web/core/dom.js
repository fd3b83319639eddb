// Elements and numbers. Text is only ever inserted as text, never as HTML.

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, className = "", ...children) {
  const node = document.createElement(tag)
  if (className) node.className = className
  node.append(...children)
  return node
}

/**
 * A button that submits nothing.
 * @param {string} className
 * @param {string} text
 * @param {() => void} onPress
 */
export function button(className, text, onPress) {
  const node = element("button", className, text)
  node.type = "button"
  node.onclick = onPress
  return node
}

/** @param {number} share @param {number} digits */
export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`
/** @param {number} n */
export const count = (n) => n.toLocaleString("en")
