"""The car, the bus and the truck, from the side and from the front, and the parts they share."""

from engine.datasets.dice import Dice
from engine.datasets.doodle_art.palette import (
    BLUE,
    BRIGHT,
    COAL,
    CORAL,
    CREAM,
    GREY,
    LEAF,
    MUSTARD,
    ORANGE,
    SAND,
    SKY,
    SLATE,
    SUN,
    TEAL,
    TOMATO,
    WHITE,
    Colour,
    darker,
    lighter,
    vary,
)  # fmt: skip
from engine.datasets.doodle_art.pen import Pen, Point

GLASS: Colour = (186, 222, 236)
GLOW: Colour = (255, 224, 140)
BEAM: Colour = (255, 244, 200)


def _wheel(p: Pen, x: float, y: float, r: float, hub: Colour) -> None:
    p.oval(x, y, r, r, COAL)
    p.oval(x, y, r * 0.52, r * 0.52, hub, edge=False)
    p.oval(x, y, r * 0.18, r * 0.18, SLATE, edge=False)


def _pane(p: Pen, corners: list[Point], glass: Colour, lit: bool = True) -> None:
    """A window with a glint, lit at night."""
    p.shape(corners, glass)
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    p.shape(
        [(ax * 0.8 + bx * 0.2, ay * 0.8 + by * 0.2), (ax * 0.5 + bx * 0.5, ay * 0.5 + by * 0.5),
         (dx * 0.8 + cx * 0.2, dy * 0.8 + cy * 0.2), (dx, dy)],
        lighter(glass, 0.5), edge=False,
    )  # fmt: skip
    if lit:
        p.lamp(corners, GLOW)


def _square(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _light(p: Pen, x: float, y: float, r: float, colour: Colour = SUN, shine: Colour = BEAM) -> None:
    p.oval(x, y, r, r, colour)
    p.lamp(
        [(x - r, y), (x - r * 0.7, y - r * 0.7), (x, y - r), (x + r * 0.7, y - r * 0.7), (x + r, y), (x + r * 0.7, y + r * 0.7),
        (x, y + r), (x - r * 0.7, y + r * 0.7)], shine,
    )  # fmt: skip


def _side_lights(p: Pen, front: float, rear: float, y: float) -> None:
    _light(p, front, y, 0.065)
    beam = [(front + 0.08, y - 0.03), (front + 0.6, y + 0.04), (front + 0.6, y + 0.26), (front + 0.08, y + 0.05)]
    p.lamp(beam, (150, 132, 84))
    _light(p, rear, y, 0.05, TOMATO, (255, 90, 70))


def draw_car(p: Pen, dice: Dice) -> Colour:
    paint = vary(dice.pick(BRIGHT), dice)
    if dice.chance(0.3):
        _car_front(p, paint, dice)
        return paint
    glass, hub = vary(GLASS, dice, 8), dice.pick((CREAM, GREY, WHITE))
    build = dice.weighted((("round", 0.34), ("saloon", 0.3), ("hatch", 0.2), ("open", 0.16)))
    y = dice.span(-0.02, 0.06)
    if dice.chance(0.2) and build != "open":  # luggage on the roof
        top = {"round": -0.62, "saloon": -0.48, "hatch": -0.52}[build] + y
        p.box(-0.34, top - 0.2, 0.1, top + 0.06, vary(dice.pick((SAND, CORAL, TEAL)), dice), corner=0.05)
        p.line([(-0.2, top - 0.19), (-0.2, top + 0.02)], COAL, 0.04)
        p.line([(-0.02, top - 0.19), (-0.02, top + 0.02)], COAL, 0.04)
    if build == "round":
        p.blob([(-0.62, 0.04 + y), (-0.46, -0.42 + y), (-0.06, -0.6 + y), (0.3, -0.42 + y), (0.52, 0.04 + y), (0.0, 0.14 + y)], paint)
        _pane(p, [(-0.42, -0.32 + y), (-0.1, -0.44 + y), (-0.1, -0.04 + y), (-0.5, -0.04 + y)], glass)
        _pane(p, [(0.0, -0.44 + y), (0.22, -0.34 + y), (0.38, -0.04 + y), (0.0, -0.04 + y)], glass)
        p.blob(
            [(-0.94, 0.3 + y), (-0.84, 0.02 + y), (-0.4, -0.06 + y), (0.4, -0.04 + y), (0.82, 0.06 + y), (0.95, 0.32 + y),
            (0.8, 0.44 + y), (-0.84, 0.44 + y)], paint,
        )  # fmt: skip
    elif build == "saloon":
        p.shape([(-0.6, -0.02 + y), (-0.36, -0.46 + y), (0.2, -0.46 + y), (0.5, -0.02 + y)], paint)
        _pane(p, [(-0.32, -0.36 + y), (-0.1, -0.36 + y), (-0.1, -0.04 + y), (-0.48, -0.04 + y)], glass)
        _pane(p, [(-0.01, -0.36 + y), (0.17, -0.36 + y), (0.36, -0.04 + y), (-0.01, -0.04 + y)], glass)
        p.box(-0.95, -0.06 + y, 0.95, 0.42 + y, paint, corner=0.16)
    elif build == "hatch":
        p.shape([(-0.8, 0.0 + y), (-0.7, -0.5 + y), (0.16, -0.5 + y), (0.5, 0.0 + y)], paint)
        for left, right, lean in ((-0.64, -0.34, 0.0), (-0.26, 0.12, 0.22)):
            _pane(p, [(left, -0.4 + y), (right, -0.4 + y), (right + lean, -0.02 + y), (left, -0.02 + y)], glass)
        p.box(-0.86, -0.06 + y, 0.92, 0.42 + y, paint, corner=0.15)
    else:
        p.oval(-0.1, -0.3 + y, 0.15, 0.17, (240, 196, 160))  # the driver
        p.blob([(-0.27, -0.32 + y), (-0.1, -0.52 + y), (0.07, -0.32 + y)], vary(dice.pick((COAL, MUSTARD, TOMATO)), dice))
        p.line([(0.24, 0.0 + y), (0.14, -0.36 + y)], SLATE, 0.06)
        p.blob(
            [(-0.95, 0.24 + y), (-0.8, -0.1 + y), (-0.4, -0.1 + y), (0.3, -0.06 + y), (0.84, 0.04 + y), (0.95, 0.3 + y),
            (0.8, 0.44 + y), (-0.86, 0.44 + y)], paint,
        )  # fmt: skip
    p.box(-0.92, 0.25 + y, 0.92, 0.33 + y, lighter(paint, 0.45) if dice.chance(0.5) else darker(paint), edge=False)
    p.line([(-0.03, 0.02 + y), (-0.03, 0.26 + y)], darker(paint, 0.35), 0.03)
    p.line([(0.03, 0.09 + y), (0.14, 0.09 + y)], darker(paint, 0.5), 0.045)
    _side_lights(p, 0.87, -0.88, 0.14 + y)
    r = dice.span(0.21, 0.25)
    for x in (-0.52, 0.52):
        _wheel(p, x, 0.44 + y, r, hub)
    return paint


def _car_front(p: Pen, paint: Colour, dice: Dice) -> None:
    glass = vary(GLASS, dice, 8)
    for side in (-1, 1):
        p.box(side * 0.56 - 0.15, 0.3, side * 0.56 + 0.15, 0.74, COAL, corner=0.08)
        p.oval(side * 0.76, -0.1, 0.12, 0.09, paint)
    if dice.chance(0.5):
        p.blob([(-0.66, 0.0), (-0.48, -0.5), (0, -0.62), (0.48, -0.5), (0.66, 0.0), (0, 0.1)], paint)
    else:
        p.shape([(-0.68, 0.0), (-0.48, -0.56), (0.48, -0.56), (0.68, 0.0)], paint)
    _pane(p, [(-0.4, -0.44), (0.4, -0.44), (0.54, -0.05), (-0.54, -0.05)], glass)
    p.blob([(-0.84, 0.3), (-0.76, 0.02), (-0.3, -0.06), (0.3, -0.06), (0.76, 0.02), (0.84, 0.3), (0.76, 0.56), (-0.76, 0.56)], paint)
    for side in (-1, 1):
        _light(p, side * 0.56, 0.2, 0.15)
    p.box(-0.3, 0.12, 0.3, 0.3, darker(paint, 0.55), corner=0.07)
    p.box(-0.84, 0.42, 0.84, 0.56, GREY, corner=0.07)
    p.box(-0.18, 0.4, 0.18, 0.54, WHITE, edge=False)


def draw_bus(p: Pen, dice: Dice) -> Colour:
    paint = vary(
        dice.weighted(((TOMATO, 0.26), (SUN, 0.2), (MUSTARD, 0.14), (BLUE, 0.14), (LEAF, 0.12), (TEAL, 0.08), (ORANGE, 0.06))), dice,
    )  # fmt: skip
    if dice.chance(0.26):
        _bus_front(p, paint, dice)
        return paint
    glass, hub = vary(GLASS, dice, 8), dice.pick((CREAM, GREY, WHITE))
    decks = 2 if dice.chance(0.24) else 1
    nose = decks == 1 and dice.chance(0.22)  # the bonnet of a school bus
    top = -0.78 if decks == 2 else dice.span(-0.56, -0.46)
    end = 0.7 if nose else 0.95
    if nose:
        p.box(0.5, 0.02, 0.96, 0.5, paint, corner=0.1)
    p.box(-0.95, top, end, 0.52, paint, corner=0.13)
    band = WHITE if dice.chance(0.5) else darker(paint, 0.3)
    p.box(-0.93, 0.16, end - 0.02, 0.25, band, edge=False)
    panes = dice.whole(4, 5)
    for deck in range(decks):
        y = top + 0.12 + deck * 0.5
        high = 0.3 if decks == 2 else 0.4
        left = -0.84
        step = (end - 0.12 - left) / panes
        for k in range(panes):
            if deck == decks - 1 and k == panes - 1:
                continue  # the door is there
            _pane(p, _square(left + k * step, y, left + (k + 0.8) * step, y + high), glass)
    door = end - 0.06
    p.box(door - 0.25, (top + 0.12) if decks == 1 else -0.14, door, 0.48, darker(paint, 0.4))
    _pane(p, _square(door - 0.21, (top + 0.18) if decks == 1 else -0.08, door - 0.04, 0.3), glass)
    if dice.chance(0.4):
        p.box(-0.4, top - 0.07, 0.3, top + 0.01, darker(paint, 0.2), corner=0.04)
    _side_lights(p, 0.9, -0.9, 0.36)
    for x in (-0.52, 0.42 if not nose else 0.56):
        _wheel(p, x, 0.54, 0.2, hub)
    return paint


def _bus_front(p: Pen, paint: Colour, dice: Dice) -> None:
    glass = vary(GLASS, dice, 8)
    double = dice.chance(0.3)
    top = -0.95 if double else -0.84
    for side in (-1, 1):
        p.box(side * 0.44 - 0.13, 0.6, side * 0.44 + 0.13, 0.95, COAL, corner=0.07)
        p.line([(side * 0.64, -0.42), (side * 0.82, -0.46)], COAL, 0.05)
        p.box(side * 0.84 - 0.07, -0.5, side * 0.84 + 0.07, -0.2, COAL, corner=0.05)
    p.box(-0.66, top, 0.66, 0.8, paint, corner=0.18)
    if double:
        _pane(p, _square(-0.54, -0.8, 0.54, -0.42), glass)
        _pane(p, _square(-0.54, -0.16, 0.54, 0.26), glass)
        sign = (-0.36, -0.2)
    else:
        _pane(p, _square(-0.54, -0.46, 0.54, 0.16), glass)
        p.line([(0, -0.46), (0, 0.16)], darker(paint, 0.3), 0.05)
        sign = (-0.72, -0.52)
    p.box(-0.42, sign[0], 0.42, sign[1], COAL, corner=0.05)
    p.line([(-0.28, (sign[0] + sign[1]) / 2), (0.28, (sign[0] + sign[1]) / 2)], SUN, 0.06)
    p.lamp(_square(-0.34, sign[0] + 0.03, 0.34, sign[1] - 0.03), (255, 190, 80))
    p.box(-0.64, 0.32, 0.64, 0.39, WHITE if _is_dark(paint) else darker(paint), edge=False)
    for side in (-1, 1):
        _light(p, side * 0.46, 0.54, 0.11)
    p.box(-0.68, 0.68, 0.68, 0.8, GREY, corner=0.05)


def _is_dark(paint: Colour) -> bool:
    return sum(paint) < 480


def draw_truck(p: Pen, dice: Dice) -> Colour:
    paint = vary(dice.pick((TOMATO, BLUE, LEAF, MUSTARD, TEAL, ORANGE, CORAL, SKY)), dice)
    if dice.chance(0.24):
        _truck_front(p, paint, dice)
        return paint
    glass, hub = vary(GLASS, dice, 8), dice.pick((CREAM, GREY, WHITE))
    load = dice.weighted((("box", 0.38), ("tipper", 0.24), ("tank", 0.16), ("logs", 0.12), ("pickup", 0.1)))
    other = vary(dice.pick((WHITE, CREAM, SAND, SUN, SKY, GREY)), dice)
    p.box(-0.94, 0.34, 0.9, 0.46, SLATE)
    if load == "box":
        p.box(-0.95, dice.span(-0.7, -0.54), 0.3, 0.38, other, corner=0.04)
        mark = dice.pick((TOMATO, BLUE, LEAF, ORANGE))
        if dice.chance(0.5):
            p.oval(-0.33, -0.08, 0.26, 0.26, mark, edge=False)
        else:
            p.box(-0.93, -0.06, 0.28, 0.1, mark, edge=False)
    elif load == "tipper":
        p.blob(
            [(-0.86, -0.12), (-0.5, -0.44), (-0.14, -0.36), (0.22, -0.12), (-0.3, 0.06)], vary(dice.pick((SAND, (150, 116, 84), GREY)),
            dice),
        )  # fmt: skip
        p.shape([(-0.98, -0.2), (0.3, -0.2), (0.22, 0.36), (-0.8, 0.36)], vary(dice.pick((MUSTARD, ORANGE, GREY)), dice))
        for x in (-0.62, -0.3, 0.02):
            p.line([(x, -0.14), (x, 0.3)], darker(MUSTARD, 0.4), 0.045)
    elif load == "tank":
        p.box(-0.95, -0.4, 0.3, 0.36, other, corner=0.32)
        p.box(-0.7, -0.5, -0.5, -0.38, SLATE)
        p.box(-0.9, -0.06, 0.24, 0.08, dice.pick((TOMATO, BLUE, LEAF)), edge=False)
    elif load == "logs":
        for y in (0.24, 0.02, -0.2):
            p.box(-0.95, y - 0.11, 0.24, y + 0.11, (176, 122, 80), corner=0.1)
            p.oval(-0.88, y, 0.07, 0.1, SAND, edge=False)
        for x in (-0.7, 0.06):
            p.line([(x, -0.4), (x, 0.36)], SLATE, 0.06)
    else:
        p.shape([(-0.96, -0.06), (0.3, -0.06), (0.3, 0.4), (-0.94, 0.4)], paint)
        p.line([(-0.94, 0.0), (0.26, 0.0)], darker(paint, 0.4), 0.05)
    top = dice.span(-0.5, -0.36) if load != "pickup" else -0.5
    if dice.chance(0.5) and load != "pickup":  # a long-nosed cab
        p.shape([(0.32, 0.44), (0.32, top), (0.58, top), (0.68, -0.02), (0.96, 0.04), (0.98, 0.44)], paint)
        _pane(p, [(0.4, top + 0.1), (0.54, top + 0.1), (0.6, -0.02), (0.4, -0.02)], glass)
        p.line([(0.72, 0.08), (0.72, 0.34)], darker(paint, 0.4), 0.04)
    else:
        p.shape([(0.34, 0.44), (0.34, top), (0.74, top), (0.9, -0.04), (0.94, 0.44)], paint)
        _pane(p, [(0.46, top + 0.1), (0.7, top + 0.1), (0.82, 0.0), (0.46, 0.0)], glass)
        p.line([(0.48, 0.12), (0.6, 0.12)], darker(paint, 0.5), 0.045)
    if dice.chance(0.35):
        p.box(0.3, top - 0.24, 0.37, top + 0.2, GREY)
    _side_lights(p, 0.92, -0.92, 0.26)
    for x in (-0.68, -0.24, 0.64) if load != "pickup" and dice.chance(0.6) else (-0.56, 0.62):
        _wheel(p, x, 0.5, 0.2, hub)
    return paint


def _truck_front(p: Pen, paint: Colour, dice: Dice) -> None:
    glass = vary(GLASS, dice, 8)
    for side in (-1, 1):
        p.box(side * 0.5 - 0.17, 0.54, side * 0.5 + 0.17, 0.95, COAL, corner=0.08)
    p.box(-0.68, -0.95, 0.68, 0.5, vary(dice.pick((WHITE, CREAM, SAND, SKY)), dice), corner=0.04)  # the load is higher than the cab
    for side in (-1, 1):
        if dice.chance(0.7):
            p.box(side * 0.62 - 0.06, -0.8, side * 0.62 + 0.06, 0.3, GREY)
        p.box(side * 0.8 - 0.08, -0.36, side * 0.8 + 0.08, 0.02, COAL, corner=0.04)
    p.shape([(-0.6, 0.72), (-0.6, -0.1), (-0.48, -0.62), (0.48, -0.62), (0.6, -0.1), (0.6, 0.72)], paint)
    _pane(p, [(-0.4, -0.5), (0.4, -0.5), (0.48, -0.12), (-0.48, -0.12)], glass)
    p.box(-0.32, 0.02, 0.32, 0.54, (206, 210, 216), corner=0.05)
    for y in (0.13, 0.25, 0.37):
        p.line([(-0.24, y), (0.24, y)], SLATE, 0.05)
    for side in (-1, 1):
        _light(p, side * 0.46, 0.42, 0.1)
        p.oval(side * 0.3, -0.68, 0.05, 0.04, ORANGE)
    p.box(-0.7, 0.6, 0.7, 0.76, GREY, corner=0.05)
