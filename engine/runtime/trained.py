"""A recipe's trained network, ready to run."""

import torch

from engine.cascades.base import Cascade
from engine.recipes import Recipe, weights_path
from engine.runtime.precision import FULL, in_precision
from engine.runtime.weights import load_weights


def trained_network(recipe: Recipe, device: torch.device, dtype: str = FULL) -> Cascade:
    """A recipe's network with its weights, on a device, in evaluation mode. Raises UserError if weights are missing.

    dtype: one of engine.runtime.precision.DTYPES
    """
    cascade = recipe.cascade()
    load_weights(cascade, weights_path(recipe.name))
    return in_precision(cascade.eval().to(device).to(memory_format=torch.channels_last), dtype, device)
