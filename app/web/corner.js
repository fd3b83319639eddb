// Where the label of the dot goes: at whichever corner of it hides the fewest marks.

const CORNERS = ["up right", "up left", "down right", "down left"]
const [ASIDE, ABOVE] = [10, 8] // from the dot's middle to the label, as in the style sheet

function box(corner, { x, y }, { width, height }) {
  const left = corner.includes("right") ? x + ASIDE : x - ASIDE - width
  const top = corner.includes("down") ? y + ABOVE : y - ABOVE - height
  return { left, top, right: left + width, bottom: top + height }
}

function shared(a, b) {
  return Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))
}

// at: the dot's middle; label: its size; marks and area: boxes to keep clear and to stay in; now: the corner it is at, kept unless another is better
export function freestCorner(at, label, marks, area, now) {
  const hidden = (corner) => {
    const there = box(corner, at, label)
    const outside = label.width * label.height - shared(there, area)
    return 10 * outside + marks.reduce((sum, mark) => sum + shared(there, mark), 0)
  }
  return [now, ...CORNERS].filter(Boolean).reduce((best, corner) => (hidden(corner) < hidden(best) ? corner : best))
}

// The boxes of all markers that a chart shows, and of the texts beside them.
export function marksOf(plot) {
  const { xaxis, yaxis } = plot._fullLayout
  const marks = []
  const add = (x, y, width, height) => marks.push({ left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 })
  for (const trace of plot._fullData) {
    if (trace.visible !== true || !trace.mode?.includes("markers")) continue
    for (let i = 0; i < trace.x.length; i++) {
      const [x, y] = [xaxis._offset + xaxis.d2p(trace.x[i]), yaxis._offset + yaxis.d2p(trace.y[i])]
      const size = trace.marker.size
      add(x, y, size, size)
      const [upright, level] = ([].concat(trace.textposition)[i] ?? "middle center").split(" ")
      if (upright === "middle" && level === "center") continue
      const [width, height] = [7 * String(trace.text[i]).length, 13]
      const sideways = { left: -1, center: 0, right: 1 }[level] * (size + width) / 2
      const upwards = { top: -1, middle: 0, bottom: 1 }[upright] * (size + height) / 2
      add(x + sideways, y + upwards, width, height)
    }
  }
  return marks
}
