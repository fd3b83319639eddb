"""Checks of arrays of costs. Errors as in `engine.importing.checks`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.exit_values import mean_over_examples
from engine.importing.checks import check_finite, first_place, in_words, row_in_file
from engine.importing.schema import Missing, is_cost

_UNIT = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, eq=False)
class GivenCost:
    """The costs in one unit. name: of the array;  total: whether they are what leaving at an exit costs, not each stage alone"""

    name: str
    array: NDArray[np.float64]
    total: bool


def given_costs(
    arrays: Mapping[str, NDArray], exits: int, examples: int, family: bool, missing: Missing, gaps: bool = False
) -> dict[str, GivenCost]:
    """The costs, {unit: (exits,) or (exits, examples)}, from arrays named cost, stage_cost, cost_UNIT or stage_cost_UNIT.

    missing: words for a file without costs
    gaps:    whether NaN is allowed where the cost depends on the example
    """
    costs: dict[str, GivenCost] = {}
    for name in sorted(arrays):
        if not is_cost(name):
            continue
        total = not name.startswith("stage_cost")
        unit = unit_of(name)
        if not _UNIT.fullmatch(unit):
            raise UserError(f"{name} does not end in a unit; use lower-case letters, digits and underscores, as in cost_latency_ms.")
        if unit in costs:
            raise UserError(f"{costs[unit].name} and {name} give costs in the same unit; leave one of them out.")
        cost = arrays[name]
        if cost.shape not in ((exits,), (exits, examples)):
            expected = f"({exits},) or ({exits}, {examples})"
            raise UserError(f"{name} has shape {cost.shape} but must be {expected}; give one number per exit, or one per exit and example.")
        if not gaps or cost.ndim == 1 or cost.dtype.kind not in "biuf":
            check_finite(name, cost, axis="exit")
        if total and family:
            raise UserError(f"{name} is cumulative, but these are separate networks; give the cost of each alone as stage_{name}.")
        costs[unit] = GivenCost(name, cost.astype(np.float64), total)
    if not costs:
        total, alone = missing.of_exits("cost"), missing.of_exits("stage_cost")
        raise UserError(
            f"There is no {'column of costs' if missing.columns else 'cost array'}, only {missing.present(arrays)};"
            f" add {total}, the total cost of leaving at each exit, or {alone}, the cost of each stage alone."
        )
    return costs


def unit_of(name: str) -> str:
    """The unit of an array of costs by its name: latency_ms for stage_cost_latency_ms, cost for one that names none."""
    return name.removeprefix("stage_").removeprefix("cost").removeprefix("_") or "cost"


def check_costs(arrays: Mapping[str, NDArray], exits: int, examples: int, family: bool, missing: Missing) -> dict[str, NDArray[np.float64]]:
    """The cost of each stage alone, {unit: (exits,) or (exits, examples)}; arguments as for `given_costs`."""
    return {
        unit: check_stage_cost(given, stage_differences(given.name, given.array) if given.total else given.array, family)
        for unit, given in given_costs(arrays, exits, examples, family, missing).items()
    }


def check_stage_cost(given: GivenCost, stage: NDArray[np.float64], family: bool) -> NDArray[np.float64]:
    """stage: the cost of each stage alone, (exits,) or (exits, examples)"""
    # Costs are added, multiplied and divided: these limits keep the results away from infinity. Free is a price.
    if at := first_place(~((stage == 0) | (stage > 1e-30) & (stage < 1e30))):
        raise UserError(f"{given.name} is {given.array[at]:.6g} at {in_words(at, 'exit')}; a stage costs 0 or more and less than 1e30.")
    mean = mean_over_examples(stage)
    if not (mean[-1] if family else mean.sum()) > 0:
        raise UserError(f"{given.name} is 0 for the full network, of which budgets are shares; give the costs in another unit.")
    if family and mean.max() > mean[-1]:
        above = f"{mean.max():.6g} at network {mean.argmax() + 1} but only {mean[-1]:.6g} at the last"
        raise UserError(f"{given.name} is {above}, which must be the largest; order the networks from small to large.")
    return stage


def stage_differences(name: str, cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cost of each stage alone, from cumulative costs, (exits,) or (exits, examples)."""
    stage = np.diff(cost, axis=0, prepend=0.0)
    # For single examples a stage may be free.
    falls = stage[1:] <= 0 if cost.ndim == 1 else (stage[1:] < 0) | (stage[1:] <= 0).all(axis=1, keepdims=True)
    if (at := first_place(falls)) is not None:
        exit, *example = at
        row = f", row {row_in_file(example[0])}" if example else ""
        pair = f"{cost[at]:.6g} at exit {exit + 1}{row}, {cost[exit + 1, *example]:.6g} at exit {exit + 2}{row}"
        remedy = f"give cumulative costs, or rename it to stage_{name} if each number is the cost of one stage"
        raise UserError(f"{name} does not increase ({pair}); {remedy}.")
    return stage
