"""Recipes: named (data set, network, training) triples. They are the catalogue of what can be trained and computed."""

from engine.recipes import doodles, small_photographs, imagenet, folder  # noqa: F401, I001 - they register themselves, in this order
from engine.recipes.catalogue import RECIPES, Network, Recipe, Training, register, weights_path
from engine.recipes.variants import Choices, recipe

__all__ = ["RECIPES", "Choices", "Network", "Recipe", "Training", "recipe", "register", "weights_path"]
