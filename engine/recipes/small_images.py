"""Every network for small images on every registered data set of small images, such as CIFAR-10, CIFAR-100, Fashion-MNIST and SVHN."""

from dataclasses import replace
from functools import cache, partial

from engine.datasets import DATASETS
from engine.recipes.catalogue import Makers, Recipe, RecipeConfig, register_source
from engine.recipes.small_networks import SMALL_NETWORKS


@register_source
def small_image_recipes() -> Makers:
    suited = [data for data in DATASETS.values() if data.small_images]
    return {f"{data.name}-{network}": partial(_recipe, data.name, network) for data in suited for network in SMALL_NETWORKS}


@cache
def _recipe(name: str, network: str) -> Recipe:
    data, small = DATASETS[name], SMALL_NETWORKS[network]
    start_from = f"{name}-{small.starts}" if small.starts else None
    config = RecipeConfig(
        name=f"{name}-{network}",
        title=f"{data.title}, {small.title}",
        description=f"{small.about.format(data=name)}, on {data.description}.",
        training=replace(small.training, start_from=start_from, **data.training),
        exit_names=small.exit_names,
    )
    return Recipe(config, data.build, cascade=lambda: small.network.build(data.classes, small.network.exits), network=small.network)
