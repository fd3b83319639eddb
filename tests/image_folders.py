"""Folders of images for the tests, in torchvision's layout."""

from pathlib import Path

import numpy as np
from PIL import Image


def image_folder(root: Path, classes: int, each: int, side: int = 24) -> Path:
    """Noisy images, `each` per class; every class has a bright bar at its own height."""
    rng = np.random.default_rng(0)
    for label in range(classes):
        folder = root / f"class_{label:04d}"
        folder.mkdir(parents=True)
        for index in range(each):
            pixels = rng.integers(0, 90, (side, side, 3), dtype=np.uint8)
            row = round((label + 0.5) * side / classes)
            pixels[max(0, row - 2) : row + 2] += 150
            Image.fromarray(pixels).save(folder / f"{index}.png", compress_level=0)
    return root
