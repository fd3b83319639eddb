"""What data sets of our own code share: examples by number, in splits of fixed numbers. Example i depends only on (seed, i)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.splits import Split

#: The number of the first example of each split. They are frozen, as are the numbers of examples.
FIRST_ID = {Split.TRAIN: 0, Split.FIT: 1_000_000, Split.CALIBRATION: 2_000_000, Split.TEST: 3_000_000}


@dataclass(frozen=True)
class Generated:
    """A data set that is made by our own code, without what makes its examples.

    seed:       another seed gives another data set of the same kind
    train_size: examples in TRAIN, at most 1,000,000
    """

    seed: int = 0
    train_size: int = 40_000

    #: Examples of each split except TRAIN.
    held_out: ClassVar[Mapping[Split, int]]

    def __post_init__(self) -> None:
        if not 0 <= self.train_size <= FIRST_ID[Split.FIT]:
            raise ValueError(f"train_size is {self.train_size}; it must be from 0 to {FIRST_ID[Split.FIT]:,}")

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's examples, (examples,) int64, ascending. The label of a labelled example is its id modulo the classes."""
        first = FIRST_ID[split]
        return np.arange(first, first + self.held_out.get(split, self.train_size), dtype=np.int64)
