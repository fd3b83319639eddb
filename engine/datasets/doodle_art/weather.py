"""Effects on the finished 64 x 64 picture: night, fading, fog, blur, grain.

All arithmetic is in integers (matrix products are of integers held exactly in float64), so that neither the order of a sum
nor the last bit of a maths library can change a pixel. Every function takes a strength in [0, 1] and does nothing at 0.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.datasets.dice import rain
from engine.datasets.doodle_art.pen import PIXELS

Picture = NDArray[np.int32]  # (64, 64, 3), 0..255

MAX_BLUR_SIGMA = 2.8  # pixels, at strength 1
MAX_GRAIN = 26  # standard deviation in grey levels, at strength 1
_NIGHT = np.array([0.85, 0.79, 0.58])  # shares of red, green and blue that a full night removes
_MOONLIGHT = np.array([6, 10, 30])


@lru_cache(maxsize=256)
def _smear(sigma_64ths: int) -> NDArray[np.float64]:
    """(64, 64): row i holds the weights, in 1024ths, of the pixels of a line in pixel i of the result."""
    sigma = sigma_64ths / 64
    reach = math.ceil(3 * sigma)
    weights = [round(1024 * math.exp(-0.5 * (k / sigma) ** 2)) for k in range(-reach, reach + 1)]
    matrix = np.zeros((PIXELS, PIXELS))
    for i in range(PIXELS):
        for k, weight in zip(range(-reach, reach + 1), weights, strict=True):
            matrix[i, min(PIXELS - 1, max(0, i + k))] += weight  # the border is repeated outside
    return matrix


def _smeared(picture: Picture, sigma: float) -> Picture:
    sigma_64ths = round(64 * sigma)
    if sigma_64ths < 12:  # invisible below a fifth of a pixel
        return picture
    matrix = _smear(sigma_64ths)
    total = int(matrix[PIXELS // 2].sum())
    down = (matrix @ picture.reshape(PIXELS, -1)).reshape(PIXELS, PIXELS, 3)
    across = matrix @ down.transpose(1, 0, 2).reshape(PIXELS, -1)
    whole = across.reshape(PIXELS, PIXELS, 3).transpose(1, 0, 2).astype(np.int64)
    return ((whole + total * total // 2) // (total * total)).astype(np.int32)


def blur(picture: Picture, strength: float) -> Picture:
    return _smeared(picture, MAX_BLUR_SIGMA * strength)


def night(picture: Picture, lamps: Picture, strength: float) -> Picture:
    """Dark and blue, except for lamps, which shine and have a halo."""
    keep = np.rint(256 * (1 - _NIGHT * strength)).astype(np.int32)
    light = round(256 * min(1.0, 1.6 * strength))
    dark = (picture * keep >> 8) + np.rint(_MOONLIGHT * strength).astype(np.int32)
    halo = _smeared(lamps, 2.2)
    return np.minimum(255, np.maximum(dark, lamps * light >> 8) + (halo * light >> 9))


def fade(picture: Picture, strength: float) -> Picture:
    """Less contrast: every pixel moves towards the picture's mean colour."""
    mean = picture.sum(axis=(0, 1)) // (PIXELS * PIXELS)
    keep = round(256 * (1 - 0.83 * strength))
    return mean + ((picture - mean) * keep >> 8)


def _ramp(cells: int) -> NDArray[np.int32]:
    """(64, cells): weights, in 256ths, that stretch a row of cells to 64 pixels by linear interpolation."""
    matrix = np.zeros((PIXELS, cells), np.int32)
    for i in range(PIXELS):
        at = i * (cells - 1) * 256 // (PIXELS - 1)
        cell, rest = min(at // 256, cells - 2), at - 256 * min(at // 256, cells - 2)
        matrix[i, cell], matrix[i, cell + 1] = 256 - rest, rest
    return matrix


_BANKS = _ramp(6)


def fog(picture: Picture, strength: float, *key: int | str) -> Picture:
    """Drifting banks of mist, up to nearly opaque."""
    drops = rain(38, *key)
    cells = np.frombuffer(drops, np.uint8)[:36].reshape(6, 6).astype(np.int32)
    banks = _BANKS @ cells @ _BANKS.T >> 16  # (64, 64), 0..255
    thick = np.clip(round(256 * 0.9 * strength) * (640 + banks) // 860, 0, 248)[:, :, None]
    warm = drops[36] % 24
    mist = np.array([222 + warm // 2, 228 + warm // 4, 236 - warm // 2], np.int32)
    return picture + ((mist - picture) * thick >> 8)


def grain(picture: Picture, strength: float, *key: int | str) -> Picture:
    """Film grain: the sum of four random bytes is close enough to a normal distribution (mean 510, standard deviation 148)."""
    drops = np.frombuffer(rain(4 * PIXELS * PIXELS * 4, *key), np.uint8).reshape(4, PIXELS, PIXELS, 4).sum(axis=0, dtype=np.int32) - 510
    mixed = drops[:, :, :3] * 4 + drops[:, :, 3:] * 9  # mostly the same in all three colours, as on film
    return picture + (mixed * round(256 * MAX_GRAIN * strength / 148) // 2521)
