"""The shipped data set, drawn by our own code, and its network."""

from typing import TYPE_CHECKING

from engine.recipes.catalogue import Network, Recipe, Training, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.datasets.base import Dataset


def _dataset() -> "Dataset":
    from engine.datasets.doodles import Doodles

    return Doodles()


def _msdnet(classes: int, exits: None = None) -> "Cascade":
    from engine.cascades.msdnet import MSDNetShape, msdnet

    return msdnet(
        MSDNetShape(
            classes=classes,
            stem=16,
            base=(16, 24, 32),
            growth=(8, 32, 64),
            layers=(0, 2, 1, 2, 2),  # the first exit reads the stem: cheap, and clearly weaker than the rest
            scales=(3, 3, 3, 2, 1),
        )
    )


@register
def doodles() -> Recipe:
    return Recipe(
        name="doodles",
        title="Doodles, multi-scale dense network",
        description="A small multi-scale dense network with five exits, on 64x64 drawings of ten things.",
        dataset=_dataset,
        cascade=lambda: _msdnet(10),
        training=Training(epochs=24),
        network=Network(_msdnet),
    )
