// Where the label of the dot goes: at the corner where it hides the fewest marks.

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

// at: the middle of the dot; label: its size; marks: weighted boxes to keep visible; area: the box to stay in;
// now: its current corner, kept unless another one is better
export function freestCorner(at, label, marks, area, now) {
  const hidden = (corner) => {
    const place = box(corner, at, label)
    const outside = label.width * label.height - shared(place, area)
    return 100 * outside + marks.reduce((sum, mark) => sum + mark.weight * shared(place, mark), 0)
  }
  return [now, ...CORNERS].filter(Boolean).reduce((best, corner) => (hidden(corner) < hidden(best) ? corner : best))
}

// Boxes of all visible markers of a chart, of the texts beside them, and, with less weight, of the points of its widest line.
export function marksOf(plot) {
  const { xaxis, yaxis } = plot._fullLayout
  const shown = plot._fullData.filter((trace) => trace.visible === true)
  const lines = shown.filter((trace) => trace.mode === "lines").sort((a, b) => b.line.width - a.line.width)
  const points = (trace) => Array.from(trace.x, (x, i) => [xaxis._offset + xaxis.d2p(x), yaxis._offset + yaxis.d2p(trace.y[i])])
  const markers = shown.filter((trace) => trace.mode?.includes("markers"))
  return [...lines.slice(0, 1).flatMap((line) => alongLine(points(line), line.line.width)), ...markers.flatMap((trace) => withTexts(trace, points(trace)))]
}

function around(x, y, width, height, weight) {
  return { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2, weight }
}

// Where a line has many points in one place, the place counts once.
function alongLine(points, width) {
  const places = new Map(points.map(([x, y]) => [`${Math.round(x / width)} ${Math.round(y / width)}`, around(x, y, width, width, 1)]))
  return [...places.values()]
}

function withTexts(trace, points) {
  const { size } = trace.marker
  return points.flatMap(([x, y], i) => {
    const marker = around(x, y, size, size, 10)
    const [upright, level] = ([].concat(trace.textposition)[i] ?? "middle center").split(" ")
    if (upright === "middle" && level === "center") return [marker]
    const [width, height] = [7 * String(trace.text[i]).length, 13]
    const sideways = { left: -1, center: 0, right: 1 }[level] * (size + width) / 2
    const down = { top: -1, middle: 0, bottom: 1 }[upright] * (size + height) / 2
    return [marker, around(x + sideways, y + down, width, height, 10)]
  })
}
