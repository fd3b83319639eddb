// Making elements. Text only ever goes in as text.

export function element(tag, className = "", ...children) {
  const made = document.createElement(tag)
  if (className) made.className = className
  made.append(...children)
  return made
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`
export const count = (n) => n.toLocaleString("en")
