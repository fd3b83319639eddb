"""What the stages of a cascade cost on inputs of the sizes of a run."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.cascades.base import Cascade
from engine.cost_units import COST_UNITS

StageCost = Callable[[Cascade, tuple[int, ...]], Sequence[float]]


def counted_units() -> dict[str, tuple[str, StageCost]]:
    """{unit: (how its costs are determined, its costs)} of the units that are counted from the cascade alone."""
    return {unit.name: (unit.note, unit.stage_cost) for unit in COST_UNITS.values() if unit.stage_cost is not None}


def stage_costs(cascade: Cascade, stage_cost: StageCost, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cost of each stage: (stages,) if all examples are of one size, else (stages, examples). sizes: (examples, axes)"""
    distinct, size_of = np.unique(sizes, axis=0, return_inverse=True)
    costs = np.array([stage_cost(cascade, tuple(size)) for size in distinct.tolist()], np.float64).T  # (stages, sizes)
    return costs[:, 0] if len(distinct) == 1 else costs[:, size_of.ravel()]
