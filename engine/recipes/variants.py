"""Choosing a recipe, and what may be chosen about it."""

from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import UserError
from engine.recipes.catalogue import RECIPES, Recipe
from engine.recipes.exits import with_exits
from engine.recipes.folder import folder_recipe
from engine.recipes.names import FOLDER


@dataclass(frozen=True)
class Choices:
    """What a person may choose about a recipe; each of these gives weights and bundle another name, or other pictures.

    exits:   where one may leave: units of the trunk, counted from 1, or layers of a wrapped network; none: where the recipe has them
    images:  the folder of pictures, DIR/CLASS/anything.jpg
    network: for `folder`: the recipe whose network to take, or torchvision:NAME
    weights: for `folder` with a network of torchvision's: the safetensors file with its weights; None: the published ones
    """

    exits: tuple[str, ...] = ()
    images: Path | None = None
    network: str | None = None
    weights: Path | None = None


def recipe(asked: str | Recipe, choices: Choices = Choices()) -> Recipe:  # noqa: B008 - frozen
    """The recipe of this name, with what was chosen. One that was made in Python passes through. Raises UserError."""
    if isinstance(asked, Recipe):
        return asked
    if asked not in RECIPES:
        raise UserError(f"There is no recipe {asked!r}; choose one of: {', '.join(RECIPES)}.")
    chosen = RECIPES[asked]
    if asked == FOLDER:
        return folder_recipe(choices.images, choices.network, choices.exits, choices.weights)
    for option, given in (("--network", choices.network), ("--weights", choices.weights)):
        if given:
            raise UserError(f"{option} goes with the recipe `{FOLDER}` alone, not with {asked}.")
    if choices.images:
        chosen = _with_images(chosen, choices.images)
    return with_exits(chosen, choices.exits) if choices.exits else chosen


def _with_images(chosen: Recipe, images: Path) -> Recipe:
    make = chosen.images
    if make is None:
        able = ", ".join(name for name, one in RECIPES.items() if one.images)
        raise UserError(f"{chosen.name} has pictures of its own; --images goes with {FOLDER} and {able}.")
    return replace(chosen, dataset=lambda: make(images))
