"""Backgrounds: plain paper, patterns, meadow, sky, street, room and sea, drawn over the whole sheet."""

from collections.abc import Callable

from PIL import ImageDraw

from engine.datasets.dice import Dice
from engine.datasets.doodle_art.palette import (
    CREAM,
    FOREST,
    GREY,
    LEAF,
    MIDDLE,
    MINT,
    PALE,
    SAND,
    SKY,
    SLATE,
    SUN,
    TEAL,
    WHITE,
    Colour,
    darker,
    lighter,
    mix,
    vary,
)  # fmt: skip
from engine.datasets.doodle_art.pen import SHEET, Pen, Strokes, Style, ink
from engine.datasets.doodle_art.props import draw_prop

_FLAT = Style("flat")
Drawing = ImageDraw.ImageDraw
Backdrop = Callable[[Drawing, Dice, Strokes], Colour]


def _pen(dice: Dice) -> Pen:
    """A pen in sheet pixels."""
    return Pen.on(0, 0, 1, 0, False, _FLAT, dice)


def _wash(draw: Drawing, top: Colour, bottom: Colour, start: int = 0, end: int = SHEET) -> None:
    """A vertical colour gradient, in bands of one finished pixel."""
    for y in range(start, end, 4):
        draw.rectangle((0, y, SHEET, y + 4), fill=mix(top, bottom, (y - start) / (end - start)))


def _ground(dice: Dice) -> Colour:
    return vary(dice.pick(PALE) if dice.chance(0.6) else dice.pick(MIDDLE), dice, 8)


def printable(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    colour = _ground(dice)
    draw.rectangle((0, 0, SHEET, SHEET), fill=colour)
    if dice.chance(0.5):  # a disc of another shade behind the thing, as in a picture book
        radius = dice.span(86, 116)
        pen = _pen(dice)
        pen.oval(128, 128, radius, radius, lighter(colour, 0.5) if dice.chance(0.5) else darker(colour, 0.1), edge=False)
        ink(draw, pen.strokes)
    return colour


def gradient(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    top, bottom = _ground(dice), _ground(dice)
    _wash(draw, top, bottom)
    return mix(top, bottom, 0.5)


def stripes(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    one = _ground(dice)
    other = mix(one, dice.pick(MIDDLE), dice.span(0.35, 0.8))
    draw.rectangle((0, 0, SHEET, SHEET), fill=one)
    wide, lean = dice.whole(12, 30), dice.pick((0, 0, SHEET // 2, -SHEET // 2))
    level = dice.chance(0.3)
    for k in range(-SHEET, 2 * SHEET, 2 * wide):
        corners = [(k, 0), (k + wide, 0), (k + wide + lean, SHEET), (k + lean, SHEET)]
        draw.polygon([(y, x) for x, y in corners] if level else corners, fill=other)
    return mix(one, other, 0.5)


def dots(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    one = _ground(dice)
    other = mix(one, dice.pick(MIDDLE) if dice.chance(0.6) else WHITE, dice.span(0.5, 0.9))
    draw.rectangle((0, 0, SHEET, SHEET), fill=one)
    step, pen = dice.whole(26, 48), _pen(dice)
    radius = step * dice.span(0.18, 0.3)
    for row in range(SHEET // step + 2):
        for column in range(SHEET // step + 2):
            pen.oval((column + 0.5 * (row % 2)) * step, row * step, radius, radius, other, edge=False)
    ink(draw, pen.strokes)
    return one


def paper(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    """A page of an exercise book, ruled or squared, or a plain sheet of kraft paper."""
    sheet = vary(dice.pick((WHITE, CREAM, (238, 232, 214), (216, 190, 150))), dice, 5)
    draw.rectangle((0, 0, SHEET, SHEET), fill=sheet)
    rule = mix(sheet, dice.pick((SKY, GREY, MINT)), 0.6)
    step, squared = dice.whole(20, 32), dice.chance(0.5)
    for k in range(dice.whole(4, 20), SHEET, step):
        draw.rectangle((0, k, SHEET, k + 2), fill=rule)
        if squared:
            draw.rectangle((k, 0, k + 2, SHEET), fill=rule)
    if not squared and dice.chance(0.6):
        draw.rectangle((30, 0, 33, SHEET), fill=(232, 150, 150))
    return sheet


def _heavens(draw: Drawing, dice: Dice, lit: Strokes, end: int = SHEET) -> Colour:
    """The sky down to `end`: blue, dusky or rosy, sometimes with a sun and clouds, and with stars for the night."""
    top, bottom = dice.pick(
        ((SKY, (222, 240, 246)), ((150, 204, 232), (240, 246, 240)), ((246, 190, 150), (254, 232, 190)), ((176, 170, 216),
        (250, 214, 200))),
    )  # fmt: skip
    _wash(draw, vary(top, dice, 8), bottom, 0, end)
    pen = _pen(dice)
    if dice.chance(0.4):
        x, y, r = dice.span(20, 236), dice.span(14, 60), dice.span(16, 26)
        pen.oval(x, y, r, r, SUN, edge=False)
        lit.lamps.append(
            (pen.place([(x - r, y), (x - r * 0.4, y - r * 0.9), (x + r * 0.2, y - r * 0.3), (x + r * 0.2, y + r * 0.5),
            (x - r * 0.4, y + r * 0.9)]), (250, 240, 200)),
        )  # fmt: skip
    for _ in range(dice.whole(0, 3)):
        x, y, s = dice.span(0, 256), dice.span(10, end * 0.6), dice.span(10, 20)
        for dx, dy, r in ((-1.3, 0.25, 0.8), (0, 0, 1.1), (1.2, 0.3, 0.75)):
            pen.oval(x + dx * s, y + dy * s, r * s * 1.2, r * s * 0.8, WHITE, edge=False)
    for _ in range(7):
        x, y = dice.whole(4, 250), dice.whole(4, max(8, end * 2 // 3))
        lit.lamps.append(([x, y - 2, x + 2, y, x, y + 2, x - 2, y], (255, 255, 230)))
    ink(draw, pen.strokes)
    return mix(top, bottom, 0.5)


def sky(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    return _heavens(draw, dice, lit)


def hills(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    high = dice.whole(110, 160)
    _heavens(draw, dice, lit, high + 30)
    green = vary(dice.pick((LEAF, (150, 196, 110), (196, 206, 120), (130, 188, 140))), dice)
    pen = _pen(dice)
    for k in range(3):
        y, bump = high + k * 34, dice.span(10, 26) * dice.sign()
        pen.blob(
            [(-60, y), (64, y - bump), (190, y + bump), (320, y), (320, 330),
            (-60, 330)], mix(lighter(green, 0.45), darker(green, 0.08), k / 2), edge=False,
        )  # fmt: skip
    for _ in range(dice.whole(0, 8)):
        x, y, colour = dice.span(4, 252), dice.span(high + 60, 252), dice.pick((WHITE, SUN, (240, 160, 170)))
        pen.oval(x, y, 4, 4, colour, edge=False)
    ink(draw, pen.strokes)
    return green


def street(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    kerb = dice.whole(150, 186)
    _heavens(draw, dice, lit, kerb)
    x = -dice.whole(0, 30)
    while x < SHEET:
        wide, top = dice.whole(36, 66), kerb - dice.whole(50, 130)
        wall = vary(
            dice.pick(((244, 206, 178), (232, 176, 156), (206, 216, 220), (244, 224, 170), (190, 208, 190), (214, 196, 214))), dice, 8,
        )  # fmt: skip
        draw.rectangle((x, top, x + wide - 2, kerb), fill=wall)
        draw.polygon([(x - 4, top), (x + wide // 2, top - 22), (x + wide + 2, top)], fill=darker(wall, 0.34))
        for row in range(top + 12, kerb - 22, 26):
            for column in range(x + 8, x + wide - 14, 20):
                draw.rectangle((column, row, column + 9, row + 13), fill=mix(wall, (120, 150, 176), 0.6))
                if dice.chance(0.45):
                    lit.lamps.append(([column, row, column + 9, row, column + 9, row + 13, column, row + 13], (226, 176, 96)))
        x += wide
    road = vary((142, 144, 154), dice, 10)
    draw.rectangle((0, kerb, SHEET, SHEET), fill=road)
    draw.rectangle((0, kerb, SHEET, kerb + 9), fill=lighter(road, 0.45))
    for k in range(-dice.whole(0, 40), SHEET, 56):
        draw.rectangle((k, kerb + 46, k + 28, kerb + 52), fill=lighter(road, 0.7))
    return mix(road, CREAM, 0.4)


def room(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    wall = vary(dice.pick(PALE + MIDDLE), dice, 6)
    draw.rectangle((0, 0, SHEET, SHEET), fill=wall)
    for k in range(dice.whole(0, 16), SHEET, 32):
        draw.rectangle((k, 0, k + 9, SHEET), fill=mix(wall, WHITE, 0.35))
    if dice.chance(0.6):  # a window or a picture
        x, y, glass = dice.whole(8, 176), dice.whole(8, 40), dice.pick((SKY, (170, 214, 236), (246, 204, 150)))
        draw.rectangle((x, y, x + 66, y + 66), fill=(150, 108, 78))
        draw.rectangle((x + 6, y + 6, x + 60, y + 60), fill=glass)
        draw.rectangle((x + 30, y, x + 35, y + 66), fill=(150, 108, 78))
        lit.lamps.append(([x + 14, y + 14, x + 22, y + 10, x + 24, y + 22, x + 16, y + 26], (250, 244, 210)))
    floor = vary(dice.pick((SAND, (190, 146, 108), (206, 176, 160))), dice, 8)
    low = dice.whole(184, 208)
    draw.rectangle((0, low, SHEET, SHEET), fill=floor)
    draw.rectangle((0, low - 7, SHEET, low), fill=WHITE)
    if dice.chance(0.5):
        pen = _pen(dice)
        pen.oval(128, low + 40, dice.span(80, 118), 22, vary(dice.pick(MIDDLE), dice), edge=False)
        ink(draw, pen.strokes)
    return wall


def sea(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    """Open water under a sky, for boats."""
    line = dice.whole(120, 168)
    _heavens(draw, dice, lit, line + 12)
    water = vary(dice.pick(((92, 166, 196), TEAL, (110, 180, 200), (84, 140, 188))), dice, 10)
    pen = _pen(dice)
    for k in range(4):
        y, shift = line + k * 26, dice.span(0, 60)
        points = [(float(x - shift), y + (5 if i % 2 else -5)) for i, x in enumerate(range(-40, 400, 28))]
        pen.blob([*points, (420, 330), (-120, 330)], mix(lighter(water, 0.35), darker(water, 0.16), k / 3), edge=False)
    ink(draw, pen.strokes)
    return water


def deep(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    """Under water, for fish."""
    water = vary(dice.pick(((110, 190, 214), (86, 168, 180), (140, 206, 206), (92, 150, 200))), dice, 10)
    _wash(draw, lighter(water, 0.4), darker(water, 0.2))
    pen = _pen(dice)
    if dice.chance(0.6):
        pen.blob([(-40, 226), (60, 214), (150, 232), (300, 220), (300, 320), (-40, 320)], vary(SAND, dice), edge=False)
    for _ in range(dice.whole(0, 4)):
        x, high, colour = dice.span(6, 250), dice.span(50, 120), vary(dice.pick((FOREST, LEAF, (196, 100, 110))), dice)
        points = [(x + (9 if k % 2 else -9), 250 - high * k / 4) for k in range(5)]
        pen.line(points, colour, 9, curved=True)
    for _ in range(dice.whole(2, 7)):
        r = dice.span(3, 8)
        pen.oval(dice.span(6, 250), dice.span(6, 200), r, r, lighter(water, 0.6), edge=False)
    ink(draw, pen.strokes)
    return water


def wallpaper(draw: Drawing, dice: Dice, lit: Strokes) -> Colour:
    """The same small picture repeated all over."""
    ground = _ground(dice)
    draw.rectangle((0, 0, SHEET, SHEET), fill=ground)
    step, colour = dice.whole(44, 62), mix(ground, dice.pick(MIDDLE + (WHITE, SLATE)), 0.55)
    name = dice.pick(("star", "heart", "flower", "leaf", "cloud"))
    for row in range(SHEET // step + 2):
        for column in range(SHEET // step + 2):
            pen = Pen.on((column + 0.5 * (row % 2)) * step, row * step, 11, 0, False, _FLAT, dice)
            draw_prop(name, pen, colour)
            ink(draw, pen.strokes)
    return ground


CALM: tuple[tuple[Backdrop, float], ...] = ((printable, 0.3), (gradient, 0.24), (paper, 0.16), (sky, 0.15), (hills, 0.15))
BUSY: tuple[tuple[Backdrop, float], ...] = (
    (stripes, 0.24), (dots, 0.2), (wallpaper, 0.16), (street, 0.14), (room, 0.14), (deep, 0.06), (sea, 0.06),
)  # fmt: skip
#: The typical backgrounds of each kind of thing. Look-alikes share them, so the background alone never tells them apart.
HOME: dict[str, tuple[tuple[Backdrop, float], ...]] = {
    "animal": ((hills, 0.55), (room, 0.45)),
    "vehicle": ((street, 0.65), (hills, 0.35)),
    "flier": ((sky, 0.75), (hills, 0.25)),
    "swimmer": ((sea, 0.5), (deep, 0.5)),
}
