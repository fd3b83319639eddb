"""Recipes by name, with the choices of the user."""

from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import UserError
from engine.recipes.catalogue import RECIPES, Recipe
from engine.recipes.exits import with_exits
from engine.recipes.folder import folder_recipe
from engine.recipes.names import FOLDER


@dataclass(frozen=True)
class Choices:
    """What a user may choose about a recipe. A choice changes the name of its weights and bundle, or its images.

    exits:   places of the exits: units of the trunk, counted from 1, or layers of a wrapped network; empty: those of the recipe
    images:  folder of images, DIR/CLASS/anything.jpg
    network: for `folder`: the recipe whose network to use, or torchvision:NAME
    weights: for `folder` with a network of torchvision: a safetensors file of its weights; None: the published ones
    """

    exits: tuple[str, ...] = ()
    images: Path | None = None
    network: str | None = None
    weights: Path | None = None


def recipe(name: str | Recipe, choices: Choices = Choices()) -> Recipe:  # noqa: B008 - frozen
    """The recipe of this name, with the choices of the user. A `Recipe` made in Python is returned as it is. Raises UserError."""
    if isinstance(name, Recipe):
        return name
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name!r}; choose one of: {', '.join(RECIPES)}.")
    base = RECIPES[name]
    if name == FOLDER:
        return folder_recipe(choices.images, choices.network, choices.exits, choices.weights)
    for option, given in (("--network", choices.network), ("--weights", choices.weights)):
        if given:
            raise UserError(f"{option} works only with the recipe `{FOLDER}`, not with {name}; leave it out.")
    if choices.images:
        base = _with_images(base, choices.images)
    return with_exits(base, choices.exits) if choices.exits else base


def _with_images(base: Recipe, images: Path) -> Recipe:
    build = base.images
    if build is None:
        *others, last = [FOLDER, *(name for name, recipe in RECIPES.items() if recipe.images)]
        raise UserError(f"{base.name} has its own images; leave out --images, which works with {', '.join(others)} and {last}.")
    return replace(base, dataset=lambda: build(images))
