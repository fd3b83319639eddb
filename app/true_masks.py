"""The masks of a bundle's examples, with the true ones of its data set on this computer where the bundle may not hold them."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.worker.messages import TakeMasks
from app.worker.pictures import identifying, worker
from engine.bundle.bundle import Bundle
from engine.bundle.masks import Masks
from engine.errors import UserError
from engine.paths import datasets_folder


def masks_of(bundle: Bundle, ids: NDArray[np.int64]) -> list[Masks | None]:
    """The masks of each example, or None if the bundle holds none. Raises UserError if one is damaged."""
    pack = bundle.masks
    masks = [pack[id] if pack is not None and id in pack else None for id in ids.tolist()]
    without_truth = [row for row, of_example in enumerate(masks) if of_example is not None and of_example.lacks_truth]
    if without_truth:
        truths = _from_dataset(bundle.provenance, ids[without_truth].tolist())
        for row, truth in zip(without_truth, truths, strict=False):  # none at all if the data set is not here
            of_example = masks[row]
            assert of_example is not None
            masks[row] = replace(of_example, truth=truth)
    return masks


def _from_dataset(provenance: Mapping[str, Any], ids: Sequence[int]) -> list[NDArray[np.uint8]]:
    """(height, width) each; an empty list if the data set of the bundle cannot be read on this computer."""
    digest = provenance.get("dataset_digest")
    if not isinstance(digest, str) or "image_size" not in provenance:
        return []
    try:
        packed = worker.call(TakeMasks(identifying(provenance), str(datasets_folder()), ids, digest)).images
    except UserError:
        return []
    height, width = provenance["image_size"]
    return [np.frombuffer(zlib.decompress(mask), np.uint8).reshape(height, width) for mask in packed]
