"""Recipes: named (data set, network, training) triples. They are the catalogue of what can be trained and computed."""

from engine.recipes import doodles, small_images, imagenet, folder  # noqa: F401, I001 - they register themselves, in this order
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
