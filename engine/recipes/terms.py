"""What the terms of a data set say about passing on its examples, of the data set that a bundle was made from."""

from collections.abc import Mapping
from typing import Any

from engine.datasets import DATASETS
from engine.display_text import printable
from engine.recipes.catalogue import RECIPES
from engine.recipes.names import FOLDER


def terms_of(provenance: Mapping[str, Any]) -> str:
    """Which examples they are and on what terms, such as "of CIFAR-10, which come without a license to redistribute them".

    Empty if they may be passed on, and for outputs that were imported, whose owner knows the terms.
    """
    name, recipe = str(provenance.get("dataset")), RECIPES.get(str(provenance.get("recipe")))
    if name in DATASETS:
        entry = DATASETS[name]
        return f"of {entry.title}, which {entry.terms}" if entry.terms else ""
    if recipe is not None and (recipe.images or recipe.name == FOLDER):
        return f"from the folder {printable(name)}, which only their owner may allow to be passed on"
    return ""
