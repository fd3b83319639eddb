"""The data set of texts that a bundle was made from."""

from collections.abc import Mapping
from typing import Any

from engine.datasets import DATASETS, TextDataset
from engine.recipes.catalogue import RECIPES


def text_dataset_of(provenance: Mapping[str, Any]) -> TextDataset | None:
    """The data set of the recipe that a bundle names, or the registered one; None if its provenance names no known one of texts."""
    if "vocabulary" not in provenance:  # so that no data set of images is built, which may need torch
        return None
    name, recipe = str(provenance.get("dataset")), RECIPES.get(str(provenance.get("recipe")))
    build = recipe.dataset if recipe is not None else DATASETS[name].build if name in DATASETS else None
    built = None if build is None else build()
    return built if isinstance(built, TextDataset) else None
