"""Doodles: ten everyday things, drawn by our own code, from clearly visible to nearly lost in fog, night and leaves.

They are made for early exits. Easy, medium and hard images are about equally frequent, there are look-alikes on purpose
(at first glance, a fox is an orange dog), and the strength of every nuisance is known for every image.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.datasets.base import Images
from engine.datasets.dice import Dice
from engine.datasets.doodle_art.pen import PIXELS
from engine.datasets.doodle_art.scene import THINGS, WEIGHTS, difficulty, render, strengths_of
from engine.datasets.generated import Generated
from engine.datasets.in_chunks import drawn_in_chunks
from engine.splits import Split

CLASS_NAMES: tuple[str, ...] = THINGS
#: The strengths of the nine nuisances, in [0, 1], then the resulting difficulty, in [0, 1].
FACTOR_NAMES: tuple[str, ...] = (*WEIGHTS, "difficulty")

#: Must change whenever the images do. They are frozen: the weights and the bundle in data/ are made from them.
_VERSION = "doodles 3"
_HARDEST = 0.84  # severities are uniform from 0 to this; beyond it, people fail too often


@dataclass(frozen=True)
class Doodles(Generated):
    """64 x 64 RGB drawings of ten things. Image i depends only on (seed, i).

    seed:       another seed gives another data set of the same kind
    train_size: images in TRAIN, at most 1,000,000; FIT, CALIBRATION and TEST have 5,000 each
    workers:    number of processes for requests of more than 250 images; None: one per core for 2,000 images or more, otherwise one.
                The images do not depend on it. A script that uses several processes needs the usual
                `if __name__ == "__main__":`, because each process imports it again.
    """

    workers: int | None = None

    held_out = {Split.FIT: 5_000, Split.CALIBRATION: 5_000, Split.TEST: 5_000}
    name = "doodles"
    class_names = CLASS_NAMES
    image_size = (PIXELS, PIXELS)
    shippable = True

    def take(self, ids: NDArray[np.int64]) -> Images:
        """The images with these ids, in this order, with the strengths of their nuisances and the difficulty as `factors`."""
        wanted = [int(i) for i in np.asarray(ids).ravel()]
        drawn = drawn_in_chunks(_draw_chunk, self.seed, wanted, self.workers)
        pixels = np.concatenate([p for p, _ in drawn]) if drawn else np.zeros((0, PIXELS, PIXELS, 3), np.uint8)
        table = np.concatenate([f for _, f in drawn]) if drawn else np.zeros((0, len(FACTOR_NAMES)), np.float32)
        labels = np.array(wanted, np.int64) % len(CLASS_NAMES)
        return Images(pixels, labels, {name: np.ascontiguousarray(table[:, k]) for k, name in enumerate(FACTOR_NAMES)})

    def digest(self) -> str:
        """SHA-256 of version, seed, size and a sample of twenty images, so that a change of the drawing code shows."""
        sha = hashlib.sha256(f"{_VERSION} {self.seed} {self.train_size}".encode())
        pixels, table = _draw_chunk(self.seed, [7 + 1_237 * k for k in range(20)])
        sha.update(pixels.tobytes())
        sha.update(table.tobytes())
        return sha.hexdigest()


def _draw_chunk(seed: int, ids: list[int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Images (examples, 64, 64, 3) uint8 and their factors (examples, factors) float32."""
    pixels = np.empty((len(ids), PIXELS, PIXELS, 3), np.uint8)
    table = np.empty((len(ids), len(FACTOR_NAMES)), np.float32)
    for row, i in enumerate(ids):
        dice = Dice(seed, i, "strengths")
        strengths = strengths_of(_HARDEST * dice.roll(), dice)
        pixels[row] = render(i % len(CLASS_NAMES), strengths, seed, i)
        table[row] = [*strengths.values(), difficulty(strengths)]
    return pixels, table
