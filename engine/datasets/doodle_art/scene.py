"""A complete picture: the strengths of its nuisances, the thing at its place, and the weather over it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.datasets.dice import Dice
from engine.datasets.doodle_art import weather
from engine.datasets.doodle_art.animals import draw_animal
from engine.datasets.doodle_art.backgrounds import BUSY, CALM, HOME, Backdrop, sea
from engine.datasets.doodle_art.fliers import draw_bird, draw_plane
from engine.datasets.doodle_art.palette import COAL, COCOA, NAVY, WHITE, Colour, apart
from engine.datasets.doodle_art.pen import OVERSAMPLE, SHEET, Pen, Strokes, Style, ink
from engine.datasets.doodle_art.props import scatter, screen
from engine.datasets.doodle_art.swimmers import draw_boat, draw_fish
from engine.datasets.doodle_art.vehicles import draw_bus, draw_car, draw_truck

THINGS = ("cat", "dog", "fox", "car", "bus", "truck", "bird", "plane", "fish", "boat")
KINDS = dict(zip(THINGS, ("animal",) * 3 + ("vehicle",) * 3 + ("flier",) * 2 + ("swimmer",) * 2, strict=True))
_DRAW = {
    "car": draw_car, "bus": draw_bus, "truck": draw_truck, "bird": draw_bird, "plane": draw_plane, "fish": draw_fish, "boat": draw_boat,
}  # fmt: skip

#: How much each nuisance hides the thing, alone and at full strength.
WEIGHTS: dict[str, float] = {
    "size": 0.65, "rotation": 0.55, "clutter": 0.42, "occlusion": 0.6, "blur": 0.5, "noise": 0.4, "contrast": 0.45,
    "fog": 0.6, "night": 0.5,
}  # fmt: skip
#: How often each is among the main nuisances of a picture, relative to the others.
_COMMON = (
    ("size", 1.1), ("rotation", 0.7), ("clutter", 1.2), ("occlusion", 1.1), ("blur", 0.9), ("noise", 0.7), ("contrast", 0.8),
    ("fog", 0.9), ("night", 1.0),
)  # fmt: skip
#: At most one nuisance of each group is a main nuisance: two veils would only leave the picture blank.
_RIVALS = (("contrast", "fog", "night"), ("blur", "noise"))
#: The maximum strength of each nuisance in any picture, even where it is not a main nuisance.
_ALWAYS = {"size": 0.16, "rotation": 0.1, "clutter": 0.12}


def difficulty(strengths: Mapping[str, float]) -> float:
    """How hard a picture is, in [0, 1]: 1 - product over the nuisances of (1 - weight * strength).

    This assumes that each nuisance hides the thing with probability weight * strength, independently of the others.
    """
    left = 1.0
    for name, weight in WEIGHTS.items():
        left *= 1 - weight * strengths[name]
    return 1 - left


def strengths_of(severity: float, dice: Dice) -> dict[str, float]:
    """Strengths in [0, 1] of all nuisances, with a joint difficulty of about `severity`, mostly from one to four main nuisances."""
    strengths = {name: _ALWAYS.get(name, 0.0) * dice.roll() for name in WEIGHTS}
    count = 1 + dice.chance(0.75) + dice.chance(severity) + dice.chance(severity * 0.8)
    left = [*_COMMON]
    main: list[str] = []
    for _ in range(count):
        name = dice.weighted(left)
        gone = next((group for group in _RIVALS if name in group), (name,))
        left = [pair for pair in left if pair[0] not in gone]
        main.append(name)
    shares = [dice.span(0.35, 1.0) for _ in main]
    open_share = (1 - severity) / (1 - difficulty(strengths))  # the share that the main nuisances together must leave visible
    for name, share in zip(main, shares, strict=True):
        if open_share < 1:
            wanted = (1 - open_share ** (share / sum(shares))) / WEIGHTS[name]
            strengths[name] = min(1.0, strengths[name] + wanted)
    return strengths


def render(label: int, strengths: Mapping[str, float], *key: int | str) -> NDArray[np.uint8]:
    """A picture of a thing of class `label`, (64, 64, 3) uint8. With the same key and other strengths, it shows the same thing."""
    dice = Dice(*key, "place")
    kind = THINGS[label]
    style = style_of(dice)
    half = 114 - 70 * strengths["size"]  # sheet pixels
    room = SHEET / 2 - half
    x, y = 128 + dice.span(-0.75, 0.75) * room, 128 + dice.span(-0.75, 0.75) * room
    way = dice.sign()
    turn = way * 95 * strengths["rotation"]

    sheet = Image.new("RGB", (SHEET, SHEET))
    draw = ImageDraw.Draw(sheet)
    lit = Strokes()
    backdrop, ground = backdrop_of(draw, KINDS[kind], strengths["clutter"], Dice(*key, "ground"), lit)
    count = round(15 * max(0.0, strengths["clutter"] - 0.04))
    crowd = scatter(Dice(*key, "crowd"), style if style.kind != "pencil" else Style("flat"), count, (x, y, half), (15.0, 34.0))
    behind, before = (crowd, []) if len(crowd) < 4 else (crowd[: len(crowd) * 3 // 4], crowd[len(crowd) * 3 // 4 :])
    for strokes in behind:
        ink(draw, strokes)
        lit.lamps += strokes.lamps

    pen = Pen.on(x, y, half, turn, dice.chance(0.5), style, Dice(*key, "hand"))
    main = _drawn(kind, pen)
    if abs(turn) < 25 and KINDS[kind] in ("animal", "vehicle"):
        _shadow(sheet, x, y + half * (0.95 if KINDS[kind] == "animal" else 0.72), half)
    _ink_thing(draw, pen, main, ground)
    if kind == "boat" and backdrop is sea and abs(turn) < 20:
        _waves(draw, x, y, half, ground)

    front = list(before)
    if strengths["occlusion"] > 0.03:
        front.append(screen(Dice(*key, "screen"), (x, y), half, 0.06 + 0.54 * strengths["occlusion"]))
    for strokes in front:
        ink(draw, strokes)
    picture = np.asarray(sheet.reduce(OVERSAMPLE)).astype(np.int32)
    return _weathered(picture, pen.strokes.lamps + lit.lamps, front, strengths, key)


def draw_thing(draw: ImageDraw.ImageDraw, thing: str, place: tuple[float, float, float], style: Style, ground: Colour, dice: Dice) -> None:
    """A thing alone, at (x, y, half its side) in pixels of the sheet. ground: the colour that it stands out from"""
    pen = Pen.on(*place, dice.span(-14, 14), dice.chance(0.5), style, dice)
    _ink_thing(draw, pen, _drawn(thing, pen), ground)


def _drawn(thing: str, pen: Pen) -> Colour:
    """Draw a thing with the pen; returns its main colour."""
    return draw_animal(thing, pen, pen.dice) if KINDS[thing] == "animal" else _DRAW[thing](pen, pen.dice)


def _ink_thing(draw: ImageDraw.ImageDraw, pen: Pen, main: Colour, ground: Colour) -> None:
    """Put what the pen drew on the sheet, in another style where the thing would vanish in its background."""
    style = Style("sticker") if pen.style.kind == "flat" and apart(main, ground) < 85 else pen.style
    ink(draw, pen.strokes, style, max(3, round(pen.line_width * 0.8)))


def _weathered(
    picture: weather.Picture,
    lamps: list[tuple[list[int], Colour]],
    front: list[Strokes],
    strengths: Mapping[str, float],
    key: tuple[int | str, ...],
) -> NDArray[np.uint8]:
    if strengths["night"] > 0:
        dark = Image.new("RGB", (SHEET, SHEET))
        draw = ImageDraw.Draw(dark)
        for corners, colour in lamps:
            draw.polygon(corners, fill=colour)
        for strokes in front:  # objects in front hide the lamps too
            for corners, fill, _, _ in strokes.parts:
                if fill is not None:
                    draw.polygon(corners, fill=(0, 0, 0))
        picture = weather.night(picture, np.asarray(dark.reduce(OVERSAMPLE)).astype(np.int32), strengths["night"])
    if strengths["contrast"] > 0:
        picture = weather.fade(picture, strengths["contrast"])
    if strengths["fog"] > 0:
        picture = weather.fog(picture, strengths["fog"], *key, "fog")
    picture = weather.blur(picture, strengths["blur"])
    if strengths["noise"] > 0:
        picture = weather.grain(picture, strengths["noise"], *key, "grain")
    return np.clip(picture, 0, 255).astype(np.uint8)


def style_of(dice: Dice) -> Style:
    kind = dice.weighted((("flat", 0.25), ("inked", 0.27), ("rimmed", 0.13), ("sticker", 0.15), ("line", 0.09), ("pencil", 0.11)))
    line = dice.pick((COAL, NAVY, COCOA, (70, 52, 84)))
    if kind == "line":
        return Style(kind, dice.pick((line, (58, 92, 150), (160, 66, 60))), WHITE, dice.span(0.1, 0.4), dice.span(0.045, 0.06))
    if kind == "pencil":
        return Style(kind, (92, 86, 92), WHITE, dice.span(0.5, 0.85), 0.03)
    return Style(kind, line, WHITE, 1.0, dice.span(0.035, 0.06))


def backdrop_of(draw: ImageDraw.ImageDraw, kind: str, clutter: float, dice: Dice, lit: Strokes) -> tuple[Backdrop, Colour]:
    busy = dice.chance(0.12 + clutter)
    at_home = dice.chance(0.45)
    choose = dice.weighted(HOME[kind] if at_home else BUSY if busy else CALM)
    return choose, choose(draw, dice, lit)


def _shadow(sheet: Image.Image, x: float, y: float, half: float) -> None:
    strokes = Strokes()
    pen = Pen.on(x, y, half, 0, False, Style("flat"), Dice("shadow"), strokes)
    pen.oval(0, 0, 0.82, 0.12, COAL)
    ImageDraw.Draw(sheet, "RGBA").polygon(strokes.parts[0][0], fill=(40, 30, 60, 46))


def _waves(draw: ImageDraw.ImageDraw, x: float, y: float, half: float, water: Colour) -> None:
    pen = Pen.on(x, y, half, 0, False, Style("flat"), Dice("waves"))
    points = [(-1.2 + 0.3 * k, 0.68 + (0.05 if k % 2 else -0.05)) for k in range(9)]
    pen.blob([*points, (1.15, 0.9), (0, 0.98), (-1.15, 0.9)], water, edge=False)
    ink(draw, pen.strokes)
