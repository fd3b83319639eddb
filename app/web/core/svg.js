// Elements of a drawing.

const NAMESPACE = "http://www.w3.org/2000/svg"

/** An SVG element. @param {string} tag @param {Record<string, string | number>} attributes @param {...(Node | string)} children @returns {SVGElement} */
export function shape(tag, attributes = {}, ...children) {
  const node = document.createElementNS(NAMESPACE, tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value))
  node.append(...children)
  return node
}

/** The path through points, in tenths of a pixel. @param {{x: number, y: number}[]} points */
export const pathThrough = (points) => points.map(({ x, y }, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("")
