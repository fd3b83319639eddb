"""Writes the shipped bundle of graded quality: drawn scenes, segmented at four resolutions.

    python data/scenes.py

Scenes are drawn with a fixed seed. The masks are what the segmenter below really gives, and the quality of an exit is the overlap of its
mask with the true one. The segmenter sorts the mean colour of each cell of a grid into ground, disc or bar. Each exit adds a finer grid to
what the exits before it found. It learns nothing.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python data/scenes.py`

from engine.importing.importer import Imported, import_file
from engine.outputs import CascadeKind
from engine.splits import BUNDLE_SPLITS

ID, TITLE = "scenes", "Drawn scenes: segmentation at four resolutions"
SEED = 0
#: Of each split, in the order of `BUNDLE_SPLITS`.
EXAMPLES = (400, 400, 800)
SIDE = 48
#: Pixels along a side of a cell, at each exit.
CELLS = (6, 3, 2, 1)
#: Colours of ground, disc and bar at full contrast.
COLOURS = np.array([[128.0, 128.0, 128.0], [226.0, 124.0, 62.0], [58.0, 132.0, 206.0]])
NOISE = 16.0
#: What the segmenter takes for the contrast of every scene, and how certain it is of a colour.
CONTRAST, CERTAINTY = 0.5, 9.0
#: The square of a difference of colours that is clear.
SCALE = 64.0**2
#: A pixel is unsure if the probability of its class is lower.
SURE = 0.7


@dataclass(frozen=True, eq=False)
class Scenes:
    """pixels:   (scenes, SIDE, SIDE, 3);  mask: (scenes, SIDE, SIDE), the class of each pixel
    contrast: (scenes,) in [0, 1], 0 if shapes are faint;  detail: (scenes,) in [0, 1], 1 if shapes are many and small
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.int64]
    contrast: NDArray[np.float64]
    detail: NDArray[np.float64]


def drawn_scenes(number: int) -> Scenes:
    """The first scenes. Each is drawn with a seed of its own, so that any number of them is the same as in the bundle."""
    contrast, detail = np.empty(number), np.empty(number)
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    mask = np.zeros((number, SIDE, SIDE), dtype=np.int64)
    noise = np.empty((number, SIDE, SIDE, 3))
    for i, scene in enumerate(mask):
        rng = np.random.default_rng([SEED, i])
        contrast[i], detail[i] = rng.beta(1.6, 1.2), rng.beta(0.8, 1.4)
        noise[i] = rng.normal(0, NOISE, noise.shape[1:])
        fine = detail[i]
        for _ in range(2 + int(18 * fine)):
            size = (0.24 - 0.2 * fine) * rng.uniform(0.75, 1.25)
            across, down = np.abs(x - rng.uniform(0.05, 0.95)), np.abs(y - rng.uniform(0.05, 0.95))
            if rng.random() < 0.5:
                scene[across**2 + down**2 < size**2] = 1
            else:
                scene[(across < 1.4 * size) & (down < 0.5 * size)] = 2
    colour = COLOURS[0] + (0.08 + 0.92 * contrast[:, None, None, None]) * (COLOURS[mask] - COLOURS[0])
    return Scenes((colour + noise).clip(0, 255).astype(np.uint8), mask, contrast, detail)


def probabilities(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Of each class at each pixel after each exit, (exits, scenes, SIDE, SIDE, classes)."""
    expected = COLOURS[0] + CONTRAST * (COLOURS - COLOURS[0])
    evidence, after = np.zeros((*pixels.shape[:3], len(COLOURS))), []
    for cell in CELLS:
        grid = pixels.reshape(len(pixels), SIDE // cell, cell, SIDE // cell, cell, 3).mean(axis=(2, 4))
        # The squared distance to each colour, without the part that is the same for all: linear in the cell's colour.
        score = CERTAINTY * (grid @ expected.T - (expected**2).sum(axis=1) / 2) / SCALE
        evidence = evidence / 2 + score.repeat(cell, axis=1).repeat(cell, axis=2)  # a coarser grid counts half as much
        after.append(softmax(evidence, axis=-1))
    return np.stack(after)


def macs() -> NDArray[np.float64]:
    """Multiply-accumulates of each stage: a colour for each class in each cell."""
    return np.array([(SIDE // cell) ** 2 * COLOURS.size for cell in CELLS], dtype=np.float64)


def overlap(given: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean intersection over union of the classes that are in either mask, (..., scenes). given: (..., scenes, SIDE, SIDE)"""
    shared, either = [], []
    for number in range(len(COLOURS)):
        one, other = given == number, true == number
        shared.append((one & other).sum(axis=(-2, -1)))
        either.append((one | other).sum(axis=(-2, -1)))
    return (np.array(shared) / np.maximum(either, 1)).sum(axis=0) / (np.array(either) > 0).sum(axis=0)


def boundary(mask: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of neighbouring pixels that have different classes, (..., scenes)."""
    across, down = mask[..., 1:] != mask[..., :-1], mask[..., 1:, :] != mask[..., :-1, :]
    return (across.mean(axis=(-2, -1)) + down.mean(axis=(-2, -1))) / 2


def arrays_of(scenes: Scenes) -> dict[str, NDArray]:
    """The quality, confidence and features of each exit on each scene, as they are imported."""
    probability = probabilities(scenes.pixels)
    mask, top = probability.argmax(axis=-1), probability.max(axis=-1)
    changed = mask != np.concatenate([mask[:1], mask[:-1]])
    return {
        "quality": overlap(mask, scenes.mask),
        "conf": top.mean(axis=(-2, -1)),
        "feature_unsure_pixels": (top < SURE).mean(axis=(-2, -1)),
        "feature_boundary_length": boundary(mask),
        "feature_changed_pixels": changed.mean(axis=(-2, -1)),
        "factor_contrast": scenes.contrast,
        "factor_detail": scenes.detail,
        "stage_cost_macs": macs(),
        "images": scenes.pixels,
    }


def write(folder: Path | None = None) -> Imported:
    """Import the scenes. folder: of the bundle, by default in the data folder"""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{ID}.npz"
        np.savez(
            path,
            **arrays_of(drawn_scenes(sum(EXAMPLES))),
            exit_names=np.array([f"{SIDE // cell} x {SIDE // cell} cells" for cell in CELLS]),
            split=np.repeat([str(split) for split in BUNDLE_SPLITS], EXAMPLES),
        )
        return import_file(path, ID, TITLE, CascadeKind.CHAIN, folder)


if __name__ == "__main__":
    imported = write()
    print(f"Bundle written to {imported.folder}.", *imported.notes, sep="\n")
