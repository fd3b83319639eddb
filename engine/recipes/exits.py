"""The same recipe with its exits elsewhere. Its weights and bundle have a name of their own, so they are never mixed up with the others."""

import re
from collections.abc import Sequence
from dataclasses import replace

from engine.errors import UserError
from engine.recipes.catalogue import RECIPES, Recipe, Training
from engine.recipes.names import short_name


def with_exits(base: Recipe, exits: Sequence[str]) -> Recipe:
    """exits: units of the trunk, counted from 1, as they were given. What its training begins with has its exits there too.

    Raises UserError where exits cannot be moved, or not there.
    """
    network = base.network
    if network is None or network.exits is None:
        movable = ", ".join(name for name, one in RECIPES.items() if one.network and one.network.exits)
        raise UserError(f"The exits of {base.name} cannot be moved; --exits goes with networks wrapped for `folder` and with {movable}.")
    if not all(re.fullmatch(r"[0-9]{1,4}", exit) for exit in exits):
        raise UserError(f"The exits {','.join(exits)!r} are no units of the trunk; give numbers counted from 1, such as 1,3.")
    units = tuple(int(exit) for exit in exits)
    if units == network.exits:
        return base
    classes = len(base.dataset().class_names)
    given = ",".join(map(str, units))
    training, starts = base.training, None
    if training.start_from:
        starts = with_exits(base.starts or RECIPES[training.start_from], exits)
        training = replace(training, start_from=starts.name)
    moved = replace(
        base,
        name=short_name(f"{base.name}-exits-{'-'.join(map(str, units))}"),
        title=f"{base.title}, exits after units {given}",
        description=f"{base.name} with exits after units {given} of its trunk and at its end.",
        cascade=lambda: network.make(classes, units),
        training=replace(training, exit_weights=spread(training, len(units) + 1)),
        starts=starts,
        varies=base.listed,
        options=f"{base.options} --exits {given}".strip(),
    )
    check_network(moved)
    return moved


def spread(training: Training, exits: int) -> tuple[float, ...] | None:
    """The recipe's weights of the exits in the loss for another number of them: the last keeps its own, the others share the first's."""
    known = training.exit_weights
    return known and (*(known[0],) * (exits - 1), known[-1])


def check_network(recipe: Recipe) -> None:
    """Raises the network's own UserError before anything else is done. On the meta device it costs next to nothing."""
    import torch

    with torch.device("meta"):
        recipe.cascade()
