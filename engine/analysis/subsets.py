"""The subsets of the test examples of which the page shows numbers: the classes, and the levels of each factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.analysis.factor_levels import Levels, factor_levels
from engine.analysis.subset_counts import Partition, SubsetCounts
from engine.outputs import Outputs


@dataclass(frozen=True, eq=False)
class Subsets:
    """classes: their number, 0 where labels are not known;  levels: {factor: its levels}, of those that have any"""

    classes: int
    levels: Mapping[str, Levels]

    @classmethod
    def of(cls, outputs: Outputs) -> Self:
        """The levels are thirds of these examples."""
        levels = {name: factor_levels(values) for name, values in outputs.factors.items()}
        return cls(0 if outputs.labels is None else outputs.classes, {name: each for name, each in levels.items() if each is not None})

    @property
    def parts(self) -> list[int]:
        """Number of subsets that each partition has."""
        return [*([self.classes] if self.classes else []), *(len(levels.names) for levels in self.levels.values())]

    def partitions(self, outputs: Outputs) -> list[Partition]:
        """Any examples divided by the same classes and levels."""
        by_class = [Partition(outputs.known_labels, self.classes)] if self.classes else []
        by_level = [Partition(levels.level_of(outputs.factors[name]), len(levels.names)) for name, levels in self.levels.items()]
        return by_class + by_level


@dataclass(frozen=True, eq=False)
class SubsetResults:
    """The counts of all subsets, and the least and the greatest value in each level, {factor: (levels,)}."""

    counts: SubsetCounts
    least: Mapping[str, NDArray[np.float64]]
    greatest: Mapping[str, NDArray[np.float64]]


@dataclass(eq=False)
class LevelBounds:
    """The least and the greatest value in each level, over examples that are seen in parts."""

    subsets: Subsets

    def __post_init__(self) -> None:
        self.least = {name: np.full(len(levels.names), np.inf) for name, levels in self.subsets.levels.items()}
        self.greatest = {name: -values for name, values in self.least.items()}

    def add(self, outputs: Outputs) -> None:
        for name, levels in self.subsets.levels.items():
            level = levels.level_of(outputs.factors[name])
            known = level >= 0
            values = outputs.factors[name][known].astype(np.float64)
            np.minimum.at(self.least[name], level[known], values)
            np.maximum.at(self.greatest[name], level[known], values)
