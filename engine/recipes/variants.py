"""A recipe by name, with the user's choices."""

from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import UserError
from engine.recipes.catalogue import RECIPES, Recipe
from engine.recipes.exits import with_exits
from engine.recipes.folder import folder_recipe
from engine.recipes.names import FOLDER


@dataclass(frozen=True)
class Choices:
    """What a user may choose about a recipe. Each choice gives weights and bundle another name, or takes other images.

    exits:   where examples may leave: units of the trunk, counted from 1, or layers of a wrapped network; empty: as the recipe has them
    images:  the folder of images, DIR/CLASS/anything.jpg
    network: for `folder`: the recipe whose network to use, or torchvision:NAME
    weights: for `folder` with one of torchvision's networks: a safetensors file of its weights; None: the published ones
    """

    exits: tuple[str, ...] = ()
    images: Path | None = None
    network: str | None = None
    weights: Path | None = None


def recipe(name: str | Recipe, choices: Choices = Choices()) -> Recipe:  # noqa: B008 - frozen
    """The recipe of this name, with the user's choices. A `Recipe` made in Python passes through. Raises UserError."""
    if isinstance(name, Recipe):
        return name
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name!r}; choose one of: {', '.join(RECIPES)}.")
    base = RECIPES[name]
    if name == FOLDER:
        return folder_recipe(choices.images, choices.network, choices.exits, choices.weights)
    for option, given in (("--network", choices.network), ("--weights", choices.weights)):
        if given:
            raise UserError(f"{option} works with the recipe `{FOLDER}` only, not with {name}; leave it out.")
    if choices.images:
        base = _with_images(base, choices.images)
    return with_exits(base, choices.exits) if choices.exits else base


def _with_images(base: Recipe, images: Path) -> Recipe:
    build = base.images
    if build is None:
        able = ", ".join(name for name, recipe in RECIPES.items() if recipe.images)
        raise UserError(f"{base.name} has images of its own; --images works with {FOLDER} and {able}.")
    return replace(base, dataset=lambda: build(images))
