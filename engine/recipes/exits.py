"""Recipes with moved exits. Their weights and bundles have their own names, so they are never mixed up with the others."""

import re
from collections.abc import Sequence
from dataclasses import replace

from engine.errors import UserError
from engine.recipes.catalogue import RECIPES, Recipe, Training
from engine.recipes.names import short_name


def with_exits(base: Recipe, exits: Sequence[str]) -> Recipe:
    """The recipe with exits after other units. If its training starts from the weights of another recipe, the exits of that one move too.

    exits: units of the trunk, counted from 1, as text
    Raises UserError if the exits of this recipe cannot be moved, or not to these units.
    """
    network = base.network
    if network is None or network.exits is None:
        movable = ", ".join(name for name, recipe in RECIPES.items() if recipe.network and recipe.network.exits)
        raise UserError(f"The exits of {base.name} cannot be moved; use --exits with networks wrapped for `folder` or with {movable}.")
    if not all(re.fullmatch(r"[0-9]{1,4}", exit) for exit in exits):
        raise UserError(f"The exits {','.join(exits)!r} are not units of the trunk; give numbers counted from 1, such as 1,3.")
    units = tuple(int(exit) for exit in exits)
    if units == network.exits:
        return base
    classes = len(base.dataset().class_names)
    listed = ",".join(map(str, units))
    training, starts = base.training, None
    assert training is not None, "a network with movable exits is trained here"
    if training.start_from:
        starts = with_exits(base.starts or RECIPES[training.start_from], exits)
        training = replace(training, start_from=starts.name)
    config = replace(
        base.config,
        name=short_name(f"{base.name}-exits-{'-'.join(map(str, units))}"),
        title=f"{base.config.title}, exits after units {listed}",
        description=f"{base.name} with exits after units {listed} of its trunk and at its end.",
        training=replace(training, exit_weights=spread(training, len(units) + 1)),
        variant_of=base.listed,
        options=f"{base.config.options} --exits {listed}".strip(),
    )
    moved = replace(base, config=config, cascade=lambda: network.build(classes, units), starts=starts)
    check_network(moved)
    return moved


def spread(training: Training, exits: int) -> tuple[float, ...] | None:
    """The exit weights for another number of exits: the last exit keeps its weight, the others take that of the first."""
    weights = training.exit_weights
    return weights and (*(weights[0],) * (exits - 1), weights[-1])


def check_network(recipe: Recipe) -> None:
    """Build the network on the meta device, which is almost free, so that its UserError is raised before any work is done."""
    import torch

    with torch.device("meta"):
        recipe.cascade()
