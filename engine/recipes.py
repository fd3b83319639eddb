"""Recipes: named (data set, network, training) triples. They are the catalogue of what can be trained and computed.

Reading the catalogue is cheap: data sets and networks are imported when a recipe is followed, not when it is listed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.paths import weights_file

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.cascades.resnet import ResNetShape
    from engine.datasets.base import Dataset


@dataclass(frozen=True)
class Training:
    """How a network is trained. Everything here, and nothing else but data and network, decides the weights."""

    epochs: int
    batch_size: int = 128
    optimizer: str = "adamw"  # of convolution kernels, one of engine.optimise.OPTIMIZERS
    learning_rate: float = 4e-3  # at its peak
    warm_up: float = 0.15  # share of the steps in which the learning rate rises to its peak; then it falls as a cosine
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    distillation: float = 0.0  # share of an early exit's loss that asks it to agree with the last exit
    exit_weights: tuple[float, ...] | None = None  # share of each exit in the loss; None: all the same
    average: float = 0.998  # decay of the running average of the weights, which is what is kept in the end
    flip: bool = True  # mirror half of the pictures
    shift: int = 4  # move pictures by up to so many pixels
    jitter: float = 0.1  # change brightness and contrast of each colour by up to this share
    start_from: str | None = None  # the recipe whose trained weights to begin with, wherever names and shapes agree
    frozen: bool = False  # what start_from gave stays as it is: only the rest learns
    validation: int = 2000  # the last so many training examples are held out to draw the learning curve
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """How to make one network with exits, from nothing.

    dataset: makes the data set;  cascade: makes the untrained network
    """

    name: str
    title: str
    description: str
    dataset: "Callable[[], Dataset]"
    cascade: "Callable[[], Cascade]"
    training: Training


_recipes: dict[str, Recipe] = {}

#: Every registered recipe, in the order of registration.
RECIPES: Mapping[str, Recipe] = MappingProxyType(_recipes)


def register(make: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Function decorator: make a recipe known under its name."""
    made = make()
    if made.name in _recipes:
        raise ValueError(f"two recipes are called {made.name!r}")
    _recipes[made.name] = made
    return make


def recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name!r}; choose one of: {', '.join(RECIPES)}.")
    return RECIPES[name]


def weights_path(name: str) -> Path:
    """Where a recipe's weights lie, or would."""
    return weights_file(name)


@register
def doodles() -> Recipe:
    def dataset() -> "Dataset":
        from engine.datasets.doodles import Doodles

        return Doodles()

    def cascade() -> "Cascade":
        from engine.cascades.msdnet import MSDNetShape, msdnet

        return msdnet(
            MSDNetShape(
                classes=10,
                stem=16,
                base=(16, 24, 32),
                growth=(8, 32, 64),
                layers=(0, 2, 1, 2, 2),  # the first exit reads the stem: cheap, and clearly weaker than the rest
                scales=(3, 3, 3, 2, 1),
            )
        )

    return Recipe(
        name="doodles",
        title="Doodles, multi-scale dense network",
        description="A small multi-scale dense network with five exits, on 64x64 drawings of ten things.",
        dataset=dataset,
        cascade=cascade,
        training=Training(epochs=24),
    )


def _cifar10() -> "Dataset":
    from engine.datasets.torchvision_sets import TorchvisionSet

    return TorchvisionSet("cifar10")


#: For all networks on CIFAR-10: what minutes on a GPU and half an hour on a processor get far with.
_CIFAR10 = Training(
    epochs=20,
    batch_size=256,
    optimizer="muon",
    learning_rate=0.01,
    weight_decay=0.1,
    label_smoothing=0.1,
    distillation=0.3,
    exit_weights=(1, 1, 1, 1, 2),
    average=0.995,
    shift=3,
)


def _residual() -> "ResNetShape":
    from engine.cascades.resnet import ResNetShape

    return ResNetShape(classes=10, stem=24, widths=(40, 128, 288), blocks=(1, 1, 1), exits=(2, 3, 4, 5))


@register
def cifar10_msdnet() -> Recipe:
    def cascade() -> "Cascade":
        from engine.cascades.msdnet import MSDNetShape, msdnet

        return msdnet(
            MSDNetShape(
                classes=10,
                stem=24,
                base=(48, 112, 192),
                growth=(32, 80, 144),
                layers=(0, 1, 1, 2, 2),
                scales=(3, 3, 3, 2, 1),
                strides=(1, 2),
            )
        )

    return Recipe(
        name="cifar10-msdnet",
        title="CIFAR-10, multi-scale dense network",
        description="A multi-scale dense network with five exits, on 32x32 photographs of ten things.",
        dataset=_cifar10,
        cascade=cascade,
        training=_CIFAR10,
    )


@register
def cifar10_resnet() -> Recipe:
    def cascade() -> "Cascade":
        from engine.cascades.resnet import resnet

        return resnet(_residual())

    return Recipe(
        name="cifar10-resnet",
        title="CIFAR-10, residual network",
        description="A residual network with five exits, each a classifier of its own, on 32x32 photographs of ten things.",
        dataset=_cifar10,
        cascade=cascade,
        training=_CIFAR10,
    )


@register
def cifar10_bof() -> Recipe:
    def cascade() -> "Cascade":
        from engine.cascades.bof import BofShape, bof

        return bof(BofShape(_residual(), words=64, regions=2))

    return Recipe(
        name="cifar10-bof",
        title="CIFAR-10, Bag-of-Features exits",
        description="The trunk of cifar10-resnet with five Bag-of-Features exits that share one classifier.",
        dataset=_cifar10,
        cascade=cascade,
        training=replace(_CIFAR10, epochs=8, learning_rate=5e-3, start_from="cifar10-resnet"),
    )


@register
def cifar10_family() -> Recipe:
    def cascade() -> "Cascade":
        from engine.cascades.family import resnet_family
        from engine.cascades.resnet import ResNetShape

        sizes = ((16, (16, 32, 64)), (16, (24, 64, 128)), (32, (56, 160, 320)))
        return resnet_family([ResNetShape(10, stem, of_groups, blocks=(0, 1, 1)) for stem, of_groups in sizes])

    return Recipe(
        name="cifar10-family",
        title="CIFAR-10, three networks",
        description="Three separate residual networks, small, medium and large, on 32x32 photographs of ten things.",
        dataset=_cifar10,
        cascade=cascade,
        training=replace(_CIFAR10, distillation=0.5, exit_weights=None),
    )
