// Texts go where they hide least.

import assert from "node:assert/strict"
import { test } from "node:test"
import { alongLine, alongside, apart, around, besides, dense, everywhere, freest, grown, hidden, nearestOnLine, shared } from "../../app/web/core/placement.js"

const AREA = { left: 0, top: 0, right: 300, bottom: 200 }
const LABEL = { width: 40, height: 16 }

test("two boxes share an area or nothing", () => {
  assert.equal(shared(around(10, 10, 20, 20), around(20, 10, 20, 20)), 200)
  assert.equal(shared(around(10, 10, 20, 20), around(30, 10, 20, 20)), 0)
  assert.equal(shared(around(10, 10, 20, 20), around(10, 40, 20, 20)), 0)
  assert.equal(shared(grown(around(10, 10, 2, 2), 4), around(10, 10, 100, 100)), 100)
})

test("of markers that would cover one another all but one are small, and the ends come first", () => {
  const at = (...xs) => xs.map((x) => ({ x, y: 0 }))
  assert.deepEqual(apart(at(0, 30, 60), 18, 7), [18, 18, 18])
  assert.deepEqual(apart(at(0, 10, 25, 30, 40), 18, 7), [18, 7, 7, 7, 18])
  assert.deepEqual(apart([{ x: 0, y: 0 }, { x: 5, y: 18 }], 18, 7), [18, 18])
  assert.deepEqual([apart([], 18, 7), apart(at(3), 18, 7)], [[], [18]])
})

test("a place outside the area is worse than one that hides a marker", () => {
  const outside = around(295, 100, 40, 16)
  const covering = around(100, 100, 40, 16)
  const marks = [around(100, 100, 18, 18, 10)]
  assert.ok(hidden(outside, marks, AREA) > hidden(covering, marks, AREA))
  assert.equal(freest([outside, covering], marks, AREA), covering)
})

test("the preferred side of a point wins if nothing is in the way", () => {
  const places = besides({ x: 150, y: 100 }, LABEL, [12, 26])
  assert.equal(freest(places, [], AREA).name, "up right 12")
  const sides = besides({ x: 150, y: 100 }, LABEL, [12], ["down", "up"])
  assert.equal(freest(sides, [], AREA).name, "down 12")
})

test("no place beside a point covers the point", () => {
  const point = around(150, 100, 16, 16)
  for (const place of besides({ x: 150, y: 100 }, LABEL, [12, 26])) assert.equal(shared(place, point), 0, place.name)
})

test("a label keeps clear of marks and inside the area, wherever its point is", () => {
  for (let x = 0; x <= 300; x += 20)
    for (let y = 0; y <= 200; y += 20) {
      const marks = [around(x + 30, y - 20, 18, 18, 10), around(x - 30, y + 20, 18, 18, 10)]
      const place = freest(besides({ x, y }, LABEL, [12, 26, 44]), marks, AREA)
      assert.ok(place.left >= 0 && place.right <= 300 && place.top >= 0 && place.bottom <= 200, `${x} ${y}`)
      for (const mark of marks) assert.equal(shared(place, mark), 0, `${x} ${y} ${place.name}`)
    }
})

test("places all over an area are inside it, and the nearest is the best", () => {
  const places = everywhere(AREA, LABEL, { x: 20, y: 8 })
  assert.ok(places.length > 100 && places.every((place) => hidden(place, [], AREA) === place.penalty))
  assert.deepEqual([freest(places, [], AREA).left, freest(places, [], AREA).top], [0, 0])
})

test("a line is dense, with its ends", () => {
  const line = dense([{ x: 0, y: 0 }, { x: 30, y: 40 }], 4)
  assert.deepEqual([line[0], line.at(-1)], [{ x: 0, y: 0 }, { x: 30, y: 40 }])
  for (let i = 1; i < line.length; i++) assert.ok(Math.hypot(line[i].x - line[i - 1].x, line[i].y - line[i - 1].y) <= 4 + 1e-9)
})

test("many points in one place are one mark", () => {
  const point = { x: 50, y: 50 }
  assert.equal(alongLine(Array(100).fill(point), 3, 1).length, 1)
  assert.ok(alongLine([{ x: 0, y: 50 }, { x: 300, y: 50 }], 3, 1).length > 90)
})

test("the name of a flat line is beside it and covers nothing", () => {
  const points = [{ x: 20, y: 120 }, { x: 280, y: 110 }]
  const line = alongLine(points, 3, 1)
  const marks = [...line, around(150, 100, 60, 20, 40)]
  const place = freest(alongside(points, { width: 80, height: 18 }, [4, 12]), marks, AREA)
  for (const mark of marks) assert.equal(shared(place, mark), 0)
  assert.ok(Math.min(...line.map((mark) => Math.abs((mark.top + mark.bottom) / 2 - (place.top + place.bottom) / 2))) < 20)
})

test("the name of a steep line is at its side", () => {
  const points = [{ x: 100, y: 190 }, { x: 104, y: 10 }]
  const place = freest(alongside(points, { width: 80, height: 18 }, [4]), alongLine(points, 3, 2), AREA)
  assert.ok(place.left > 104 || place.right < 100)
})

test("a line of one point has places too", () => {
  assert.ok(alongside([{ x: 5, y: 5 }], LABEL, [4]).length > 0)
  assert.equal(nearestOnLine([{ x: 3, y: 4 }], { x: 0, y: 0 }).distance, 5)
})

test("the nearest point of a line may be between its points", () => {
  const near = nearestOnLine([{ x: 0, y: 0 }, { x: 100, y: 0 }], { x: 30, y: 7 })
  assert.deepEqual(near, { x: 30, y: 0, distance: 7 })
})
