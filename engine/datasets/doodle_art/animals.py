"""The cat, the dog and the fox: one set of poses, three kinds of head, tail and coat."""

from collections.abc import Callable
from dataclasses import replace

from engine.datasets.dice import Dice
from engine.datasets.doodle_art.animal_heads import (
    Coat,
    cat_face,
    cat_profile,
    dog_face,
    dog_profile,
    fox_face,
    fox_profile,
    mirrored,
)  # fmt: skip
from engine.datasets.doodle_art.palette import (
    BLUE,
    BROWN,
    COAL,
    COCOA,
    CREAM,
    GREY,
    LEAF,
    MUSTARD,
    ORANGE,
    SAND,
    SUN,
    TOMATO,
    WHITE,
    Colour,
    darker,
    lighter,
    vary,
)  # fmt: skip
from engine.datasets.doodle_art.pen import Pen

_FACES: dict[str, Callable[[Pen, Coat, Dice], None]] = {"cat": cat_face, "dog": dog_face, "fox": fox_face}
_PROFILES: dict[str, Callable[[Pen, Coat, Dice], None]] = {"cat": cat_profile, "dog": dog_profile, "fox": fox_profile}
_RED: Colour = (214, 108, 52)


def coat_of(kind: str, dice: Dice) -> Coat:
    """A coat for this kind of animal. Ginger cats and sandy, prick-eared dogs are meant to be mistaken for foxes."""
    eyes = dice.weighted((("dots", 0.5), ("wide", 0.35), ("closed", 0.15)))
    collar = dice.pick((TOMATO, BLUE, LEAF, SUN)) if dice.chance(0.45) else None
    if kind == "cat":
        main = vary(dice.weighted(((GREY, 0.22), (COAL, 0.14), (ORANGE, 0.22), (WHITE, 0.14), (SAND, 0.14), (BROWN, 0.14))), dice)
        marks = dice.weighted((("stripes", 0.45), ("plain", 0.35), ("patch", 0.2)))
        light = main if dice.chance(0.35) else lighter(main, 0.75)
        dark = darker(main, 0.42) if marks != "patch" else vary(dice.pick((COAL, ORANGE, COCOA)), dice)
        return Coat(main, light, dark, marks, "pointed", eyes, collar)
    if kind == "dog":
        main = vary(dice.weighted(((BROWN, 0.24), (SAND, 0.22), (WHITE, 0.16), ((206, 146, 82), 0.2), (COAL, 0.08), (GREY, 0.1))), dice)
        ears = dice.weighted((("floppy", 0.56), ("folded", 0.16), ("pointed", 0.28)))
        marks = dice.weighted((("plain", 0.4), ("patch", 0.35), ("mask", 0.25)))
        return Coat(main, lighter(main, 0.65), darker(main, 0.48 if main[0] < 230 else 0.6), marks, ears, eyes, collar)
    main = vary(dice.weighted(((ORANGE, 0.6), (_RED, 0.3), ((196, 120, 74), 0.1))), dice)
    return Coat(main, vary(CREAM if dice.chance(0.3) else WHITE, dice, 4), vary(COCOA, dice), "mask", "pointed", eyes, None)


def draw_animal(kind: str, p: Pen, dice: Dice) -> Colour:
    """Draw the animal in one of the poses and return its main colour."""
    coat = coat_of(kind, dice)
    dice.weighted(((_portrait, 0.26), (_sitting, 0.34), (_standing, 0.4)))(kind, p, coat, dice)
    return coat.main


def _tail(kind: str, p: Pen, coat: Coat) -> None:
    """A tail from the origin to the right and upwards; flip the pen for the other side."""
    if kind == "cat":
        p.blob(
            [(-0.04, 0.06), (0.3, 0.1), (0.5, -0.16), (0.44, -0.56), (0.52, -0.74), (0.66, -0.66), (0.64, -0.5), (0.7, -0.1),
            (0.46, 0.28), (0.1, 0.28)], coat.main,
        )  # fmt: skip
        if coat.marks == "stripes":
            for x0, y0, x1, y1 in ((0.46, -0.3, 0.66, -0.32), (0.46, -0.02, 0.66, 0.06), (0.28, 0.1, 0.36, 0.28)):
                p.line([(x0, y0), (x1, y1)], coat.dark, 0.08)
    elif kind == "dog":
        p.blob(
            [(-0.06, 0.12), (0.16, -0.02), (0.28, -0.34), (0.42, -0.4), (0.44, -0.2), (0.3, 0.1),
            (0.06, 0.26)], coat.dark if coat.marks == "patch" else coat.main,
        )  # fmt: skip
    else:
        p.blob([(-0.06, 0.08), (0.2, -0.1), (0.36, -0.5), (0.62, -0.82), (0.8, -0.64), (0.82, -0.2), (0.6, 0.2), (0.2, 0.28)], coat.main)
        p.shape(
            [(0.4, -0.54), (0.5, -0.42), (0.58, -0.5), (0.68, -0.36), (0.8, -0.46), (0.79, -0.62), (0.68, -0.82),
            (0.58, -0.8)], coat.light, edge=False,
        )  # fmt: skip


def _portrait(kind: str, p: Pen, coat: Coat, dice: Dice) -> None:
    wide = {"cat": 0.78, "dog": 0.8, "fox": 0.76}[kind]
    if dice.chance(0.5):  # with shoulders
        p.blob(mirrored([(0, 0.36), (0.4, 0.44), (0.66, 0.76), (0.7, 0.98), (0, 1.0)]), coat.main)
        p.blob(mirrored([(0, 0.5), (0.24, 0.66), (0.26, 0.9), (0, 0.98)]), coat.light, edge=False)
        if coat.collar:
            p.line([(-0.46, 0.68), (0, 0.84), (0.46, 0.68)], coat.collar, 0.13, curved=True)
        _FACES[kind](p.at(0, -0.02, wide * 0.86, dice.span(-8, 8)), coat, dice)
    else:
        _FACES[kind](p.at(0, 0.12, wide, dice.span(-10, 10)), coat, dice)


def _sitting(kind: str, p: Pen, coat: Coat, dice: Dice) -> None:
    _tail(kind, p.at(0.3, 0.66, 0.92 if kind != "fox" else 1.0), coat)
    plump = dice.span(0.9, 1.15)
    p.blob(mirrored([(0, -0.2), (0.26 * plump, -0.1), (0.44 * plump, 0.4), (0.54 * plump, 0.78), (0.36, 0.97), (0, 0.97)]), coat.main)
    p.blob(mirrored([(0, 0.06), (0.2, 0.14), (0.24 * plump, 0.42), (0.12, 0.66), (0, 0.7)]), coat.light, edge=False)
    if kind == "cat" and coat.marks == "stripes":
        for side in (-1, 1):
            for y in (0.34, 0.52):
                p.shape([(side * 0.46 * plump, y), (side * 0.5 * plump, y + 0.1), (side * 0.26, y + 0.06)], coat.dark, edge=False)
    paw = coat.dark if kind == "fox" else coat.light
    for side in (-1, 1):
        p.box(side * 0.17 - 0.11, 0.46, side * 0.17 + 0.11, 0.98, coat.dark if kind == "fox" else darker(coat.main, 0.07), corner=0.1)
        p.oval(side * 0.18, 0.93, 0.15, 0.09, paw)
    if coat.collar:
        p.line([(-0.3, -0.02), (0, 0.1), (0.3, -0.02)], coat.collar, 0.11, curved=True)
        p.oval(0, 0.15, 0.075, 0.08, MUSTARD, edge=False)
    _FACES[kind](p.at(dice.span(-0.05, 0.05), -0.42, dice.span(0.46, 0.56), dice.span(-9, 9)), coat, dice)


def _standing(kind: str, p: Pen, coat: Coat, dice: Dice) -> None:
    short = dice.span(0.0, 0.16)  # of the legs
    stride = dice.span(-0.1, 0.1)
    far = replace(coat, main=darker(coat.main, 0.22))
    down = 0.92 - short
    _tail(kind, p.at(-0.5, 0.06, 0.74 if kind != "fox" else 0.66, -20 if kind == "fox" else -8, flip=True), coat)
    for x, cloth, step in ((-0.42, far, -stride), (0.26, far, stride), (-0.58, coat, stride), (0.42, coat, -stride)):
        sock = coat.dark if kind == "fox" else coat.light if coat.marks == "patch" or cloth.light != cloth.main else cloth.main
        p.shape([(x - 0.11, 0.2), (x + 0.11, 0.2), (x + 0.09 + step, down), (x - 0.09 + step, down)], cloth.main)
        p.shape(
            [(x - 0.095 + step * 0.7, down - 0.2), (x + 0.095 + step * 0.7, down - 0.2), (x + 0.11 + step, down),
            (x - 0.09 + step, down)], sock, edge=False,
        )  # fmt: skip
    p.blob([(-0.68, 0.1), (-0.56, -0.14), (-0.1, -0.14), (0.34, -0.2), (0.58, 0.0), (0.52, 0.32), (0.1, 0.4), (-0.5, 0.42)], coat.main)
    if kind == "cat" and coat.marks == "stripes":
        for x in (-0.42, -0.2, 0.02):
            p.shape([(x - 0.06, -0.13), (x + 0.06, -0.13), (x, 0.2)], coat.dark, edge=False)
    elif coat.marks == "patch":
        p.blob([(-0.46, -0.12), (-0.1, -0.12), (-0.06, 0.12), (-0.34, 0.18)], coat.dark, edge=False)
    elif kind == "fox" or coat.light != coat.main:
        p.blob([(0.3, 0.1), (0.54, 0.02), (0.5, 0.3), (0.2, 0.36)], coat.light, edge=False)
    p.blob([(0.2, 0.0), (0.3, -0.34), (0.66, -0.3), (0.58, 0.14), (0.4, 0.2)], coat.main, edge=False)
    if coat.collar:
        p.line([(0.26, -0.1), (0.44, 0.04), (0.62, -0.08)], coat.collar, 0.1, curved=True)
    if dice.chance(0.5):
        _PROFILES[kind](p.at(0.46, -0.4, dice.span(0.34, 0.4), dice.span(-8, 8)), coat, dice)
    else:
        _FACES[kind](p.at(0.5, -0.42, dice.span(0.4, 0.46), dice.span(-8, 8)), coat, dice)
