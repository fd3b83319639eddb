"""Any folder of pictures, with any recipe's network or with one of torchvision's, wrapped."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.display_text import printable
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.recipes.catalogue import RECIPES, Recipe, register
from engine.recipes.exits import with_exits
from engine.recipes.names import FOLDER, folder_name
from engine.recipes.networks import SMALL

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.datasets.base import Dataset

NETWORK = "cifar10-resnet"
#: What names of torchvision's networks begin with.
TORCHVISION = "torchvision:"


def _missing() -> "Any":
    raise UserError("The recipe `folder` is for pictures of yours; name their folder with --images DIR.")


@register
def folder() -> Recipe:
    return Recipe(
        name=FOLDER,
        title="A folder of pictures",
        description="Any folder of pictures, DIR/CLASS/anything.jpg, with another recipe's network or one of torchvision's, wrapped.",
        dataset=_missing,
        cascade=_missing,
        training=SMALL["resnet"].training,
    )


def folder_recipe(images: Path | None, network: str | None = None, exits: tuple[str, ...] = (), weights: Path | None = None) -> Recipe:
    """network: a recipe's name, or torchvision:NAME with layers as exits and, if they are not torchvision's, a file of weights"""
    if images is None:
        return _missing()
    network = network or NETWORK
    if network.startswith(TORCHVISION):
        from engine.recipes.wrapped import torchvision_recipe

        return torchvision_recipe(images, network.removeprefix(TORCHVISION), exits, weights)
    if weights:
        raise UserError(f"--weights goes with a network of torchvision's, such as --network {TORCHVISION}resnet18, not with {network}.")
    made = _with_network(images, network)
    return with_exits(made, exits) if exits else made


def _with_network(images: Path, network: str) -> Recipe:
    from engine.datasets.folder import ImageFolder

    known = {name: recipe for name, recipe in RECIPES.items() if recipe.network}
    if network not in known:
        raise UserError(f"There is no network {network!r}; choose {TORCHVISION}NAME or one of: {', '.join(known)}.")
    source = known[network]
    dataset = ImageFolder(images, source.dataset().image_size)
    starts = _with_network(images, source.training.start_from) if source.training.start_from else None

    def cascade() -> "Cascade":
        return source.network.make(len(dataset.class_names), source.network.exits)

    return Recipe(
        name=folder_name(images, network),
        title=f"{dataset.name}, {source.title.split(', ')[-1]}",
        description=f"The network of {network} on the pictures in {dataset.name}.",
        dataset=lambda: dataset,
        cascade=cascade,
        training=replace(source.training, start_from=starts and starts.name),
        network=source.network,
        exit_names=source.exit_names,
        starts=starts,
        varies=FOLDER,
        options=f"--images {shlex.quote(str(images))} --network {network}",
    )


def dataset_of(provenance: Mapping[str, Any]) -> "Dataset | None":
    """The data set that a bundle was made from, if its recipe is known. Pictures of a folder are sought where data sets lie, by its name.

    The path that was given is not kept: a bundle is handed on, and must not decide what is read where it is opened.
    """
    recipe = RECIPES.get(str(provenance.get("recipe")))
    if recipe is None or not (recipe.images or recipe.name == FOLDER):
        return recipe and recipe.dataset()
    name = str(provenance.get("dataset"))
    place = datasets_folder() / name
    if place.parent != datasets_folder() or name == ".." or not place.is_dir():  # a bundle's word must not lead elsewhere
        raise UserError(f"The pictures of {printable(name)} are not in {datasets_folder()}; put their folder, or a link to it, there.")
    if recipe.images:
        return recipe.images(place)
    from engine.datasets.folder import ImageFolder

    try:
        height, width = (int(side) for side in provenance["image_size"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"The bundle does not say the size of its pictures of {printable(name)}; compute it anew.") from error
    return ImageFolder(place, (height, width))
