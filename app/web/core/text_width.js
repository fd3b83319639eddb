// How wide a text is, without laying it out.

/** @type {CanvasRenderingContext2D | undefined} */
let pen

/** @param {string} text @param {string} font as in CSS; see `fontOf` */
export function textWidth(text, font) {
  pen ??= /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"))
  pen.font = font
  return pen.measureText(text).width
}

/** The font that an element has now. @param {Element} node */
export function fontOf(node) {
  const { fontWeight, fontSize, fontFamily } = getComputedStyle(node)
  return `${fontWeight} ${fontSize} ${fontFamily}`
}
