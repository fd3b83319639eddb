// Texts that cannot be read: cut off, one over another, or outside the window. An expression, which is a function that returns a sentence
// for each. A line of text is measured where its letters are: from the baseline, as high and as low as they reach.
(() => {
  const SLACK = 1 // px that are not seen
  const LEAST = 2.5 // em of a shortened text that stay, with its ellipsis
  const OPAQUE = 0.9
  const pen = document.createElement("canvas").getContext("2d")

  const boxOf = ({ left, top, right, bottom }) => ({ left, top, right, bottom })
  const shared = (a, b) => ({ left: Math.max(a.left, b.left), top: Math.max(a.top, b.top), right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom) })
  const across = ({ left, right }) => right - left
  const down = ({ top, bottom }) => bottom - top
  const opacityOf = (colour) => Number(colour.match(/(?:rgba\(.*,|\/)\s*([\d.]+)\)$/)?.[1] ?? 1)
  const isSeen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true })
  const nameOf = (element) => element.closest("[class]")?.getAttribute("class") ?? element.tagName

  /** Where the letters of a line are within its line box. */
  function inked(line, text, { fontStyle, fontWeight, fontSize, fontFamily }) {
    pen.font = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`
    const { fontBoundingBoxAscent, fontBoundingBoxDescent, actualBoundingBoxAscent, actualBoundingBoxDescent } = pen.measureText(text)
    const scale = down(line) / (fontBoundingBoxAscent + fontBoundingBoxDescent) // not 1 in a drawing that is scaled
    const baseline = line.top + fontBoundingBoxAscent * scale
    return { left: line.left, right: line.right, top: baseline - actualBoundingBoxAscent * scale, bottom: baseline + actualBoundingBoxDescent * scale }
  }

  return () => {
    const [styles, boxes] = [new Map(), new Map()]
    const kept = (map, element, make) => {
      if (!map.has(element)) map.set(element, make(element))
      return map.get(element)
    }
    const styleOf = (element) => kept(styles, element, getComputedStyle)
    /** An element and what it is in, without the page itself. */
    function* outwards(element) {
      for (let node = element; node && node !== document.body; node = node.parentElement) yield node
    }
    /** What cuts off an element that reaches out of it, from the innermost. What is positioned is only cut by what it is positioned in. */
    function cutters(element) {
      const list = []
      let position = "static"
      for (const node of outwards(element)) {
        const style = styleOf(node)
        const isFrame = style.transform !== "none" || style.translate !== "none" || style.filter !== "none" || style.willChange === "transform"
        if (isFrame || (position === "absolute" && style.position !== "static")) position = "static"
        if (position !== "static") continue
        if (style.display !== "inline" && style.overflow !== "visible") list.push({ node, style, box: kept(boxes, node, () => boxOf(node.getBoundingClientRect())) })
        if (style.position === "absolute" || style.position === "fixed") position = style.position
      }
      return list
    }
    /** For screen readers alone. */
    const isUnseen = (element) => [...outwards(element)].some((node) => styleOf(node).clipPath !== "none")
    /** What lies over the page on purpose: a dialog, a tooltip, and what stays in the window while the page scrolls. */
    const layerOf = (element) =>
      [...outwards(element)].find((node) => node.matches("dialog[open], [role=tooltip], .offramp-card") || ["fixed", "sticky"].includes(styleOf(node).position)) ?? null
    const isOpaque = (layer) => layer && [null, "::before"].some((part) => opacityOf(getComputedStyle(layer, part).backgroundColor) >= OPAQUE)
    /** Whether a text that is shortened is in a title or a name. */
    const isReachable = (text, element) => [...outwards(element)].some((node) => `${node.getAttribute("title")}\n${node.getAttribute("aria-label")}`.includes(text))

    const faults = new Set()
    /** The part of a box that is not cut off. text: undefined if it may be cut */
    function visible(whole, element, text) {
      let seen = whole
      for (const { node, style, box } of cutters(element)) {
        const part = shared(seen, { ...seen, ...(style.overflowX === "visible" ? {} : { left: box.left, right: box.right }), ...(style.overflowY === "visible" ? {} : { top: box.top, bottom: box.bottom }) })
        const [lostAcross, lostDown] = [across(seen) - across(part), down(seen) - down(part)]
        const isClamped = style.webkitLineClamp !== "none" && isReachable(text, element) // which has an ellipsis too
        const isShortened = style.textOverflow === "ellipsis" && isReachable(text, element)
        const fault = (what) => text && faults.add(`“${text.slice(0, 40)}” (${nameOf(element)}) ${what} by ${nameOf(node)}`)
        if (lostDown > SLACK && !isClamped && !/auto|scroll/.test(style.overflowY)) fault("is cut off above or below")
        if (lostAcross > SLACK && !/auto|scroll/.test(style.overflowX) && !isShortened) fault("is cut off at a side")
        if (lostAcross > SLACK && isShortened && across(part) < LEAST * parseFloat(styleOf(element).fontSize)) fault("is shortened to nothing")
        seen = part
      }
      return across(seen) > 0 && down(seen) > 0 ? seen : null
    }

    const items = []
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const range = document.createRange()
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement
      const text = walker.currentNode.data.trim()
      if (!text || element.closest("script, style, option, title, textarea") || !isSeen(element) || isUnseen(element)) continue
      range.selectNodeContents(walker.currentNode)
      for (const line of range.getClientRects()) {
        if (across(line) < 1) continue
        const box = visible(inked(line, text, styleOf(element)), element, text)
        if (!box) continue
        if (box.left < -SLACK || box.right > document.documentElement.clientWidth + SLACK || box.top + scrollY < -SLACK) faults.add(`“${text.slice(0, 40)}” (${nameOf(element)}) is outside the window`)
        items.push({ element, text, box, layer: layerOf(element) })
      }
    }
    for (const element of document.querySelectorAll("img, canvas, input, select, textarea")) {
      if (!isSeen(element) || styleOf(element).opacity === "0") continue
      const box = visible(boxOf(element.getBoundingClientRect()), element)
      if (box) items.push({ element, text: element.tagName, box, layer: layerOf(element) })
    }

    items.sort((a, b) => a.box.top - b.box.top)
    items.forEach((a, i) => {
      for (let j = i + 1; j < items.length && items[j].box.top < a.box.bottom - SLACK; j++) {
        const b = items[j]
        const both = shared(a.box, b.box)
        if (across(both) <= SLACK || down(both) <= SLACK || a.element === b.element) continue
        if (a.layer !== b.layer && (isOpaque(a.layer) || isOpaque(b.layer))) continue
        if ([a, b].some(({ element }) => element.tagName === "IMG") && a.element.parentElement === b.element.parentElement) continue // a mark on its image
        faults.add(`“${a.text.slice(0, 40)}” (${nameOf(a.element)}) and “${b.text.slice(0, 40)}” (${nameOf(b.element)}) overlap by ${across(both).toFixed(0)} x ${down(both).toFixed(0)} px`)
      }
    })

    // At the end of the page, nothing is still behind what stays at the window's bottom.
    const below = [...new Set(items.map(({ layer }) => layer))].filter((layer) => layer && styleOf(layer).position === "fixed" && !layer.matches("dialog, [role=tooltip]"))
    const end = document.documentElement.scrollHeight - scrollY - Math.max(0, ...below.map((layer) => innerHeight - layer.getBoundingClientRect().top))
    for (const { element, text, box, layer } of items) if (!layer && box.bottom > end + SLACK) faults.add(`“${text.slice(0, 40)}” (${nameOf(element)}) cannot be scrolled into sight`)
    return [...faults]
  }
})()
