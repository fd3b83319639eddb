// A mask as a picture: every pixel in the colour of its class, hatched where it is not that of the true mask.

import { element, percent } from "../core/dom.js"
import { IGNORED, classesIn, colourOf, lacksTruth, shareOfDifferences } from "../core/masks.js"

/** @typedef {import("../core/masks.js").Masks} Masks */

const SCALE = 4 // pixels of the picture along a side of a pixel of the mask: room for two lines of the hatching
const [DARK, LIGHT] = [[20, 24, 28], [255, 255, 255]]

/**
 * @param {Masks} masks
 * @param {number} exit
 */
export function predictedMask(masks, exit) {
  const mask = masks.exits[exit]
  const picture = painted(masks, mask, (i) => masks.truth[i] !== IGNORED && mask[i] !== masks.truth[i])
  const differences = `; ${percent(shareOfDifferences(masks.truth, mask), 1)} of its pixels, hatched, differ from the true mask`
  return labelled(picture, `Predicted mask${lacksTruth(masks) ? "" : differences}`)
}

/** @param {Masks} masks */
export function trueMask(masks) {
  return labelled(painted(masks, masks.truth, () => false), "True mask")
}

/** The colours of the classes that occur. @param {Masks} masks @param {string[]} names of the classes */
export function legend(masks, names) {
  return classesIn(masks).map((class_) => {
    const swatch = element("i")
    swatch.style.background = colourOf(class_)
    return element("span", "", swatch, names[class_])
  })
}

/** @param {HTMLCanvasElement} picture @param {string} label */
function labelled(picture, label) {
  picture.setAttribute("role", "img")
  picture.setAttribute("aria-label", label)
  picture.title = label
  return picture
}

/**
 * @param {Masks} masks
 * @param {Uint8Array} mask
 * @param {(i: number) => boolean} isHatched
 */
function painted({ height, width }, mask, isHatched) {
  const canvas = element("canvas", "offramp-mask")
  canvas.width = width * SCALE
  canvas.height = height * SCALE
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"))
  const image = context.createImageData(canvas.width, canvas.height)
  mask.forEach((class_, i) => {
    const [top, left] = [Math.floor(i / width) * SCALE, (i % width) * SCALE]
    const colour = class_ === IGNORED ? null : [1, 3, 5].map((at) => parseInt(colourOf(class_).slice(at, at + 2), 16))
    const hatched = isHatched(i)
    for (let y = top; y < top + SCALE; y++) {
      for (let x = left; x < left + SCALE; x++) {
        const line = (x + y) % SCALE
        const shown = hatched && line < 2 ? (line === 0 ? DARK : LIGHT) : colour
        if (shown) image.data.set([...shown, 255], 4 * (y * canvas.width + x))
      }
    }
  })
  context.putImageData(image, 0, 0)
  return canvas
}
