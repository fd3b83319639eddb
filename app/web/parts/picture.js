// What is on the screen as a drawing of shapes and text, for SVG and PNG. Nothing is embedded as HTML, which browsers do not let a canvas
// give away. Boxes, borders, texts, images and SVGs are drawn where they are; what only a style sheet can do, such as a shadow, is left out.

import { element } from "../core/dom.js"
import { shape } from "../core/svg.js"

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */
/** @typedef {{node: HTMLElement, without?: string, until?: string}} Section  without: a selector of what is left out;  until: of what it ends with */
/** @typedef {{svg: string, width: number, height: number}} Picture */
/** @typedef {{x: number, y: number, root: Element, without: string, clip: Box}} Place  x, y: what is subtracted from the positions in the window */

const SCALE = 2 // pixels of a PNG for each of the page
const [PAD, GAP, TITLE, SMALL] = [24, 10, 18, 13] // px: around, between sections, and of the texts above and below
const PATIENCE = 1000 // ms until moving tiles are drawn where they are
const SVG_STYLES = ["fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "font-family", "font-size", "font-weight", "text-anchor", "paint-order", "opacity"]
const SIDES = /** @type {const} */ (["Top", "Right", "Bottom", "Left"])

/**
 * Sections of a block, one below the other, with a title and a last line.
 * @param {Element} root the block, which gives colours and font
 * @param {Section[]} sections
 * @param {string} title
 * @param {string} footer
 * @returns {Promise<Picture>}
 */
export async function picture(root, sections, title, footer) {
  const moving = root.getAnimations({ subtree: true }).filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity)
  await Promise.race([Promise.allSettled(moving.map(({ finished }) => finished)), new Promise((done) => setTimeout(done, PATIENCE))])
  const shown = sections.filter(({ node }) => node.clientWidth > 0)
  const width = Math.ceil(Math.max(...shown.map(({ node }) => node.clientWidth)) + 2 * PAD)
  const style = getComputedStyle(root)
  const ink = style.color
  let y = PAD
  const nodes = [line(title, PAD, y + TITLE, TITLE, 700, ink, style.fontFamily, width - 2 * PAD)]
  y += TITLE + 2 * GAP
  for (const { node, without = "", until = "" } of shown) {
    const box = node.getBoundingClientRect()
    const place = { x: box.left - PAD, y: box.top - y, root: node, without, clip: { left: -1e6, top: -1e6, right: 1e6, bottom: 1e6 } }
    nodes.push(...drawn(node, place))
    const ends = until ? [...node.querySelectorAll(until)].map((part) => part.getBoundingClientRect().bottom) : []
    y += Math.ceil((ends.length > 0 ? Math.max(...ends) : box.bottom) - box.top) + GAP
  }
  nodes.push(line(footer, PAD, y + SMALL, SMALL, 400, ink, style.fontFamily, width - 2 * PAD))
  const height = Math.ceil(y + SMALL + PAD)
  const ground = shape("rect", { width, height, ...paint("fill", backgroundOf(root)) })
  const svg = shape("svg", { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}` }, shape("title", {}, title), ground, ...nodes)
  return { svg: `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`, width, height }
}

/**
 * @param {Picture} picture
 * @returns {Promise<Blob>}
 */
export async function png({ svg, width, height }) {
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }))
  try {
    const image = element("img")
    image.src = address
    await image.decode()
    const canvas = element("canvas")
    ;[canvas.width, canvas.height] = [SCALE * width, SCALE * height]
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height)
    return await new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("This browser gives no image of the view; take the SVG instead."))), "image/png"))
  } finally {
    URL.revokeObjectURL(address)
  }
}

/** @param {Element} node @param {Place} place @returns {SVGElement[]} */
function drawn(node, place) {
  const style = getComputedStyle(node)
  if (style.display === "none" || Number(style.opacity) === 0 || (place.without && node.matches(place.without))) return []
  if (node instanceof SVGSVGElement) return style.visibility === "hidden" ? [] : [copied(node, place)]
  if (!(node instanceof HTMLElement)) return []
  const rect = node.getBoundingClientRect()
  const scale = node.offsetWidth > 0 ? rect.width / node.offsetWidth : 1
  const box = { left: rect.left - place.x, top: rect.top - place.y, right: rect.right - place.x, bottom: rect.bottom - place.y }
  const visible = style.visibility !== "hidden"
  const inside = style.overflow === "visible" ? place : { ...place, clip: common(place.clip, box) }
  const own = visible ? [...boxOf(style, box, scale), ...(node instanceof HTMLImageElement ? imageOf(node, box) : node instanceof HTMLCanvasElement ? [embedded(node, node, box)] : [])] : []
  const nodes = [
    ...own,
    ...(visible ? pseudo(node, "::before", box, scale) : []),
    ...[...node.childNodes].flatMap((child) => (child instanceof Text ? (visible ? texts(child, style, inside, scale) : []) : child instanceof Element ? drawn(child, inside) : [])),
    ...(visible ? pseudo(node, "::after", box, scale) : []),
  ]
  return Number(style.opacity) < 1 && nodes.length > 0 ? [shape("g", { opacity: style.opacity }, ...nodes)] : nodes
}

/** Background, border and outline. @param {CSSStyleDeclaration} style @param {Box} box @param {number} scale @returns {SVGElement[]} */
function boxOf(style, { left, top, right, bottom }, scale) {
  const [width, height] = [right - left, bottom - top]
  const radius = style.borderTopLeftRadius.endsWith("%") ? (Math.min(width, height) * parseFloat(style.borderTopLeftRadius)) / 100 : parseFloat(style.borderTopLeftRadius) * scale
  const round = Math.min(radius || 0, width / 2, height / 2)
  const rect = (/** @type {number} */ inset, /** @type {Record<string, string | number>} */ attributes) =>
    shape("rect", { x: n(left + inset), y: n(top + inset), width: n(Math.max(0, width - 2 * inset)), height: n(Math.max(0, height - 2 * inset)), ...(round ? { rx: n(Math.max(0, round - inset)) } : {}), ...attributes })
  const nodes = []
  if (alphaOf(style.backgroundColor) > 0 && width > 0 && height > 0) nodes.push(rect(0, paint("fill", style.backgroundColor)))
  const borders = SIDES.map((side) => ({ side, width: style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`]) * scale, colour: style[`border${side}Color`], dashed: style[`border${side}Style`] === "dashed" }))
  if (borders.every((border) => border.width > 0 && border.width === borders[0].width)) {
    nodes.push(rect(borders[0].width / 2, { fill: "none", ...paint("stroke", borders[0].colour), "stroke-width": n(borders[0].width) }))
  } else {
    for (const border of borders.filter((border) => border.width > 0 && alphaOf(border.colour) > 0)) {
      const half = border.width / 2
      const [x1, x2] = border.side === "Left" ? [left + half, left + half] : border.side === "Right" ? [right - half, right - half] : [left, right]
      const [y1, y2] = border.side === "Top" ? [top + half, top + half] : border.side === "Bottom" ? [bottom - half, bottom - half] : [top, bottom]
      nodes.push(shape("path", { d: `M${n(x1)} ${n(y1)}L${n(x2)} ${n(y2)}`, ...paint("stroke", border.colour), "stroke-width": n(border.width), ...(border.dashed ? { "stroke-dasharray": "5 4" } : {}) }))
    }
  }
  const outline = style.outlineStyle === "solid" ? parseFloat(style.outlineWidth) * scale : 0
  if (outline > 0) nodes.push(rect(-parseFloat(style.outlineOffset) * scale - outline / 2, { fill: "none", ...paint("stroke", style.outlineColor), "stroke-width": n(outline) }))
  return nodes
}

/** What a style sheet puts before or after the content, if it has a place of its own. @param {HTMLElement} node @param {"::before" | "::after"} which @param {Box} parent @param {number} scale @returns {SVGElement[]} */
function pseudo(node, which, parent, scale) {
  const style = getComputedStyle(node, which)
  if (style.content === "none" || style.content === "normal" || style.position !== "absolute" || style.display === "none") return []
  const [left, top] = [parent.left + (node.clientLeft + parseFloat(style.left)) * scale, parent.top + (node.clientTop + parseFloat(style.top)) * scale]
  const across = style.boxSizing === "border-box" ? 0 : parseFloat(style.borderLeftWidth) + parseFloat(style.borderRightWidth)
  const down = style.boxSizing === "border-box" ? 0 : parseFloat(style.borderTopWidth) + parseFloat(style.borderBottomWidth)
  const box = { left, top, right: left + (parseFloat(style.width) + across) * scale, bottom: top + (parseFloat(style.height) + down) * scale }
  if (Number.isNaN(box.left + box.top + box.right + box.bottom) || box.right - box.left > 1e4) return []
  const nodes = boxOf(style, box, scale)
  const text = style.content.replace(/^"|"$/g, "")
  const middle = { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 }
  if (text) {
    const size = parseFloat(style.fontSize) * scale
    nodes.push(shape("text", { x: n(middle.x), y: n(middle.y + 0.35 * size), "text-anchor": "middle", "font-size": n(size), "font-weight": style.fontWeight, "font-family": style.fontFamily, ...paint("fill", style.color) }, cased(text, style)))
  }
  if (style.transform === "none" || nodes.length === 0) return nodes
  return [shape("g", { transform: `translate(${n(middle.x)} ${n(middle.y)}) ${style.transform} translate(${n(-middle.x)} ${n(-middle.y)})` }, ...nodes)]
}

/** A text, line by line, as far as it can be seen. @param {Text} text @param {CSSStyleDeclaration} style @param {Place} place @param {number} scale @returns {SVGElement[]} */
function texts(text, style, place, scale) {
  const content = text.data
  if (content.trim() === "") return []
  const range = document.createRange()
  /** @type {{text: string, box: DOMRect, right: number}[]} */
  const lines = []
  for (let i = 0; i < content.length; i++) {
    range.setStart(text, i)
    range.setEnd(text, i + 1)
    const box = range.getClientRects()[0]
    if (!box || (box.width === 0 && content[i].trim() === "")) continue
    const last = lines.at(-1)
    const blank = content[i].trim() === ""
    if (last && Math.abs(last.box.top - box.top) < 2) {
      last.text += content[i]
      if (!blank) last.right = Math.max(last.right, box.right)
    } else if (!blank) lines.push({ text: content[i], box, right: box.right })
  }
  const size = parseFloat(style.fontSize) * scale
  const measure = ruler(style, size)
  return lines.flatMap(({ text, box, right }) => {
    const [left, top, end] = [box.left - place.x, box.top - place.y, right - place.x]
    const { clip } = place
    if (left >= clip.right || end <= clip.left || top + box.height / 2 >= clip.bottom || top + box.height / 2 <= clip.top) return []
    let [seen, width] = [text.trimEnd(), end - left]
    if (end > clip.right + 1) {
      while (seen.length > 1 && measure.width(`${seen}…`) > clip.right - left) seen = seen.slice(0, -1)
      seen = `${seen.trimEnd()}…`
      width = measure.width(seen)
    }
    return [line(cased(seen, style), left, top + (box.height - measure.tall) / 2 + measure.ascent, size, Number(style.fontWeight), style.color, style.fontFamily, width, true)]
  })
}

/** @param {string} text @param {CSSStyleDeclaration} style */
const cased = (text, style) => (style.textTransform === "capitalize" ? text.replace(/\p{L}+/gu, (word) => word[0].toUpperCase() + word.slice(1)) : text)

/**
 * exactly: as wide as on the page, whatever font there is
 * @param {string} text @param {number} x @param {number} y @param {number} size @param {number} weight @param {string} colour @param {string} family @param {number} width @param {boolean} [exactly]
 */
function line(text, x, y, size, weight, colour, family, width, exactly = false) {
  /** @type {Record<string, string | number>} */
  const fitted = exactly && text.length > 1 ? { textLength: n(width), lengthAdjust: "spacingAndGlyphs" } : {}
  return shape("text", { x: n(x), y: n(y), "font-size": n(size), "font-weight": weight, "font-family": family, ...paint("fill", colour), ...fitted }, text)
}

/** @param {CSSStyleDeclaration} style @param {number} size */
function ruler(style, size) {
  const context = /** @type {CanvasRenderingContext2D} */ (element("canvas").getContext("2d"))
  context.font = `${style.fontWeight} ${size}px ${style.fontFamily}`
  const { fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = context.measureText("x")
  return { ascent, tall: ascent + descent, width: (/** @type {string} */ text) => context.measureText(text).width }
}

/** With its pixels, since a drawing may not fetch any. @param {HTMLImageElement} image @param {Box} box @returns {SVGElement[]} */
function imageOf(image, box) {
  if (!image.complete || image.naturalWidth === 0) return []
  const canvas = element("canvas")
  ;[canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight]
  canvas.getContext("2d")?.drawImage(image, 0, 0)
  return [embedded(image, canvas, box)]
}

/** The pixels of a canvas in place of a node. @param {Element} node @param {HTMLCanvasElement} canvas @param {Box} box */
function embedded(node, canvas, { left, top, right, bottom }) {
  const radius = parseFloat(getComputedStyle(node).borderTopLeftRadius) || 0
  return shape("image", { "clip-path": `inset(0 round ${n(radius)}px)`, x: n(left), y: n(top), width: n(right - left), height: n(bottom - top), preserveAspectRatio: "xMidYMid slice", href: canvas.toDataURL("image/png") })
}

/** An SVG of the page, with the styles that its classes gave it. @param {SVGSVGElement} svg @param {Place} place */
function copied(svg, place) {
  const rect = svg.getBoundingClientRect()
  const view = svg.viewBox.baseVal
  const scale = view && view.width > 0 ? Math.min(rect.width / view.width, rect.height / view.height) : 1
  const [x, y] = [rect.left - place.x - (view?.x ?? 0) * scale, rect.top - place.y - (view?.y ?? 0) * scale]
  return shape("g", { transform: `translate(${n(x)} ${n(y)})${scale === 1 ? "" : ` scale(${n(scale)})`}` }, ...[...svg.children].flatMap(styled))
}

/** @param {Element} node @returns {Element[]} */
function styled(node) {
  const style = getComputedStyle(node)
  if (style.display === "none" || style.visibility === "hidden") return []
  const copy = /** @type {Element} */ (node.cloneNode(false))
  for (const name of ["class", "style", "data-exit"]) copy.removeAttribute(name)
  if (node.children.length === 0) {
    for (const property of SVG_STYLES) {
      const value = style.getPropertyValue(property)
      if (property === "fill" || property === "stroke") for (const [name, text] of Object.entries(paint(property, value))) copy.setAttribute(name, String(text))
      else if (value && !["none", "normal", "auto", "1"].includes(value) && !copy.hasAttribute(property)) copy.setAttribute(property, value)
    }
    copy.append(node.textContent ?? "")
    const invisible = copy.getAttribute("fill") === "none" && copy.getAttribute("stroke") === "none"
    return invisible || node.getAttribute("d") === "" ? [] : [copy]
  }
  if (style.opacity !== "1") copy.setAttribute("opacity", style.opacity)
  copy.append(...[...node.children].flatMap(styled))
  return [copy]
}

/** A colour as attributes that every program reads. @param {string} name fill or stroke @param {string} colour @returns {Record<string, string | number>} */
function paint(name, colour) {
  if (colour === "none" || alphaOf(colour) === 0) return { [name]: "none" }
  const [red, green, blue, alpha] = rgba(colour)
  const hex = [red, green, blue].map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")
  return { [name]: `#${hex}`, ...(alpha < 1 ? { [`${name}-opacity`]: alpha.toFixed(3) } : {}) }
}

/** @param {string} colour */
const alphaOf = (colour) => rgba(colour)[3]

/** @type {Map<string, number[]>} */
const colours = new Map()

/** Red, green and blue up to 255, and alpha up to 1. @param {string} colour as a style says it @returns {number[]} */
function rgba(colour) {
  const known = colours.get(colour)
  if (known) return known
  const numbers = (colour.match(/-?[\d.]+(e-?\d+)?%?/g) ?? []).map(parseFloat)
  let value = [...numbers.slice(0, 3), numbers[3] ?? 1]
  if (colour.startsWith("color(srgb ")) value = [...numbers.slice(0, 3).map((part) => Math.min(Math.max(255 * part, 0), 255)), numbers[3] ?? 1]
  else if (!colour.startsWith("rgb")) {
    const context = /** @type {CanvasRenderingContext2D} */ (element("canvas").getContext("2d"))
    context.fillStyle = colour
    context.fillRect(0, 0, 1, 1)
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data
    value = [red, green, blue, alpha / 255]
  }
  colours.set(colour, value)
  return value
}

/** The nearest background that is not transparent. @param {Element} node @returns {string} */
function backgroundOf(node) {
  for (let at = /** @type {Element | null} */ (node); at; at = at.parentElement) {
    const { backgroundColor } = getComputedStyle(at)
    if (alphaOf(backgroundColor) === 1) return backgroundColor
  }
  return "rgb(255, 255, 255)"
}

/** @param {Box} a @param {Box} b @returns {Box} */
const common = (a, b) => ({ left: Math.max(a.left, b.left), top: Math.max(a.top, b.top), right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom) })

/** @param {number} value */
const n = (value) => Number(value.toFixed(2))
