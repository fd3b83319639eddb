"""A recipe's trained network, ready to run."""

import torch
from torch import nn

from engine.cascades.base import Cascade, Stage
from engine.recipes import Recipe, weights_path
from engine.runtime.precision import FULL, in_precision
from engine.runtime.weights import load_weights


def trained_network(recipe: Recipe, device: torch.device, dtype: str = FULL, stages: range | None = None) -> Cascade:
    """A recipe's network with its weights, on a device, in evaluation mode. Raises UserError if weights are missing.

    dtype:  one of engine.runtime.precision.DTYPES
    stages: those that will run; the others take no memory and do nothing
    """
    cascade = recipe.cascade()
    load_weights(cascade, weights_path(recipe.name))
    if stages is not None:
        kept = [stage if k in stages else Stage(nn.Identity(), nn.Identity()) for k, stage in enumerate(cascade.stages)]
        cascade = Cascade(kept, cascade.kind)
    return in_precision(cascade.eval().to(device).to(memory_format=torch.channels_last), dtype, device)
