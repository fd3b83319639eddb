"""The data set of texts that a bundle was made from, and whether the network that read them is on this computer."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.datasets import DATASETS, TextDataset
from engine.recipes.catalogue import RECIPES, weights_path
from engine.storage.files import sha256_of


def text_dataset_of(provenance: Mapping[str, Any]) -> TextDataset | None:
    """The data set of the recipe that a bundle names, or the registered one; None if its provenance names no known one of texts."""
    if "vocabulary" not in provenance:  # so that no data set of images is built, which may need torch
        return None
    name, recipe = str(provenance.get("dataset")), RECIPES.get(str(provenance.get("recipe")))
    build = recipe.dataset if recipe is not None else DATASETS[name].build if name in DATASETS else None
    built = None if build is None else build()
    return built if isinstance(built, TextDataset) else None


def why_no_network(provenance: Mapping[str, Any]) -> str:
    """One sentence that says why the network that computed a bundle of texts is not on this computer; empty if it is."""
    recipe = RECIPES.get(str(provenance.get("recipe")))
    if recipe is None or text_dataset_of(provenance) is None:
        return "The bundle was not computed by a network of Offramp's recipes, so its words cannot be coloured."
    weights = weights_path(recipe.name)
    if not weights.is_file():
        return f"The weights of {recipe.name} are not on this computer, so words cannot be coloured; {recipe.remedy}."
    if _sha256(weights, weights.stat().st_mtime_ns) != provenance.get("weights_sha256"):
        return f"The weights at {weights} are not those that computed this bundle; restore them, or compute the bundle again."
    return ""


@lru_cache(maxsize=8)
def _sha256(file: Path, _: int) -> str:
    """_: when it was changed"""
    return sha256_of(file)
