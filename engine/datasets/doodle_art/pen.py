"""The pen turns shapes in a thing's own coordinates into strokes on the oversampled sheet, in one of several styles.

A thing is drawn in the square [-1, 1] x [-1, 1], x to the right, y down, facing right. The pen moves, scales, rotates and
flips it, rounds every coordinate to a whole sheet pixel (so the last bit of a sine can never change a picture) and collects
the strokes in a list. `ink` then draws the list on the sheet, which lets a style draw a rim around the whole thing first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import ImageDraw

from engine.datasets.dice import Dice
from engine.datasets.doodle_art.palette import COAL, Colour, brightness, mix

PIXELS = 64  # width and height of a finished picture
OVERSAMPLE = 4
SHEET = PIXELS * OVERSAMPLE

Point = tuple[float, float]

_RINGS = {n: [(math.cos(2 * math.pi * k / n), math.sin(2 * math.pi * k / n)) for k in range(n)] for n in (8, 14, 22, 32)}


@dataclass(frozen=True)
class Style:
    """The drawing style of a thing.

    kind: "flat" (no lines), "inked" (a line around each part), "rimmed" (a line around the whole), "sticker" (a white rim
          around the whole), "line" (lines on lightly tinted paper) or "pencil" (wobbly lines, paint slightly displaced)
    ink: colour of the lines; paper: colour that "line" and "pencil" mix into the paint; tint: share of the paint that stays
    width: line width as a share of the thing's half size
    """

    kind: str
    ink: Colour = COAL
    paper: Colour = (253, 251, 246)
    tint: float = 1.0
    width: float = 0.05


@dataclass
class Strokes:
    """The strokes drawn so far, in sheet pixels, and the parts that shine at night."""

    parts: list[tuple[list[int], Colour | None, Colour | None, int]] = field(default_factory=list)  # corners, fill, line, line width
    lamps: list[tuple[list[int], Colour]] = field(default_factory=list)


def smooth(points: Sequence[Point], closed: bool = True, steps: int = 4) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    n = len(points)
    curve: list[Point] = []
    for i in range(n if closed else n - 1):
        if closed:
            (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[i - 1], points[i], points[(i + 1) % n], points[(i + 2) % n]
        else:
            (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[max(i - 1, 0)], points[i], points[i + 1], points[min(i + 2, n - 1)]
        for k in range(steps):
            t = k / steps
            t2, t3 = t * t, t * t * t
            a, b, c, d = t2 - 0.5 * (t + t3), 1 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2 * t2 - 1.5 * t3, 0.5 * (t3 - t2)
            curve.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    if not closed:
        curve.append(points[-1])
    return curve


class Pen:
    """Draws in its own coordinates. `at` returns a pen with other coordinates, for a part on the same sheet."""

    def __init__(self, matrix: tuple[float, float, float, float, float, float], style: Style, dice: Dice, strokes: Strokes) -> None:
        self.matrix, self.style, self.dice, self.strokes = matrix, style, dice, strokes
        a, b, _, c, d, _ = matrix
        self.scale = math.sqrt(abs(a * d - b * c))  # sheet pixels to a unit
        self.line_width = max(2, round(style.width * self.scale))

    @classmethod
    def on(
        cls, x: float, y: float, size: float, turn: float, flip: bool, style: Style, dice: Dice, strokes: Strokes | None = None
    ) -> "Pen":
        """A pen whose unit square is centred on (x, y), with half side `size` sheet pixels, turned by `turn` degrees."""
        cos, sin = math.cos(math.radians(turn)) * size, math.sin(math.radians(turn)) * size
        way = -1 if flip else 1
        return cls((cos * way, -sin, x, sin * way, cos, y), style, dice, strokes or Strokes())

    def at(self, x: float, y: float, size: float = 1.0, turn: float = 0.0, flip: bool = False, squash: float = 1.0) -> "Pen":
        """A pen for a part, with its origin at (x, y) of this pen; its unit is `size` across and `size * squash` down."""
        a, b, e, c, d, f = self.matrix
        cos, sin = math.cos(math.radians(turn)) * size, math.sin(math.radians(turn)) * size
        way = -1 if flip else 1
        p, q, r, s = cos * way, -sin * squash, sin * way, cos * squash
        pen = Pen(
            (a * p + b * r, a * q + b * s, a * x + b * y + e, c * p + d * r, c * q + d * s, c * x + d * y + f), self.style, self.dice,
            self.strokes,
        )  # fmt: skip
        pen.line_width = self.line_width  # small parts have lines of the same width
        return pen

    def place(self, points: Sequence[Point]) -> list[int]:
        """The points in sheet coordinates: x, y, x, y, ... in whole pixels."""
        a, b, e, c, d, f = self.matrix
        flat: list[int] = []
        for x, y in points:
            flat.append(round(a * x + b * y + e))
            flat.append(round(c * x + d * y + f))
        return flat

    def shape(self, points: Sequence[Point], colour: Colour, edge: bool = True) -> None:
        """A filled shape with straight sides. edge: whether it is a part with an outline, or only a detail"""
        self._part(self.place(points), colour, edge)

    def blob(self, points: Sequence[Point], colour: Colour, edge: bool = True) -> None:
        """A filled shape with a smooth outline through all the points."""
        self._part(self.place(smooth(points)), colour, edge)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, edge: bool = True, turn: float = 0.0) -> None:
        span = max(rx, ry) * self.scale
        ring = _RINGS[8 if span < 5 else 14 if span < 18 else 22 if span < 50 else 32]
        cos, sin = (1.0, 0.0) if turn == 0 else (math.cos(math.radians(turn)), math.sin(math.radians(turn)))
        self._part(self.place([(x + rx * u * cos - ry * v * sin, y + rx * u * sin + ry * v * cos) for u, v in ring]), colour, edge)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour, edge: bool = True, corner: float = 0.0) -> None:
        """An upright box with corners rounded by `corner`."""
        if corner <= 0:
            return self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour, edge)
        c, s = min(corner, (right - left) / 2, (bottom - top) / 2), 0.29
        self.shape(
            [
                (left + c, top), (right - c, top), (right - c * s, top + c * s), (right, top + c),
                (right, bottom - c), (right - c * s, bottom - c * s), (right - c, bottom),
                (left + c, bottom), (left + c * s, bottom - c * s), (left, bottom - c), (left, top + c), (left + c * s, top + c * s),
            ],
            colour, edge,
        )  # fmt: skip

    def line(self, points: Sequence[Point], colour: Colour, width: float, curved: bool = False) -> None:
        """An open stroke with round ends, `width` in this pen's units."""
        flat = self.place(smooth(points, closed=False) if curved else points)
        self.strokes.parts.append((flat, None, self._paint(colour, detail=True), max(2, round(width * self.scale))))

    def lamp(self, points: Sequence[Point], colour: Colour) -> None:
        """A part that shines at night; it is invisible by day."""
        self.strokes.lamps.append((self.place(points), colour))

    def _paint(self, colour: Colour, detail: bool) -> Colour:
        if self.style.kind not in ("line", "pencil") or (detail and brightness(colour) < 90):
            return colour  # eyes, noses and tyres stay dark even in drawings without colours
        return mix(self.style.paper, colour, self.style.tint)

    def _part(self, flat: list[int], colour: Colour, edge: bool) -> None:
        kind = self.style.kind
        fill = self._paint(colour, detail=not edge)
        if not edge or kind in ("flat", "rimmed", "sticker"):
            self.strokes.parts.append((flat, fill, None, 0))
        elif kind == "pencil":
            slip = max(1, self.line_width)
            self.strokes.parts.append(([v + slip for v in flat], fill, None, 0))
            for _ in range(2):  # drawn twice, never on exactly the same path
                wobble = self.line_width * 0.5
                self.strokes.parts.append(([v + round(self.dice.span(-wobble, wobble)) for v in flat] + flat[:2], None, self.style.ink, 2))
        else:
            self.strokes.parts.append((flat, fill, self.style.ink, self.line_width))


def ink(draw: ImageDraw.ImageDraw, strokes: Strokes, style: Style | None = None, line_width: int = 0) -> None:
    """Draw the strokes on the sheet. In a style with a rim around the whole thing, the rim comes first, `line_width` pixels wide."""
    if style is not None and style.kind in ("rimmed", "sticker"):
        rim = style.ink if style.kind == "rimmed" else WHITE_RIM
        for flat, fill, _, width in strokes.parts:
            _trace(draw, flat, rim, width + 2 * line_width, closed=fill is not None)
    for flat, fill, line, width in strokes.parts:
        if fill is not None:
            draw.polygon(flat, fill=fill)
        if line is not None:
            _trace(draw, flat, line, width, closed=fill is not None)


WHITE_RIM: Colour = (255, 254, 250)


def _trace(draw: ImageDraw.ImageDraw, flat: list[int], colour: Colour, width: int, closed: bool) -> None:
    draw.line(flat + flat[:2] if closed else flat, fill=colour, width=width)
    if width < 4:
        return
    # Pillow leaves notches at bends and flat ends, which a small disc on every corner fills. It is our own disc, made of whole
    # numbers, because Pillow's round joints have changed between versions.
    radius = (width - 1) / 2
    disc = [(round(u * radius), round(v * radius)) for u, v in _RINGS[8]]
    for k in range(0, len(flat), 2):
        x, y = flat[k], flat[k + 1]
        draw.polygon([(x + u, y + v) for u, v in disc], fill=colour)
