"""The data set that comes with Offramp, drawn by its own code, and its networks."""

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.datasets import DATASETS
from engine.recipes.catalogue import NetworkBuilder, Recipe, RecipeConfig, Training, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.cascades.resnet import ResNetShape

#: Of the residual networks. The multi-scale network and these are trained alike.
_TRAINING = Training(epochs=16)
#: Units of the residual trunk that are followed by an exit, by default.
_EXITS = (1, 2, 3, 4)


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


def _residual(classes: int, exits: tuple[int, ...] | None) -> "ResNetShape":
    from engine.cascades.resnet import ResNetShape

    return ResNetShape(classes, widths=(8, 32, 64, 64), blocks=(0, 0, 1, 1), exits=_EXITS if exits is None else exits)


def _resnet(classes: int, exits: tuple[int, ...] | None) -> "Cascade":
    from engine.cascades.resnet import resnet

    return resnet(_residual(classes, exits))


def _bof(classes: int, exits: tuple[int, ...] | None) -> "Cascade":
    from engine.cascades.bof import BofShape, bof

    return bof(BofShape(_residual(classes, exits), words=64, regions=2))


def _recipe(config: RecipeConfig, network: NetworkBuilder) -> Recipe:
    data = DATASETS["doodles"]
    return Recipe(config, data.build, cascade=lambda: network.build(data.classes, network.exits), network=network)


@register
def doodles() -> Recipe:
    config = RecipeConfig(
        name="doodles",
        title="Doodles, multi-scale dense network",
        description="A small multi-scale dense network with five exits, on 64x64 drawings in 10 classes.",
        training=Training(epochs=24),
    )
    return _recipe(config, NetworkBuilder(_msdnet))


@register
def doodles_resnet() -> Recipe:
    config = RecipeConfig(
        name="doodles-resnet",
        title="Doodles, residual network",
        description="A small residual network with five exits, each with its own classifier, on 64x64 drawings in 10 classes.",
        training=_TRAINING,
    )
    return _recipe(config, NetworkBuilder(_resnet, _EXITS))


@register
def doodles_bof() -> Recipe:
    config = RecipeConfig(
        name="doodles-bof",
        title="Doodles, Bag-of-Features exits",
        description="The trunk of doodles-resnet with five Bag-of-Features exits that share one classifier, on 64x64 drawings.",
        training=replace(_TRAINING, epochs=8, start_from="doodles-resnet"),
    )
    return _recipe(config, NetworkBuilder(_bof, _EXITS))
