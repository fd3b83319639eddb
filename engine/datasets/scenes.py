"""Scenes: several doodles in one picture, with the kind of thing at every pixel.

They are for segmentation what the doodles are for classification. Each thing is drawn on a layer of its own, whose opacity is its mask, so
masks are exact; what is drawn later hides what is below. Small shapes that belong to no kind clutter the background. How strong each
nuisance is, how many things there are and how much of them is hidden are known for every picture.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.datasets.base import MaskedImages
from engine.datasets.dice import Dice
from engine.datasets.doodle_art import weather
from engine.datasets.doodle_art.pen import OVERSAMPLE, PIXELS, SHEET, Strokes, ink
from engine.datasets.doodle_art.props import scatter
from engine.datasets.doodle_art.scene import KINDS, THINGS, backdrop_of, draw_thing, style_of
from engine.datasets.generated import Generated
from engine.datasets.in_chunks import drawn_in_chunks
from engine.splits import Split

BACKGROUND = 0
#: The classes of a pixel: the background, then the kinds of things.
CLASS_NAMES: tuple[str, ...] = ("background", *dict.fromkeys(KINDS.values()))
#: The most things in a picture.
MOST = 6
#: How much each nuisance hides the things, alone and at full strength.
WEIGHTS: dict[str, float] = {
    "objects": 0.3, "overlap": 0.6, "small": 0.6, "clutter": 0.45, "contrast": 0.5, "fog": 0.6, "noise": 0.4,
}  # fmt: skip
#: The strengths of the nuisances, in [0, 1], then the resulting difficulty, in [0, 1].
FACTOR_NAMES: tuple[str, ...] = (*WEIGHTS, "difficulty")

#: Must change whenever the pictures or masks do. They are frozen: the weights and the bundle in data/ are made from them.
_VERSION = "scenes 1"
#: At most one nuisance of each group is a main nuisance, as two veils would leave the picture blank, and its frequency among them.
_MAIN = ((("small",), 1.3), (("clutter",), 1.0), (("contrast", "fog"), 1.3), (("noise",), 0.8))
#: The strength of a main nuisance, as a multiple of the severity.
_MAIN_SPAN = (0.6, 1.4)
#: Half the side of a thing in a picture where nothing is small, and the smallest one, in pixels of the sheet.
_HALF_SPAN, _LEAST_HALF = (56.0, 100.0), 20.0


@dataclass(frozen=True)
class Scenes(Generated):
    """64 x 64 RGB pictures of one to six things, with masks. Picture i depends only on (seed, i).

    seed:       another seed gives another data set of the same kind
    train_size: pictures in TRAIN, at most 1,000,000
    workers:    as in `engine.datasets.in_chunks`
    """

    train_size: int = 12_000
    workers: int | None = None

    held_out = {Split.FIT: 2_000, Split.CALIBRATION: 1_000, Split.TEST: 1_000}
    name = "scenes"
    class_names = CLASS_NAMES
    image_size = (PIXELS, PIXELS)
    has_masks = True
    shippable = True

    def take(self, ids: NDArray[np.int64]) -> MaskedImages:
        """The pictures with these ids, in this order, with their masks, and the strengths of nuisances and difficulty as `factors`."""
        drawn = drawn_in_chunks(_draw_chunk, self.seed, [int(i) for i in np.asarray(ids).ravel()], self.workers)
        if not drawn:
            drawn = [_draw_chunk(self.seed, [])]
        pixels, masks, table = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        return MaskedImages(pixels, masks, {name: np.ascontiguousarray(table[:, k]) for k, name in enumerate(FACTOR_NAMES)})

    def digest(self) -> str:
        """SHA-256 of version, seed, size and a sample of twenty pictures, so that a change of the drawing code shows."""
        sha = hashlib.sha256(f"{_VERSION} {self.seed} {self.train_size}".encode())
        for part in _draw_chunk(self.seed, [7 + 1_237 * k for k in range(20)]):
            sha.update(part.tobytes())
        return sha.hexdigest()


def difficulty(strengths: Mapping[str, float]) -> float:
    """How hard a picture is, in [0, 1]: 1 - product over the nuisances of (1 - weight * strength), as for the doodles."""
    visible = 1.0
    for name, weight in WEIGHTS.items():
        visible *= 1 - weight * strengths[name]
    return 1 - visible


def _draw_chunk(seed: int, ids: list[int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures (examples, 64, 64, 3), masks (examples, 64, 64) and factors (examples, factors)."""
    pixels = np.empty((len(ids), PIXELS, PIXELS, 3), np.uint8)
    masks = np.empty((len(ids), PIXELS, PIXELS), np.uint8)
    table = np.empty((len(ids), len(FACTOR_NAMES)), np.float32)
    for row, i in enumerate(ids):
        pixels[row], masks[row], strengths = _render(seed, i, "scene")
        table[row] = [*(strengths[name] for name in WEIGHTS), difficulty(strengths)]
    return pixels, masks, table


def _render(*key: int | str) -> tuple[NDArray[np.uint8], NDArray[np.uint8], dict[str, float]]:
    """A picture (64, 64, 3), its mask (64, 64) and the strengths of its nuisances."""
    dice = Dice(*key, "strengths")
    severity = dice.roll()
    strengths = _strengths_of(severity, dice)
    count = 1 + int(MOST * dice.roll() * (0.45 + 0.55 * severity))
    strengths["objects"] = (count - 1) / (MOST - 1)

    sheet = Image.new("RGB", (SHEET, SHEET))
    on_sheet = ImageDraw.Draw(sheet)
    things = [dice.pick(THINGS) for _ in range(count)]
    _, ground = backdrop_of(on_sheet, KINDS[things[0]], strengths["clutter"], Dice(*key, "ground"), Strokes())
    places = _places(count, strengths["small"], Dice(*key, "places"))
    style = style_of(Dice(*key, "style"))
    # The scatter keeps away from the first thing only: other things may cover what is scattered.
    for strokes in scatter(Dice(*key, "crowd"), style, round(15 * max(0.0, strengths["clutter"] - 0.04)), places[0], (12.0, 30.0)):
        ink(on_sheet, strokes)
    mask = np.full((PIXELS, PIXELS), BACKGROUND, np.uint8)
    drawn, hidden = 0, 0
    for k, (thing, place) in enumerate(zip(things, places, strict=True)):
        layer = Image.new("RGBA", (SHEET, SHEET))
        draw_thing(ImageDraw.Draw(layer), thing, place, style_of(Dice(*key, "style", k)), ground, Dice(*key, "hand", k))
        sheet.paste(layer, mask=layer)
        covers = np.asarray(layer.getchannel("A").reduce(OVERSAMPLE)) > 127
        drawn += int(covers.sum())
        hidden += int((mask[covers] != BACKGROUND).sum())
        mask[covers] = CLASS_NAMES.index(KINDS[thing])
    strengths["overlap"] = hidden / max(drawn, 1)
    return _weathered(np.asarray(sheet.reduce(OVERSAMPLE)).astype(np.int32), strengths, key), mask, strengths


def _strengths_of(severity: float, dice: Dice) -> dict[str, float]:
    """Strengths in [0, 1] of the nuisances that are set before anything is drawn: one to three main ones."""
    strengths = {"small": 0.15 * dice.roll(), "clutter": 0.15 * dice.roll(), "contrast": 0.0, "fog": 0.0, "noise": 0.0}
    left = list(_MAIN)
    for _ in range(1 + dice.chance(0.6) + dice.chance(severity)):
        group = dice.weighted(left)
        left = [pair for pair in left if pair[0] != group]
        name = dice.pick(group)
        strengths[name] = min(1.0, strengths[name] + severity * dice.span(*_MAIN_SPAN))
    return strengths


def _places(count: int, small: float, dice: Dice) -> list[tuple[float, float, float]]:
    """The centre and half the side of each thing, in pixels of the sheet. Most keep away from the things before them, some do not."""
    places: list[tuple[float, float, float]] = []
    for _ in range(count):
        half = max(_LEAST_HALF, dice.span(*_HALF_SPAN) * (1 - 0.68 * small) * (1 - 0.07 * (count - 1)))
        margin = 0.65 * half
        options = [(dice.span(margin, SHEET - margin), dice.span(margin, SHEET - margin)) for _ in range(6)]
        if dice.chance(0.5):
            options = options[:1]
        x, y = max(options, key=lambda at: min((abs(at[0] - x) ** 2 + abs(at[1] - y) ** 2 for x, y, _ in places), default=0.0))
        places.append((x, y, half))
    return places


def _weathered(picture: weather.Picture, strengths: Mapping[str, float], key: tuple[int | str, ...]) -> NDArray[np.uint8]:
    if strengths["contrast"] > 0:
        picture = weather.fade(picture, strengths["contrast"])
    if strengths["fog"] > 0:
        picture = weather.fog(picture, strengths["fog"], *key, "fog")
    if strengths["noise"] > 0:
        picture = weather.grain(picture, strengths["noise"], *key, "grain")
    return np.clip(picture, 0, 255).astype(np.uint8)
