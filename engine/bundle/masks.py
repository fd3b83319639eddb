"""Masks packed in one file, looked up by example id: of each example the true mask and that of every exit.

The masks of an example are one after the other, a byte for each pixel, compressed together with zlib: later masks mostly repeat earlier
ones, so five of 64 x 64 pixels take about half a kilobyte.
"""

import mmap
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bundle.images import ImagePack, Place
from engine.datasets.base import IGNORED
from engine.errors import UserError

#: Most pixels along a side of a mask, and most bytes that the masks of one example may unpack to.
MOST_SIDE, MOST_UNPACKED = 4_096, 256_000_000


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks of one example.

    truth: (height, width) uint8, classes, or IGNORED where a pixel does not count; IGNORED everywhere if the bundle may not hold it
    exits: (exits, height, width) uint8, the classes that each exit predicts
    """

    truth: NDArray[np.uint8]
    exits: NDArray[np.uint8]

    @property
    def lacks_truth(self) -> bool:
        return bool((self.truth == IGNORED).all())


def pack_masks(truth: NDArray[np.uint8] | None, exits: NDArray[np.uint8]) -> bytes:
    """truth (height, width), or None if the bundle may not hold it;  exits (exits, height, width)"""
    if truth is None:
        truth = np.full(exits.shape[1:], IGNORED, np.uint8)
    return zlib.compress(np.concatenate([truth[None], exits]).astype(np.uint8).tobytes(), 9)


@dataclass(frozen=True)
class MaskShape:
    """What the masks of an example unpack to, and their number of classes. Raises ValueError if that is too large."""

    exits: int
    classes: int
    height: int
    width: int

    def __post_init__(self) -> None:
        sides = (self.height, self.width)
        if not all(type(side) is int and 1 <= side <= MOST_SIDE for side in sides) or self.unpacked > MOST_UNPACKED:
            raise ValueError(f"masks have {self.height!r} x {self.width!r} pixels")

    @property
    def unpacked(self) -> int:
        """In bytes."""
        return (1 + self.exits) * self.height * self.width


class MaskPack:
    """The masks of a bundle. One opened pack serves many readers."""

    def __init__(self, path: Path, shape: MaskShape, ids: NDArray[np.int64], offset: NDArray[np.int64], size: NDArray[np.int64]) -> None:
        """offset, size: (examples,); size is 0 for examples without masks. Raises ValueError if a place is outside the file."""
        length = path.stat().st_size
        if ((offset < 0) | (size < 0) | (offset > length - size)).any():
            raise ValueError("a mask is outside masks.bin")
        present = size > 0
        self.shape, self.path = shape, path
        self._places: dict[int, Place] = {
            int(id): (int(at), int(n)) for id, at, n in zip(ids[present], offset[present], size[present], strict=True)
        }
        with open(path, "rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if length else b""

    def __contains__(self, id: int) -> bool:
        return id in self._places

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ids(self) -> list[int]:
        """The examples with masks."""
        return list(self._places)

    def size_of(self, id: int) -> int:
        """The bytes that the masks of an example take, 0 if it has none."""
        return self._places.get(id, (0, 0))[1]

    def __getitem__(self, id: int) -> Masks:
        """The masks of an example. Raises KeyError if it has none, and UserError if they cannot be unpacked."""
        offset, size = self._places[id]
        unpacking = zlib.decompressobj()
        try:
            # At most one byte more than expected is unpacked, however large the rest claims to be.
            data = unpacking.decompress(self._data[offset : offset + size], self.shape.unpacked + 1)
        except zlib.error:
            data = b""
        if len(data) != self.shape.unpacked or not unpacking.eof:
            raise UserError(
                f"The masks of example {id} in {self.path} do not unpack to {1 + self.shape.exits} masks of {self.shape.height} x "
                f"{self.shape.width} pixels; restore the bundle from its source, or compute it again."
            )
        masks = np.frombuffer(data, np.uint8).reshape(1 + self.shape.exits, self.shape.height, self.shape.width)
        truth, exits = masks[0], masks[1:]
        if max(exits.max(), truth[truth != IGNORED].max(initial=0)) >= self.shape.classes:
            raise UserError(
                f"The masks of example {id} in {self.path} have a class beyond the {self.shape.classes} of the bundle; restore the bundle "
                "from its source, or compute it again."
            )
        return Masks(truth, exits)

    def check(self) -> None:
        """Unpack all masks; opening a pack checks only where they are. Raises UserError if any cannot be unpacked."""
        for id in self.ids:
            _ = self[id]

    @staticmethod
    def write(path: Path, masks: Iterable[tuple[int, bytes]]) -> dict[int, Place]:
        """Write (id, packed masks) pairs one after the other; returns their places. No masks, no file."""
        return ImagePack.write(path, masks)
