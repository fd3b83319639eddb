"""Faces of the cat, the dog and the fox, from the front and from the side. A head is a circle of radius 1 around the origin."""

from dataclasses import dataclass

from engine.datasets.dice import Dice
from engine.datasets.doodle_art.palette import CORAL, PINK, SUN, Colour, darker, lighter
from engine.datasets.doodle_art.pen import Pen, Point

DARK: Colour = (46, 38, 44)
SHINE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Coat:
    """An animal's colours and marks, shared by its head, its body and its tail."""

    main: Colour
    light: Colour  # muzzle, chest, tip of the tail
    dark: Colour  # ears, stripes, socks
    marks: str  # "plain", "stripes", "patch", "mask"
    ears: str  # "pointed", "floppy", "folded"
    eyes: str  # "dots", "wide", "closed"
    collar: Colour | None


def mirrored(points: list[Point]) -> list[Point]:
    """The points, then their mirror images in reverse order; for outlines that start and end on the middle line."""
    return points + [(-x, y) for x, y in reversed(points) if x > 0.001]


def _eye(p: Pen, x: float, y: float, coat: Coat, iris: Colour, size: float = 1.0) -> None:
    ring = [(x - 0.12, y), (x, y - 0.14), (x + 0.12, y), (x, y + 0.14)]
    if coat.eyes == "closed":
        p.line([(x - 0.17 * size, y), (x, y + 0.11 * size), (x + 0.17 * size, y)], DARK, 0.08, curved=True)
        return
    if coat.eyes == "wide":
        p.oval(x, y, 0.21 * size, 0.23 * size, iris, edge=False)
        p.oval(x, y, 0.1 * size, 0.19 * size, DARK, edge=False)
        p.lamp([(x + (u - x) * 1.5, y + (v - y) * 1.5) for u, v in ring], SUN)
    else:
        p.oval(x, y, 0.13 * size, 0.17 * size, DARK, edge=False)
        p.lamp(ring, (250, 240, 190))
    p.oval(x + 0.05 * size, y - 0.07 * size, 0.055 * size, 0.06 * size, SHINE, edge=False)


def cat_face(p: Pen, coat: Coat, dice: Dice) -> None:
    tall = dice.span(1.1, 1.3)
    for side in (-1, 1):
        p.shape([(side * 0.93, -0.1), (side * 0.86, -tall), (side * 0.7, -tall), (side * 0.12, -0.68)], coat.main)
        p.shape([(side * 0.76, -0.5), (side * 0.76, -tall + 0.22), (side * 0.34, -0.68)], PINK, edge=False)
    p.blob(mirrored([(0, -0.8), (0.55, -0.7), (0.95, -0.2), (1.02, 0.24), (0.66, 0.68), (0, 0.82)]), coat.main)
    if coat.marks == "stripes":
        for x, deep in ((-0.26, 0.24), (0, 0.36), (0.26, 0.24)):
            p.shape([(x - 0.09, -0.76), (x + 0.09, -0.76), (x * 0.7, -0.76 + deep + 0.1)], coat.dark, edge=False)
        for side in (-1, 1):
            p.shape([(side * 0.99, 0.0), (side * 0.99, 0.16), (side * 0.66, 0.1)], coat.dark, edge=False)
            p.shape([(side * 0.98, 0.28), (side * 0.92, 0.42), (side * 0.64, 0.28)], coat.dark, edge=False)
    elif coat.marks == "patch":
        p.blob([(0.1, -0.76), (0.55, -0.68), (0.9, -0.2), (0.6, 0.14), (0.24, 0.0)], coat.dark, edge=False)
    if coat.light != coat.main:
        p.blob(mirrored([(0, 0.12), (0.22, 0.2), (0.48, 0.44), (0.36, 0.68), (0, 0.78)]), coat.light, edge=False)
    iris = dice.pick(((166, 206, 92), (240, 200, 70), (128, 198, 214)))
    for side in (-1, 1):
        _eye(p, side * 0.45, -0.04, coat, iris, 1.15)
        for slant in (-0.13, 0.02, 0.17):
            p.line([(side * 0.5, 0.36 + slant * 0.5), (side * 1.25, 0.28 + slant * 1.5)], DARK if sum(coat.main) > 330 else SHINE, 0.035)
    p.shape([(-0.13, 0.2), (0.13, 0.2), (0, 0.34)], CORAL, edge=False)
    p.line([(-0.24, 0.44), (-0.1, 0.52), (0, 0.36), (0.1, 0.52), (0.24, 0.44)], DARK, 0.05, curved=True)


def dog_face(p: Pen, coat: Coat, dice: Dice) -> None:
    if coat.ears == "pointed":
        for side in (-1, 1):
            p.shape([(side * 0.88, -0.16), (side * 0.84, -1.12), (side * 0.7, -1.16), (side * 0.2, -0.7)], coat.main)
            p.shape([(side * 0.75, -0.46), (side * 0.74, -0.9), (side * 0.42, -0.66)], coat.dark, edge=False)
    p.blob(mirrored([(0, -0.84), (0.54, -0.72), (0.82, -0.24), (0.8, 0.24), (0.58, 0.76), (0, 0.98)]), coat.main)
    if coat.marks == "patch":
        p.blob([(0.12, -0.5), (0.46, -0.6), (0.74, -0.2), (0.58, 0.18), (0.26, 0.12)], coat.dark, edge=False)
    elif coat.marks == "mask":
        p.blob(mirrored([(0, -0.82), (0.16, -0.4), (0.2, 0.1), (0, 0.3)]), coat.light, edge=False)
    p.blob(mirrored([(0, 0.06), (0.34, 0.18), (0.52, 0.5), (0.36, 0.84), (0, 0.92)]), coat.light, edge=False)
    if dice.chance(0.5):
        p.blob(mirrored([(0, 0.62), (0.17, 0.66), (0.17, 0.94), (0, 1.08)]), CORAL, edge=False)
    p.line([(-0.34, 0.56), (-0.18, 0.68), (0, 0.58), (0.18, 0.68), (0.34, 0.56)], DARK, 0.055, curved=True)
    p.line([(0, 0.36), (0, 0.6)], DARK, 0.05)
    p.oval(0, 0.28, 0.24, 0.17, DARK, edge=False)
    p.oval(-0.06, 0.22, 0.07, 0.04, SHINE, edge=False)
    for side in (-1, 1):
        _eye(p, side * 0.38, -0.12, coat, (170, 112, 62))
    if coat.ears == "floppy":
        for side in (-1, 1):
            p.blob(
                [(side * x, y) for x, y in ((0.42, -0.8), (0.86, -0.74), (1.16, -0.2), (1.18, 0.4), (0.96, 0.6), (0.76, 0.2),
                (0.68, -0.3))], coat.dark,
            )  # fmt: skip
    elif coat.ears == "folded":
        for side in (-1, 1):
            p.shape([(side * 0.24, -0.84), (side * 0.62, -1.1), (side * 1.06, -0.5), (side * 0.94, -0.26), (side * 0.68, -0.5)], coat.dark)


def fox_face(p: Pen, coat: Coat, dice: Dice) -> None:
    tall = dice.span(1.2, 1.4)
    for side in (-1, 1):
        p.shape([(side * 1.0, 0.06), (side * 0.9, -tall + 0.05), (side * 0.78, -tall), (side * 0.06, -0.6)], coat.main)
        p.shape(
            [(side * 0.94, -tall * 0.62), (side * 0.9, -tall + 0.05), (side * 0.78, -tall),
            (side * 0.5, -tall * 0.72)], coat.dark, edge=False,
        )  # fmt: skip
        p.shape([(side * 0.82, -0.3), (side * 0.76, -tall * 0.64), (side * 0.36, -0.58)], lighter(coat.light, 0.1), edge=False)
    p.shape(mirrored([(0, -0.66), (0.5, -0.6), (0.9, -0.16), (1.2, 0.34), (0.7, 0.62), (0.24, 0.98), (0, 1.06)]), coat.main)
    for side in (-1, 1):
        p.shape(
            [(side * x, y) for x, y in ((0.03, 1.02), (0.26, 0.95), (0.7, 0.6), (1.14, 0.34), (0.78, 0.14), (0.42, 0.3),
            (0.16, 0.62))], coat.light, edge=False,
        )  # fmt: skip
        _eye(p, side * 0.42, 0.02, coat, (236, 190, 80))
    p.oval(0, 0.95, 0.19, 0.15, DARK, edge=False)
    p.oval(-0.05, 0.9, 0.06, 0.04, SHINE, edge=False)


def cat_profile(p: Pen, coat: Coat, dice: Dice) -> None:
    for x in (0.34, -0.44):
        p.shape([(x - 0.32, -0.5), (x - 0.06, -1.26), (x + 0.06, -1.26), (x + 0.36, -0.56)], coat.main)
        p.shape([(x - 0.14, -0.66), (x, -1.04), (x + 0.18, -0.66)], PINK, edge=False)
    p.blob(
        [(-0.1, -0.82), (0.6, -0.68), (0.92, -0.16), (1.1, 0.22), (0.86, 0.6), (0.2, 0.82), (-0.6, 0.66), (-0.94, 0.0),
        (-0.72, -0.6)], coat.main,
    )  # fmt: skip
    if coat.marks == "stripes":
        for x in (-0.7, -0.36):
            p.line([(x, -0.4), (x + 0.12, 0.2)], coat.dark, 0.14)
    if coat.light != coat.main:
        p.blob([(0.62, 0.2), (1.06, 0.24), (0.84, 0.6), (0.4, 0.7)], coat.light, edge=False)
    _eye(p, 0.42, -0.08, coat, (166, 206, 92), 1.15)
    p.oval(1.05, 0.16, 0.12, 0.1, CORAL, edge=False)
    for slant in (-0.13, 0.02, 0.17):
        p.line([(0.66, 0.36 + slant * 0.5), (1.5, 0.28 + slant * 1.6)], DARK if sum(coat.main) > 330 else SHINE, 0.035)
    p.line([(1.02, 0.3), (0.86, 0.46), (0.64, 0.44)], DARK, 0.05, curved=True)


def dog_profile(p: Pen, coat: Coat, dice: Dice) -> None:
    if coat.ears == "pointed":
        for x in (0.16, -0.4):
            p.shape([(x - 0.32, -0.5), (x - 0.06, -1.2), (x + 0.06, -1.2), (x + 0.34, -0.5)], coat.main if x > 0 else coat.dark)
    long = dice.span(1.35, 1.55)
    p.blob(
        [(-0.1, -0.82), (0.46, -0.66), (0.72, -0.22), (long - 0.2, -0.1), (long, 0.18), (long - 0.18, 0.52), (0.6, 0.64), (0, 0.8),
        (-0.7, 0.6), (-0.92, -0.1), (-0.64, -0.64)], coat.main,
    )  # fmt: skip
    p.blob([(0.86, -0.06), (long - 0.16, -0.04), (long - 0.06, 0.2), (long - 0.22, 0.46), (0.7, 0.54), (0.62, 0.2)], coat.light, edge=False)
    if coat.marks == "patch":
        p.oval(0.28, -0.18, 0.36, 0.34, coat.dark, edge=False)
    if dice.chance(0.4):
        p.blob([(0.9, 0.46), (1.16, 0.44), (1.2, 0.8), (1.02, 0.94), (0.9, 0.76)], CORAL, edge=False)
    p.line([(long - 0.1, 0.34), (1.0, 0.46), (0.66, 0.36)], DARK, 0.055, curved=True)
    p.oval(long - 0.06, 0.0, 0.2, 0.16, DARK, edge=False)
    _eye(p, 0.3, -0.2, coat, (170, 112, 62))
    if coat.ears != "pointed":
        drop = 0.66 if coat.ears == "floppy" else 0.2
        p.blob([(-0.3, -0.72), (0.06, -0.62), (0.02, 0.0), (-0.16, drop), (-0.5, drop - 0.04), (-0.66, 0.1), (-0.6, -0.5)], coat.dark)


def fox_profile(p: Pen, coat: Coat, dice: Dice) -> None:
    tall = dice.span(1.25, 1.42)
    for x in (0.18, -0.42):
        p.shape(
            [(x - 0.36, -0.44), (x - 0.08, -tall), (x + 0.04, -tall), (x + 0.38, -0.44)], coat.main if x < 0 else darker(coat.main, 0.15),
        )  # fmt: skip
        p.shape([(x - 0.16, -tall * 0.76), (x - 0.08, -tall), (x + 0.04, -tall), (x + 0.14, -tall * 0.78)], coat.dark, edge=False)
    p.shape(
        [(-0.3, -0.72), (0.3, -0.66), (0.66, -0.22), (1.62, 0.3), (1.62, 0.44), (0.7, 0.6), (0.1, 0.72), (-0.52, 0.86), (-0.74, 0.5),
        (-1.0, 0.4), (-0.86, -0.2)], coat.main,
    )  # fmt: skip
    p.shape(
        [(1.56, 0.4), (0.7, 0.58), (0.1, 0.7), (-0.52, 0.84), (-0.72, 0.5), (-0.2, 0.3), (0.4, 0.34), (0.8, 0.22)], coat.light, edge=False,
    )  # fmt: skip
    p.oval(1.6, 0.34, 0.17, 0.15, DARK, edge=False)
    _eye(p, 0.36, -0.06, coat, (236, 190, 80))
