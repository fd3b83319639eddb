// Black or white text on a colour.

/** @param {number} part of red, green or blue, from 0 to 1 */
const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)

/** The relative luminance of "#rrggbb", as WCAG 2 defines it. @param {string} colour */
export function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => linear(parseInt(colour.slice(at, at + 2), 16) / 255))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** The ink that reads better on "#rrggbb": with either black or white, the contrast is at least 4.5. @param {string} colour */
export const inkOn = (colour) => (1.05 / (luminance(colour) + 0.05) >= (luminance(colour) + 0.05) / 0.05 ? "#fff" : "#000")
