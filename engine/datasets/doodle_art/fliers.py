"""The bird and the plane. A gull from below and a plane from above are meant to be mistaken for each other."""

from engine.datasets.dice import Dice
from engine.datasets.doodle_art.animal_heads import DARK, SHINE, mirrored
from engine.datasets.doodle_art.palette import (
    BLUE,
    BROWN,
    COAL,
    CORAL,
    CREAM,
    GREY,
    LEAF,
    MUSTARD,
    NAVY,
    ORANGE,
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
    mix,
    vary,
)  # fmt: skip
from engine.datasets.doodle_art.pen import Pen

GLOW: Colour = (255, 230, 160)


def draw_bird(p: Pen, dice: Dice) -> Colour:
    main = vary(
        dice.weighted(((BLUE, 0.16), (SKY, 0.1), (CORAL, 0.1), (TOMATO, 0.1), (SUN, 0.14), (BROWN, 0.1), (WHITE, 0.14), (GREY, 0.06),
        (LEAF, 0.08), (COAL, 0.06))), dice,
    )  # fmt: skip
    dice.weighted(((_perched, 0.42), (_flapping, 0.38), (_gliding, 0.2)))(p, main, dice)
    return main


def _bird_eye(p: Pen, x: float, y: float, r: float) -> None:
    p.oval(x, y, r * 1.7, r * 1.7, WHITE, edge=False)
    p.oval(x, y, r, r * 1.15, DARK, edge=False)
    p.oval(x + r * 0.35, y - r * 0.4, r * 0.4, r * 0.4, SHINE, edge=False)
    p.lamp([(x - r, y), (x, y - r), (x + r, y), (x, y + r)], (250, 240, 190))


def _belly(main: Colour, dice: Dice) -> Colour:
    return mix(dice.pick((CREAM, WHITE, SUN, ORANGE, CORAL)), main, 0.12)


def _perched(p: Pen, main: Colour, dice: Dice) -> None:
    belly, wing = _belly(main, dice), darker(main, 0.24) if dice.chance(0.7) else lighter(main, 0.5)
    beak = dice.pick((ORANGE, MUSTARD, COAL))
    for x in (-0.06, 0.16):  # legs
        p.line([(x, 0.6), (x + 0.02, 0.9)], darker(ORANGE, 0.2), 0.05)
        p.line([(x - 0.08, 0.92), (x + 0.02, 0.88), (x + 0.16, 0.92)], darker(ORANGE, 0.2), 0.05)
    up = dice.span(-0.3, 0.16)
    p.shape([(-0.4, 0.2), (-0.98, 0.12 + up), (-0.92, 0.34 + up), (-0.36, 0.5)], wing)
    p.shape([(0.62, -0.5), (0.99, -0.36), (0.62, -0.24)], beak)
    p.blob(
        [(0.3, -0.82), (0.66, -0.66), (0.72, -0.3), (0.62, 0.2), (0.3, 0.62), (-0.2, 0.64), (-0.56, 0.34), (-0.36, 0.0), (-0.08, -0.3),
        (0.02, -0.68)], main,
    )  # fmt: skip
    p.blob([(0.66, -0.12), (0.58, 0.24), (0.28, 0.56), (0.0, 0.54), (0.16, 0.16), (0.4, -0.1)], belly, edge=False)
    p.blob([(-0.02, -0.2), (0.22, 0.04), (0.12, 0.32), (-0.3, 0.48), (-0.72, 0.42), (-0.4, 0.12)], wing)
    p.line([(-0.48, 0.36), (-0.1, 0.2)], darker(wing, 0.25), 0.04)
    if dice.chance(0.3):
        p.shape([(0.16, -0.72), (0.0, -1.0), (0.2, -0.92), (0.26, -1.06), (0.42, -0.76)], wing)
    if dice.chance(0.4):
        p.oval(0.5, -0.3, 0.11, 0.09, CORAL, edge=False)
    _bird_eye(p, 0.42, -0.48, 0.085)


def _flapping(p: Pen, main: Colour, dice: Dice) -> None:
    belly, wing = _belly(main, dice), darker(main, 0.2) if dice.chance(0.6) else lighter(main, 0.4)
    lift = dice.span(-0.2, 0.14)
    beat_up = dice.chance(0.62)
    if beat_up:  # the far wing shows behind the back
        p.shape([(0.1, 0.0), (0.44, -0.66 + lift), (0.3, -0.84 + lift), (0.0, -0.62 + lift), (-0.24, 0.0)], darker(wing, 0.18))
    p.shape([(-0.46, 0.06), (-0.98, -0.1), (-0.88, 0.1), (-0.99, 0.3), (-0.4, 0.3)], wing)
    p.shape([(0.74, -0.12), (1.0, 0.02), (0.72, 0.1)], dice.pick((ORANGE, MUSTARD, COAL)))
    p.blob([(0.5, -0.28), (0.8, -0.12), (0.74, 0.14), (0.36, 0.4), (-0.16, 0.42), (-0.6, 0.2), (-0.3, 0.0), (0.2, -0.1)], main)
    p.blob([(0.66, 0.14), (0.34, 0.36), (-0.14, 0.38), (-0.4, 0.26), (0.1, 0.2)], belly, edge=False)
    if beat_up:
        p.blob(
            [(0.22, 0.06), (0.1, -0.5 + lift), (-0.22, -0.9 + lift), (-0.42, -0.86 + lift), (-0.5, -0.56 + lift), (-0.36, -0.1),
            (-0.1, 0.18)], wing,
        )  # fmt: skip
        for x, y in ((-0.3, -0.56), (-0.14, -0.44)):
            p.line([(x, y + lift), (x + 0.12, y + 0.4 + lift)], darker(wing, 0.22), 0.04)
    else:
        p.blob([(0.22, 0.02), (0.1, 0.5 - lift), (-0.2, 0.88 - lift), (-0.4, 0.8 - lift), (-0.42, 0.4), (-0.2, 0.0)], wing)
    _bird_eye(p, 0.58, -0.08, 0.075)


def _gliding(p: Pen, main: Colour, dice: Dice) -> None:
    """Seen from below with its wings spread, much like a plane."""
    tip = darker(main, 0.5) if dice.chance(0.6) else main
    p.shape([(-0.16, 0.42), (-0.24, 0.84), (0, 0.74), (0.24, 0.84), (0.16, 0.42)], darker(main, 0.15))
    sweep = dice.span(-0.1, 0.16)
    for side in (-1, 1):
        p.blob(
            [(side * x, y) for x, y in ((0.04, -0.3), (0.4, -0.46), (0.98, -0.04 + sweep), (0.7, -0.04 + sweep * 0.6), (0.5, 0.12),
            (0.1, 0.26))], main,
        )  # fmt: skip
        p.shape([(side * x, y + sweep) for x, y in ((0.99, -0.04), (0.82, -0.18), (0.68, -0.08), (0.74, -0.02))], tip, edge=False)
        p.line([(side * 0.2, 0.14), (side * 0.52, 0.02)], darker(main, 0.2), 0.04)
    p.shape([(-0.1, -0.7), (0, -0.92), (0.1, -0.7)], dice.pick((ORANGE, MUSTARD)))
    p.blob(mirrored([(0, -0.78), (0.15, -0.66), (0.18, -0.3), (0.2, 0.2), (0.1, 0.5), (0, 0.54)]), lighter(main, 0.2))
    for side in (-1, 1):
        p.oval(side * 0.07, -0.6, 0.04, 0.05, DARK, edge=False)


def draw_plane(p: Pen, dice: Dice) -> Colour:
    main = vary(
        dice.weighted(((WHITE, 0.34), (SKY, 0.1), (CORAL, 0.1), (TOMATO, 0.12), (SUN, 0.1), (GREY, 0.1), (TEAL, 0.08),
        (BLUE, 0.06))), dice,
    )  # fmt: skip
    trim = vary(dice.pick((TOMATO, BLUE, NAVY, ORANGE, TEAL, PLUM)), dice)
    dice.weighted(((_airliner, 0.42), (_propeller, 0.34), (_from_above, 0.24)))(p, main, trim, dice)
    return main


def _airliner(p: Pen, main: Colour, trim: Colour, dice: Dice) -> None:
    fat = dice.span(0.2, 0.28)
    p.shape([(0.12, -0.02), (-0.2, -0.62), (-0.36, -0.62), (-0.22, -0.02)], darker(main, 0.22))  # the far wing
    p.shape([(-0.66, -0.1), (-0.96, -0.72), (-0.74, -0.72), (-0.36, -fat * 0.7)], trim)
    p.blob(
        [(0.98, 0.08), (0.84, -0.12), (0.5, -fat), (-0.4, -fat), (-0.96, -0.14), (-0.98, -0.02), (-0.5, fat * 0.8), (0.5, fat),
        (0.86, 0.2)], main,
    )  # fmt: skip
    p.shape([(-0.94, -0.02), (0.94, 0.1), (0.84, 0.19), (-0.62, fat * 0.62)], trim if dice.chance(0.5) else darker(main, 0.12), edge=False)
    for k in range(6):
        x = -0.44 + k * 0.17
        p.oval(x, -0.06, 0.05, 0.06, NAVY if _is_light(main) else SKY, edge=False)
        p.lamp([(x - 0.06, -0.12), (x + 0.06, -0.12), (x + 0.06, 0.0), (x - 0.06, 0.0)], GLOW)
    p.shape([(0.64, -0.14), (0.78, -0.12), (0.88, 0.0), (0.64, 0.0)], (150, 206, 228))
    p.lamp([(0.64, -0.14), (0.78, -0.12), (0.88, 0.0), (0.64, 0.0)], GLOW)
    p.shape([(0.2, 0.08), (-0.3, 0.66), (-0.5, 0.66), (-0.2, 0.1)], lighter(trim, 0.2) if dice.chance(0.5) else darker(main, 0.14))
    p.box(-0.12, 0.28, 0.18, 0.46, SLATE, corner=0.08)
    p.shape([(-0.7, 0.0), (-0.98, 0.22), (-0.84, 0.24), (-0.5, 0.04)], trim)


def _is_light(main: Colour) -> bool:
    return sum(main) > 300


def _propeller(p: Pen, main: Colour, trim: Colour, dice: Dice) -> None:
    p.shape([(-0.7, -0.06), (-0.98, -0.5), (-0.76, -0.52), (-0.42, -0.18)], trim)
    biplane = dice.chance(0.4)
    if dice.chance(0.5) or biplane:
        p.oval(0.02, -0.34, 0.16, 0.17, (240, 196, 160))  # the pilot
        p.blob([(-0.16, -0.36), (0.02, -0.56), (0.2, -0.36)], BROWN)
        p.oval(0.1, -0.34, 0.07, 0.06, NAVY, edge=False)
    else:
        p.blob([(-0.3, -0.2), (-0.2, -0.5), (0.14, -0.5), (0.36, -0.2), (0.0, -0.1)], (170, 214, 232))
        p.lamp([(-0.26, -0.22), (-0.18, -0.46), (0.12, -0.46), (0.3, -0.22)], GLOW)
    p.blob([(0.8, -0.22), (0.84, 0.1), (0.6, 0.3), (0.0, 0.32), (-0.86, 0.0), (-0.94, -0.18), (-0.4, -0.22), (0.3, -0.3)], main)
    p.box(0.66, -0.26, 0.84, 0.26, darker(trim, 0.1), corner=0.06)
    p.oval(0.9, 0.0, 0.09, 0.1, SUN)
    p.oval(0.92, -0.3, 0.05, 0.26, SAND)
    p.oval(0.92, 0.3, 0.05, 0.26, SAND)
    p.line([(0.24, 0.3), (0.34, 0.56)], SLATE, 0.06)
    p.oval(0.36, 0.6, 0.13, 0.13, COAL)
    if biplane:
        for x in (-0.04, 0.36):
            p.line([(x, 0.12), (x + 0.06, -0.7)], SLATE, 0.045)
        p.box(-0.24, -0.78, 0.62, -0.66, trim, corner=0.06)
        p.box(-0.26, 0.06, 0.56, 0.19, trim, corner=0.06)
    else:
        p.shape([(0.4, 0.0), (0.12, 0.5), (-0.14, 0.5), (-0.08, 0.0)], trim)
    p.shape([(-0.66, -0.1), (-0.98, 0.04), (-0.92, 0.12), (-0.5, 0.02)], trim)


def _from_above(p: Pen, main: Colour, trim: Colour, dice: Dice) -> None:
    sweep = dice.span(0.1, 0.42)
    for side in (-1, 1):
        p.shape([(side * x, y) for x, y in ((0.08, -0.26), (0.98, -0.04 + sweep), (0.98, 0.12 + sweep), (0.08, 0.22))], darker(main, 0.1))
        p.shape(
            [(side * 0.7, 0.03 + sweep * 0.6), (side * 0.98, -0.04 + sweep), (side * 0.98, 0.12 + sweep),
            (side * 0.7, 0.12 + sweep * 0.7)], trim, edge=False,
        )  # fmt: skip
        p.shape([(side * x, y) for x, y in ((0.04, 0.6), (0.4, 0.82), (0.4, 0.94), (0.04, 0.86))], trim)
        p.box(side * 0.42 - 0.07, -0.18 + sweep * 0.3, side * 0.42 + 0.07, 0.1 + sweep * 0.3, SLATE, corner=0.06)
        p.lamp(
            [(side * 0.94, 0.0 + sweep), (side * 1.02, 0.0 + sweep), (side * 1.02, 0.1 + sweep),
            (side * 0.94, 0.1 + sweep)], (255, 90, 70) if side < 0 else (120, 255, 150),
        )  # fmt: skip
    p.blob(mirrored([(0, -0.98), (0.14, -0.78), (0.17, -0.3), (0.16, 0.4), (0.06, 0.92), (0, 0.96)]), main)
    p.shape([(-0.09, -0.74), (0, -0.84), (0.09, -0.74), (0.11, -0.62), (-0.11, -0.62)], NAVY, edge=False)
    p.lamp([(-0.09, -0.74), (0, -0.84), (0.09, -0.74), (0.11, -0.62), (-0.11, -0.62)], GLOW)
    p.line([(0, 0.5), (0, 0.92)], trim, 0.07)
