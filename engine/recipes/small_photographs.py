"""CIFAR-10, CIFAR-100, Fashion-MNIST and SVHN, each with every network for pictures of 32x32."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.recipes.catalogue import Recipe, register
from engine.recipes.networks import SMALL

if TYPE_CHECKING:
    from engine.datasets.base import Dataset


@dataclass(frozen=True)
class PhotographSet:
    """A data set of engine.datasets.published.sets. settings: of the training, where the pictures ask for others than CIFAR-10's"""

    title: str
    classes: int
    pictures: str
    settings: Mapping[str, Any] = field(default_factory=dict)


PHOTOGRAPH_SETS = {
    "cifar10": PhotographSet("CIFAR-10", 10, "32x32 photographs of ten things"),
    "cifar100": PhotographSet("CIFAR-100", 100, "32x32 photographs of a hundred things"),
    "fashion-mnist": PhotographSet("Fashion-MNIST", 10, "28x28 grey pictures of ten kinds of clothes, framed to 32x32"),
    "svhn": PhotographSet("SVHN", 10, "32x32 photographs of the digits of house numbers", {"flip": False}),
}


def _dataset(data: str) -> "Dataset":
    from engine.datasets.published.sets import TorchvisionSet

    return TorchvisionSet(data)


def _recipe(data: str, network: str) -> Recipe:
    source, small = PHOTOGRAPH_SETS[data], SMALL[network]
    return Recipe(
        name=f"{data}-{network}",
        title=f"{source.title}, {small.title}",
        description=f"{small.about.format(data=data)}, on {source.pictures}.",
        dataset=partial(_dataset, data),
        cascade=lambda: small.network.make(source.classes, small.network.exits),
        training=replace(small.training, start_from=f"{data}-{small.starts}" if small.starts else None, **source.settings),
        network=small.network,
        exit_names=small.exit_names,
    )


for _data in PHOTOGRAPH_SETS:
    for _network in SMALL:
        register(partial(_recipe, _data, _network))
