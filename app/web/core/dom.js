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

/** A share in percent. What is more than nothing is not printed as nothing. @param {number} share @param {number} digits */
export function percent(share, digits = 1) {
  const text = (100 * share).toFixed(digits)
  return share > 0 && Number(text) === 0 ? `<${(10 ** -digits).toFixed(digits)}%` : `${text}%`
}
/** @param {number} n */
export const count = (n) => n.toLocaleString("en")
