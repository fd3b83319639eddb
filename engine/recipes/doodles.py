"""The data set that comes with Offramp, drawn by its own code, and its network."""

from typing import TYPE_CHECKING

from engine.datasets import DATASETS
from engine.recipes.catalogue import NetworkBuilder, Recipe, RecipeConfig, Training, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade


def _msdnet(classes: int, exits: tuple[int, ...] | None = None) -> "Cascade":
    from engine.cascades.msdnet import MSDNetShape, msdnet

    return msdnet(
        MSDNetShape(
            classes=classes,
            stem=16,
            base=(16, 24, 32),
            growth=(8, 32, 64),
            layers=(0, 2, 1, 2, 2),  # the first exit reads the stem: cheap, and clearly less accurate than the others
            scales=(3, 3, 3, 2, 1),
        )
    )


@register
def doodles() -> Recipe:
    data = DATASETS["doodles"]
    config = RecipeConfig(
        name="doodles",
        title="Doodles, multi-scale dense network",
        description="A small multi-scale dense network with five exits, on 64x64 drawings in 10 classes.",
        training=Training(epochs=24),
    )
    return Recipe(config, data.build, cascade=lambda: _msdnet(data.classes), network=NetworkBuilder(_msdnet))
