"""Recipes: named combinations of a data set, a network and a training procedure, for `train`, `compute` and `measure`."""

from engine.recipes import doodles, phrases, scenes, sentences, streets, small_images, imagenet, folder  # noqa: F401, I001 - importing registers them, in this order
from engine.recipes.catalogue import RECIPES, NetworkBuilder, Recipe, RecipeConfig, Training, register, register_source, weights_path
from engine.recipes.variants import Choices, recipe

__all__ = [
    "RECIPES",
    "Choices",
    "NetworkBuilder",
    "Recipe",
    "RecipeConfig",
    "Training",
    "recipe",
    "register",
    "register_source",
    "weights_path",
]
