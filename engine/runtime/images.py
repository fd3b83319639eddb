"""Labelled images, as a kind of example."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle.images import encode
from engine.datasets.base import Dataset, Images
from engine.runtime.example_kinds import ExampleKind, shown_images
from engine.runtime.shards import Shards


class ImageKind(ExampleKind[Dataset, Images]):
    """Exits predict a class. An image costs what every image costs, and people see a thumbnail."""

    def about(self, dataset: Dataset) -> dict[str, Any]:
        return {"image_size": list(dataset.image_size), "transform": "pixels / 255"}

    def shown(self, examples: Images, row: int) -> bytes:
        return encode(examples.pixels[row])

    def faces(self, ids: NDArray[np.int64], shards: Shards) -> dict[str, Any]:
        return {"images": shown_images(ids, shards)}
