"""The protocol of data sets: the ids of their examples, and the images of some examples."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.splits import Split


@dataclass(frozen=True, eq=False)
class Images:
    """Some examples of a data set, in the order of the requested ids.

    pixels:  (examples, height, width, 3) uint8, RGB
    labels:  (examples,) int64, indices into the data set's `class_names`
    factors: per-example covariates by name, each (examples,) float32; empty if the data set has none
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    factors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


class Dataset(Protocol):
    """A set of labelled images. Example ids are unique over all splits, so no split can leak into another."""

    @property
    def name(self) -> str: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width."""
        ...

    @property
    def shippable(self) -> bool:
        """Whether bundles may contain its images, which not every licence allows."""
        ...

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's examples, (examples,), always in the same order."""
        ...

    def take(self, ids: NDArray[np.int64]) -> Images:
        """The images with these ids."""
        ...

    def digest(self) -> str:
        """A hexadecimal digest that changes whenever any image or label does."""
        ...
