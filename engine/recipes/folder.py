"""Recipes for any folder of images, with the network of another recipe or a wrapped one of torchvision."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.datasets import DATASETS, AnyDataset, MaskDataset, TextDataset
from engine.display_text import printable
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.recipes.catalogue import RECIPES, Recipe, RecipeConfig, register
from engine.recipes.exits import with_exits
from engine.recipes.names import FOLDER, folder_name
from engine.recipes.small_networks import SMALL_NETWORKS

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.datasets.base import Dataset

NETWORK = "cifar10-resnet"
#: Prefix of the names of torchvision's networks.
TORCHVISION = "torchvision:"


def _missing() -> "Any":
    raise UserError("The recipe `folder` needs a folder of images; give it with --images DIR.")


@register
def folder() -> Recipe:
    config = RecipeConfig(
        name=FOLDER,
        title="A folder of images",
        description="Your own images, DIR/CLASS/anything.jpg, with the network of another recipe or a wrapped one of torchvision.",
        training=SMALL_NETWORKS["resnet"].training,
    )
    return Recipe(config, dataset=_missing, cascade=_missing)


def folder_recipe(images: Path | None, network: str | None = None, exits: tuple[str, ...] = (), weights: Path | None = None) -> Recipe:
    """The recipe for a folder of images. Raises UserError.

    network: name of a recipe, or torchvision:NAME with layers as exits
    weights: weights of a torchvision network; None: the published ones
    """
    if images is None:
        return _missing()
    network = network or NETWORK
    if network.startswith(TORCHVISION):
        from engine.recipes.wrapped import torchvision_recipe

        return torchvision_recipe(images, network.removeprefix(TORCHVISION), exits, weights)
    if weights:
        raise UserError(
            f"--weights cannot be used with {network}; choose a network of torchvision, such as --network {TORCHVISION}resnet18."
        )
    recipe = _with_network(images, network)
    return with_exits(recipe, exits) if exits else recipe


def _with_network(images: Path, network: str) -> Recipe:
    from engine.datasets.folder import ImageFolder

    builders = {name: recipe.network for name, recipe in RECIPES.items() if recipe.network}
    if network not in builders:
        raise UserError(f"There is no network {network!r}; choose {TORCHVISION}NAME or one of: {', '.join(builders)}.")
    source, builder = RECIPES[network], builders[network]
    training = source.training
    assert training is not None, "a network that can be built for other classes is trained here"
    dataset = ImageFolder(images, source.image_dataset().image_size)
    starts = _with_network(images, training.start_from) if training.start_from else None
    config = RecipeConfig(
        name=folder_name(images, network),
        title=f"{dataset.name}, {source.config.title.split(', ')[-1]}",
        description=f"The network of {network} on the images in {dataset.name}.",
        training=replace(training, start_from=starts.name if starts else None),
        exit_names=source.config.exit_names,
        variant_of=FOLDER,
        options=f"--images {shlex.quote(str(images))} --network {network}",
    )

    def cascade() -> "Cascade":
        return builder.build(len(dataset.class_names), builder.exits)

    return Recipe(config, dataset=lambda: dataset, cascade=cascade, network=builder, starts=starts)


def _if_images(built: AnyDataset) -> "Dataset | MaskDataset | None":
    return None if isinstance(built, TextDataset) else built


def dataset_of(provenance: Mapping[str, Any]) -> "Dataset | MaskDataset | None":
    """The data set of a bundle of images: a registered one, or the folder of images with its name in the folder of data sets.

    The original path is not kept: a bundle may be passed on, and must not decide which files are read where it is opened. None if the
    provenance names no known data set of images; raises UserError if the folder is missing.
    """
    name, recipe = str(provenance.get("dataset")), RECIPES.get(str(provenance.get("recipe")))
    if recipe is None and name in DATASETS:
        return _if_images(DATASETS[name].build())
    if recipe is None and "image_size" not in provenance:
        return None
    if recipe is not None and not (recipe.images or recipe.name == FOLDER):
        return _if_images(recipe.dataset())
    images = datasets_folder() / name
    if images.parent != datasets_folder() or name == ".." or not images.is_dir():  # the name in a bundle must not lead elsewhere
        raise UserError(f"The images of {printable(name)} are not in {datasets_folder()}; put their folder or a link to it there.")
    if recipe is not None and recipe.images:
        return recipe.images(images)
    from engine.datasets.folder import ImageFolder

    try:
        height, width = (int(side) for side in provenance["image_size"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"The bundle does not state the size of its {printable(name)} images; compute it again.") from error
    return ImageFolder(images, (height, width))
