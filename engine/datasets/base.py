"""The protocols of data sets: the ids of their examples, and the images, texts or images with masks of some examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
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

    @property
    def inputs(self) -> NDArray[np.uint8]:
        """What a network reads."""
        return self.pixels


#: The token that fills up shorter texts. No word has it.
PADDING = 0


@dataclass(frozen=True, eq=False)
class Texts:
    """Some examples of a data set of texts, in the order of the requested ids.

    Raises UserError for a text without words.

    texts:   the texts themselves, as people read them
    tokens:  (examples, words) int32, their words by number, padded with PADDING at the end
    labels, factors: as in `Images`
    """

    texts: tuple[str, ...]
    tokens: NDArray[np.int32]
    labels: NDArray[np.int64]
    factors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        empty = np.flatnonzero((self.tokens != PADDING).sum(axis=1) == 0)
        if empty.size:
            raise UserError(f"The text {empty[0]} of {len(self.texts)} is empty; leave it out, or give it at least one word.")

    @property
    def inputs(self) -> NDArray[np.int32]:
        """What a network reads."""
        return self.tokens


#: In a mask, a pixel that counts neither in training nor in any quality.
IGNORED = 255


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Some images with the class of each of their pixels, in the order of the requested ids.

    pixels:  (examples, height, width, 3) uint8, RGB
    masks:   (examples, height, width) uint8, indices into the data set's `class_names`, or IGNORED
    factors: as in `Images`
    """

    pixels: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    factors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def inputs(self) -> NDArray[np.uint8]:
        """What a network reads."""
        return self.pixels

    @property
    def labels(self) -> NDArray[np.uint8]:
        """What a network learns to give: the masks."""
        return self.masks


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


@runtime_checkable
class TextDataset(Protocol):
    """A set of labelled texts. Ids, splits and digest are as in `Dataset`."""

    @property
    def name(self) -> str: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def vocabulary(self) -> int:
        """The number of different tokens, PADDING included."""
        ...

    @property
    def longest(self) -> int:
        """The most words of a text."""
        ...

    @property
    def shippable(self) -> bool:
        """Whether bundles may contain its texts."""
        ...

    def ids(self, split: Split) -> NDArray[np.int64]: ...

    def texts(self, ids: NDArray[np.int64]) -> tuple[str, ...]:
        """The texts with these ids, as people read them."""
        ...

    def tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Any texts as networks read them, (texts, tokens of the longest one), padded with PADDING."""
        ...

    def take(self, ids: NDArray[np.int64]) -> Texts:
        """The texts with these ids."""
        ...

    def digest(self) -> str: ...


@runtime_checkable
class MaskDataset(Protocol):
    """A set of images with masks. Ids, splits and digest are as in `Dataset`."""

    @property
    def name(self) -> str: ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of a pixel."""
        ...

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width."""
        ...

    @property
    def has_masks(self) -> bool:
        """True. It distinguishes these data sets from those of labelled images, which have the same methods."""
        ...

    @property
    def shippable(self) -> bool:
        """Whether bundles may contain its images and masks."""
        ...

    def ids(self, split: Split) -> NDArray[np.int64]: ...

    def take(self, ids: NDArray[np.int64]) -> MaskedImages:
        """The images with these ids and their masks."""
        ...

    def digest(self) -> str: ...


AnyDataset = Dataset | TextDataset | MaskDataset
