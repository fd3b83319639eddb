"""The fish and the boat: a fin above the water, a sail above the water."""

from engine.datasets.dice import Dice
from engine.datasets.doodle_art.animal_heads import DARK, SHINE
from engine.datasets.doodle_art.palette import (
    BLUE,
    BROWN,
    COAL,
    CORAL,
    CREAM,
    GREY,
    LEAF,
    LILAC,
    MUSTARD,
    NAVY,
    ORANGE,
    PINK,
    PLUM,
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

GLOW: Colour = (255, 224, 140)


def draw_fish(p: Pen, dice: Dice) -> Colour:
    main = vary(dice.pick((ORANGE, CORAL, SUN, BLUE, TEAL, PINK, PLUM, LEAF, TOMATO, SKY, GREY)), dice)
    fin = vary(dice.pick((ORANGE, SUN, NAVY, CORAL, LILAC, TEAL)), dice) if dice.chance(0.5) else darker(main, 0.24)
    build = dice.weighted((("round", 0.46), ("long", 0.3), ("tall", 0.24)))
    high = {"round": dice.span(0.44, 0.56), "long": dice.span(0.28, 0.36), "tall": dice.span(0.6, 0.7)}[build]
    fork = dice.span(0.36, 0.52)
    p.blob([(-0.42, 0.0), (-0.74, -fork * 0.8), (-0.98, -fork), (-0.84, 0.0), (-0.98, fork), (-0.74, fork * 0.8)], fin)
    if build == "tall":
        p.blob([(0.2, -high * 0.7), (-0.2, -high - 0.3), (-0.5, -high - 0.26), (-0.4, -high * 0.5)], fin)
        p.blob([(0.2, high * 0.7), (-0.2, high + 0.3), (-0.5, high + 0.26), (-0.4, high * 0.5)], fin)
    else:
        sharp = dice.chance(0.4)
        top: list[Point] = [(0.3, -high * 0.8), (-0.06, -high - 0.28), (-0.26, -high - 0.22), (-0.34, -high * 0.6)]
        (p.shape if sharp else p.blob)(top, fin)
        p.blob([(0.1, high * 0.8), (-0.1, high + 0.18), (-0.28, high + 0.14), (-0.2, high * 0.7)], fin)
    p.blob(
        [(0.92, 0.02), (0.72, -high * 0.56), (0.3, -high * 0.96), (-0.14, -high * 0.84), (-0.56, -high * 0.24), (-0.56, high * 0.24),
        (-0.14, high * 0.84), (0.3, high * 0.96), (0.72, high * 0.6)], main,
    )  # fmt: skip
    p.blob(
        [(0.8, high * 0.3), (0.3, high * 0.92), (-0.14, high * 0.78), (-0.5, high * 0.24),
        (0.1, high * 0.4)], lighter(main, 0.4), edge=False,
    )  # fmt: skip
    marks = dice.weighted((("bands", 0.36), ("scales", 0.34), ("spots", 0.15), ("plain", 0.15)))
    if marks == "bands":
        band = WHITE if dice.chance(0.6) else darker(main, 0.4)
        for x, w in ((0.22, 0.09), (-0.2, 0.07)):
            h = high * (0.93 if x > 0 else 0.76)
            p.shape([(x - w, -h), (x + w, -h), (x + w * 1.4, 0), (x + w, h), (x - w, h), (x - w * 0.3, 0)], band, edge=False)
    elif marks == "scales":
        for x, y in ((0.16, -0.4), (0.16, 0.1), (-0.06, -0.14), (-0.06, 0.38), (-0.28, -0.3), (-0.28, 0.14)):
            p.line([(x, (y - 0.2) * high), (x - 0.1, (y + 0.03) * high), (x, (y + 0.26) * high)], darker(main, 0.25), 0.04, curved=True)
    elif marks == "spots":
        for x, y, r in ((0.1, -0.4, 0.09), (-0.14, 0.1, 0.08), (-0.3, -0.3, 0.06), (0.1, 0.3, 0.06)):
            p.oval(x, y * high, r, r, fin if fin != main else darker(main), edge=False)
    p.line([(0.42, -high * 0.6), (0.34, 0.0), (0.42, high * 0.6)], darker(main, 0.28), 0.05, curved=True)
    p.blob([(0.16, high * 0.12), (-0.1, high * 0.2), (-0.2, high * 0.5), (-0.04, high * 0.56), (0.14, high * 0.36)], fin)
    p.oval(0.6, -high * 0.28, 0.125, 0.125, WHITE, edge=False)
    p.oval(0.62, -high * 0.28, 0.075, 0.085, DARK, edge=False)
    p.oval(0.645, -high * 0.28 - 0.03, 0.03, 0.03, SHINE, edge=False)
    p.lamp([(0.5, -high * 0.28), (0.6, -high * 0.28 - 0.12), (0.72, -high * 0.28), (0.6, -high * 0.28 + 0.12)], (240, 236, 200))
    p.line([(0.9, high * 0.16), (0.8, high * 0.3), (0.7, high * 0.28)], darker(main, 0.6), 0.05, curved=True)
    if dice.chance(0.35):
        for x, y, r in ((0.92, -0.34, 0.06), (0.98, -0.56, 0.08), (0.88, -0.78, 0.05)):
            p.oval(x, y, r, r, (214, 238, 246))
    return main


def draw_boat(p: Pen, dice: Dice) -> Colour:
    hull = vary(dice.pick((TOMATO, BLUE, NAVY, TEAL, ORANGE, BROWN, WHITE, CORAL, MUSTARD, PLUM)), dice)
    trim = vary(dice.pick((WHITE, CREAM, SUN, SKY)), dice)
    build = dice.weighted(((_sails, 0.48), (_steamer, 0.26), (_fishing, 0.16), (_paper, 0.1)))
    build(p, hull, trim, dice)
    return hull if build is not _paper else WHITE


def _hull(p: Pen, hull: Colour, trim: Colour, dice: Dice, top: float = 0.36) -> None:
    if dice.chance(0.5):
        p.blob(
            [(-0.92, top), (-0.5, top + 0.02), (0.5, top + 0.02), (0.98, top - 0.06), (0.78, 0.66), (0.4, 0.84), (-0.4, 0.84),
            (-0.76, 0.7)], hull,
        )  # fmt: skip
    else:
        p.shape([(-0.94, top), (0.98, top), (0.66, 0.84), (-0.68, 0.84)], hull)
    p.shape([(-0.88, top + 0.09), (0.88, top + 0.07), (0.84, top + 0.17), (-0.84, top + 0.18)], trim, edge=False)
    if dice.chance(0.4):
        for x in (-0.4, 0.0, 0.4):
            p.oval(x, 0.66, 0.07, 0.07, (196, 226, 238))
            p.lamp([(x - 0.07, 0.6), (x + 0.07, 0.6), (x + 0.07, 0.73), (x - 0.07, 0.73)], GLOW)


def _flag(p: Pen, x: float, y: float, dice: Dice) -> None:
    p.shape([(x, y), (x - 0.26, y + 0.08), (x, y + 0.17)], dice.pick((TOMATO, SUN, BLUE, LEAF)))


def _sails(p: Pen, hull: Colour, trim: Colour, dice: Dice) -> None:
    sail = vary(dice.weighted(((WHITE, 0.45), (CREAM, 0.2), (CORAL, 0.12), (SUN, 0.12), (SKY, 0.11))), dice, 6)
    mast = dice.span(-0.1, 0.08)
    p.line([(mast, -0.96), (mast, 0.4)], BROWN, 0.07)
    if dice.chance(0.5):
        _flag(p, mast, -0.98, dice)
    belly = dice.span(0.0, 0.16)
    main: list[Point] = [(mast + 0.06, -0.84), (mast + 0.36 + belly, -0.3), (mast + 0.7, 0.24), (mast + 0.06, 0.24)]
    p.shape(main, sail)
    if dice.chance(0.5):
        p.shape(
            [(mast + 0.06, -0.2), (mast + 0.38 + belly, -0.2), (mast + 0.5 + belly * 0.6, 0.0),
            (mast + 0.06, 0.0)], dice.pick((TOMATO, BLUE, SUN, TEAL)), edge=False,
        )  # fmt: skip
    if dice.chance(0.7):
        p.shape(
            [(mast - 0.06, -0.72), (mast - 0.06, 0.24), (mast - 0.64, 0.24)], darker(sail,
            0.08) if dice.chance(0.5) else vary(dice.pick((CORAL, SKY, SUN)), dice),
        )  # fmt: skip
    _hull(p, hull, trim, dice)
    p.lamp([(mast - 0.05, -1.0), (mast + 0.05, -1.0), (mast + 0.05, -0.9), (mast - 0.05, -0.9)], (255, 240, 190))


def _steamer(p: Pen, hull: Colour, trim: Colour, dice: Dice) -> None:
    funnel = dice.pick((TOMATO, SUN, COAL, ORANGE))
    if dice.chance(0.7):  # smoke
        for x, y, r in ((-0.36, -0.68, 0.12), (-0.56, -0.8, 0.15), (-0.8, -0.84, 0.12)):
            p.oval(x, y, r, r * 0.9, lighter(GREY, 0.7))
    p.box(-0.36, -0.56, -0.1, 0.1, funnel)
    p.box(-0.38, -0.44, -0.08, -0.32, WHITE, edge=False)
    p.box(-0.6, -0.02, 0.54, 0.4, trim, corner=0.05)
    p.box(0.08, -0.36, 0.46, 0.02, lighter(trim, 0.4), corner=0.05)
    for x in (-0.44, -0.14, 0.16):
        p.box(x, 0.08, x + 0.18, 0.26, (176, 216, 232))
        p.lamp([(x, 0.08), (x + 0.18, 0.08), (x + 0.18, 0.26), (x, 0.26)], GLOW)
    p.box(0.16, -0.26, 0.4, -0.08, (176, 216, 232))
    p.lamp([(0.16, -0.26), (0.4, -0.26), (0.4, -0.08), (0.16, -0.08)], GLOW)
    _hull(p, hull, trim, dice)


def _fishing(p: Pen, hull: Colour, trim: Colour, dice: Dice) -> None:
    p.line([(-0.3, -0.8), (-0.3, 0.4)], BROWN, 0.06)
    p.line([(-0.3, -0.72), (-0.9, 0.3)], SLATE, 0.03)
    _flag(p, -0.3, -0.8, dice)
    p.box(0.0, -0.34, 0.5, 0.4, trim, corner=0.04)
    p.box(-0.06, -0.44, 0.56, -0.32, vary(dice.pick((TOMATO, BLUE, TEAL)), dice), corner=0.05)
    p.box(0.14, -0.2, 0.4, 0.04, (176, 216, 232))
    p.lamp([(0.14, -0.2), (0.4, -0.2), (0.4, 0.04), (0.14, 0.04)], GLOW)
    _hull(p, hull, trim, dice)


def _paper(p: Pen, hull: Colour, trim: Colour, dice: Dice) -> None:
    sheet = vary(dice.pick((WHITE, CREAM, SKY, SAND)), dice, 6)
    p.shape([(-0.44, 0.3), (0, -0.6), (0.44, 0.3)], darker(sheet, 0.1))
    p.shape([(0, -0.6), (0.44, 0.3), (0, 0.3)], darker(sheet, 0.22), edge=False)
    p.shape([(-0.98, 0.14), (-0.3, 0.34), (0, 0.2), (0.3, 0.34), (0.98, 0.14), (0.6, 0.82), (-0.6, 0.82)], sheet)
    p.line([(-0.3, 0.34), (-0.56, 0.78)], darker(sheet, 0.25), 0.04)
    p.line([(0.3, 0.34), (0.56, 0.78)], darker(sheet, 0.25), 0.04)
