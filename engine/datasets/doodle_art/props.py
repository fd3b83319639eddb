"""Small shapes that clutter a picture, and objects in front of the thing."""

import math

from engine.datasets.dice import Dice
from engine.datasets.doodle_art.palette import (
    BRIGHT,
    BROWN,
    COCOA,
    CREAM,
    FOREST,
    LEAF,
    MINT,
    PINK,
    SAND,
    SUN,
    TOMATO,
    WHITE,
    Colour,
    darker,
    lighter,
    vary,
)  # fmt: skip
from engine.datasets.doodle_art.pen import Pen, Strokes, Style

_SPIKES = [1.0, 0.45] * 5
_STAR = [(math.sin(math.pi * k / 5) * far, -math.cos(math.pi * k / 5) * far) for k, far in enumerate(_SPIKES)]
_HEART = [(0, -0.45), (0.4, -0.85), (0.92, -0.6), (0.85, 0.0), (0.0, 0.95), (-0.85, 0.0), (-0.92, -0.6), (-0.4, -0.85)]
_LEAF = [(0, -1), (0.42, -0.5), (0.5, 0.1), (0.2, 0.7), (0, 0.95), (-0.2, 0.7), (-0.5, 0.1), (-0.42, -0.5)]

PROPS = ("star", "heart", "flower", "leaf", "cloud", "tree", "mushroom", "balloon", "ball", "house", "stone", "butterfly", "kite", "cup")


def draw_prop(name: str, p: Pen, colour: Colour) -> None:
    """One small shape in the pen's unit square."""
    if name == "star":
        p.shape(_STAR, colour)
    elif name == "heart":
        p.blob(_HEART, colour)
    elif name == "leaf":
        p.blob(_LEAF, colour)
        p.line([(0, -0.6), (0, 1.2)], darker(colour), 0.1)
    elif name == "flower":
        for k in range(5):
            p.oval(_STAR[2 * k][0] * 0.55, _STAR[2 * k][1] * 0.55, 0.42, 0.42, colour, edge=False)
        p.oval(0, 0, 0.32, 0.32, SUN if colour != SUN else WHITE, edge=False)
    elif name == "cloud":
        for x, y, r in ((-0.55, 0.15, 0.42), (0.0, -0.1, 0.55), (0.55, 0.18, 0.4)):
            p.oval(x, y, r, r * 0.8, lighter(colour, 0.7), edge=False)
    elif name == "tree":
        p.box(-0.13, 0.2, 0.13, 1.0, BROWN)
        crown = FOREST if sum(colour) < 400 else LEAF
        p.blob([(0, -1), (0.55, -0.6), (0.7, 0.0), (0.4, 0.45), (-0.4, 0.45), (-0.7, 0.0), (-0.55, -0.6)], crown)
    elif name == "mushroom":
        p.box(-0.25, 0.0, 0.25, 0.9, CREAM, corner=0.15)
        p.blob([(-0.9, 0.1), (-0.6, -0.6), (0, -0.9), (0.6, -0.6), (0.9, 0.1), (0, 0.25)], colour)
        p.oval(-0.3, -0.4, 0.16, 0.14, WHITE, edge=False)
        p.oval(0.35, -0.3, 0.14, 0.12, WHITE, edge=False)
    elif name == "balloon":
        p.line([(0, 0.4), (0.1, 0.8), (-0.05, 1.3)], COCOA, 0.07, curved=True)
        p.oval(0, -0.3, 0.6, 0.72, colour)
        p.oval(-0.2, -0.55, 0.12, 0.18, lighter(colour, 0.6), edge=False)
    elif name == "ball":
        p.oval(0, 0, 0.8, 0.8, colour)
        p.shape([(-0.78, -0.15), (0.78, -0.15), (0.78, 0.15), (-0.78, 0.15)], WHITE, edge=False)
    elif name == "house":
        p.box(-0.65, -0.1, 0.65, 0.9, CREAM)
        p.shape([(-0.85, -0.05), (0, -0.95), (0.85, -0.05)], colour)
        p.box(-0.15, 0.35, 0.2, 0.9, BROWN, edge=False)
        p.lamp([(-0.15, 0.35), (0.2, 0.35), (0.2, 0.9), (-0.15, 0.9)], (240, 190, 110))
    elif name == "stone":
        p.blob([(-0.9, 0.4), (-0.5, -0.3), (0.2, -0.4), (0.8, 0.1), (0.9, 0.5), (0, 0.6)], (168, 166, 164))
    elif name == "butterfly":
        for side in (-1, 1):
            p.oval(side * 0.45, -0.3, 0.42, 0.45, colour)
            p.oval(side * 0.36, 0.4, 0.32, 0.34, lighter(colour, 0.4))
        p.line([(0, -0.5), (0, 0.6)], COCOA, 0.16)
    elif name == "kite":
        p.shape([(0, -0.95), (0.6, -0.1), (0, 0.8), (-0.6, -0.1)], colour)
        p.shape([(0, -0.95), (0.6, -0.1), (0, -0.1)], lighter(colour, 0.5), edge=False)
        p.line([(0, 0.8), (0.25, 1.0), (0, 1.3)], COCOA, 0.07, curved=True)
    else:
        p.oval(0.6, 0.05, 0.32, 0.32, colour)
        p.box(-0.65, -0.5, 0.6, 0.75, colour, corner=0.2)
        p.box(-0.65, -0.2, 0.6, 0.05, WHITE, edge=False)


def scatter(dice: Dice, style: Style, count: int, keep_clear: tuple[float, float, float], size: tuple[float, float]) -> list[Strokes]:
    """`count` small shapes, most of them away from the centre of the thing at (x, y, half size), all in sheet pixels."""
    drawn: list[Strokes] = []
    x0, y0, half = keep_clear
    for _ in range(count):
        for _ in range(6):
            x, y = dice.span(4, 252), dice.span(4, 252)
            if math.hypot(x - x0, y - y0) > half * 0.75:
                break
        pen = Pen.on(x, y, dice.span(*size), dice.span(-25, 25), dice.chance(0.5), style, dice)
        draw_prop(dice.pick(PROPS), pen, vary(dice.pick(BRIGHT), dice))
        drawn.append(pen.strokes)
    return drawn


def screen(dice: Dice, centre: tuple[float, float], half: float, share: float) -> Strokes:
    """An object in front that hides about `share` of the thing at `centre` with half size `half`."""
    pen = Pen.on(0, 0, 1, 0, False, Style("flat"), dice)
    dice.weighted(((_leaves, 0.36), (_grass, 0.2), (_fence, 0.18), (_clouds, 0.14), (_hedge, 0.12)))(pen, dice, centre, half, share)
    return pen.strokes


def _leaves(p: Pen, dice: Dice, centre: tuple[float, float], half: float, share: float) -> None:
    """A branch that reaches in from one side."""
    green = vary(dice.pick((LEAF, FOREST, (150, 186, 96), (214, 140, 70), MINT)), dice)
    side = dice.sign()
    edge = centre[0] + side * half * (1 - 2 * share)  # leaves cover everything beyond this line
    count = 7 + round(13 * share)
    for k in range(count):
        x = edge + side * (0.06 + dice.span(0.0, 0.8)) * half
        y = centre[1] + (2 * (k + dice.roll()) / count - 1) * half * 1.05
        leaf = p.at(x, y, max(9.0, half * dice.span(0.3, 0.42)), dice.span(-60, 60) - side * 90, squash=1.15)
        draw_prop("leaf", leaf, _shade(green, dice))


def _shade(green: Colour, dice: Dice) -> Colour:
    return darker(green, dice.span(0, 0.3)) if dice.chance(0.6) else lighter(green, dice.span(0, 0.3))


def _grass(p: Pen, dice: Dice, centre: tuple[float, float], half: float, share: float) -> None:
    green = vary(dice.pick((LEAF, FOREST, (160, 190, 90))), dice)
    low, high = centre[1] + half * 1.05, 2 * half * (share * 1.15 + 0.06)
    p.shape([(0, low - high * 0.3), (256, low - high * 0.3), (256, 256), (0, 256)], darker(green, 0.1))
    step = max(7.0, half * 0.12)
    for k in range(round(256 / step)):
        x, top = k * step + dice.span(-3, 3), low - high * dice.span(0.75, 1.2)
        lean = dice.span(-0.7, 0.7) * step
        blade = [(x - step * 0.75, 257), (x - step * 0.6, low), (x + lean, top), (x + step * 0.6, low), (x + step * 0.75, 257)]
        p.shape(blade, _shade(green, dice))


def _fence(p: Pen, dice: Dice, centre: tuple[float, float], half: float, share: float) -> None:
    wood = vary(dice.pick((WHITE, SAND, (176, 128, 90), (150, 190, 196))), dice, 8)
    step = half * dice.span(0.4, 0.52)
    wide = step * (0.28 + 0.62 * share)
    top = centre[1] + half * (0.45 - 1.25 * share)
    x = centre[0] - half * 4 + dice.span(0, step)
    for y in (top + half * 0.3, top + half * 0.95):
        p.box(-4, y, 260, y + wide * 0.5, darker(wood, 0.14))
    while x < 260:
        if x > -40:
            p.shape([(x, 260), (x, top), (x + wide / 2, top - wide * 0.5), (x + wide, top), (x + wide, 260)], wood)
            p.line([(x + wide, top + 2), (x + wide, 260)], darker(wood, 0.25), 3)
        x += step


def _clouds(p: Pen, dice: Dice, centre: tuple[float, float], half: float, share: float) -> None:
    white = vary((246, 248, 250), dice, 5)
    side, above = dice.sign(), dice.chance(0.5)
    for k in range(6):
        along = (2 * (k + dice.roll()) / 6 - 1) * half
        depth = side * half * (1 - 2 * share + dice.span(0.35, 0.75))
        x, y = (centre[0] + along, centre[1] + depth) if above else (centre[0] + depth, centre[1] + along)
        r = half * dice.span(0.32, 0.42)
        p.oval(x, y, r * 1.15, r * 0.9, darker(white, 0.03 * (k % 3)))


def _hedge(p: Pen, dice: Dice, centre: tuple[float, float], half: float, share: float) -> None:
    green = vary(dice.pick((LEAF, FOREST, (120, 170, 110))), dice)
    top, step = centre[1] + half * (1 - 2 * share * 1.1), half * 0.4
    p.box(-4, top + step, 260, 260, green)
    for k in range(int(256 / step) + 2):
        radius = step * dice.span(0.75, 1.0)
        p.oval(k * step, top + radius + dice.span(-0.1, 0.1) * half, radius, radius, _shade(green, dice) if k % 2 else green, edge=False)
    for _ in range(9):
        berry = dice.pick((TOMATO, PINK, WHITE))
        p.oval(centre[0] + dice.span(-1.2, 1.2) * half, top + dice.span(0.3, 0.9) * half, half * 0.05, half * 0.05, berry, edge=False)
