"""Images packed in one file, looked up by example id. They are always encoded here."""

import io
import mmap
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MEDIA_TYPE = "image/webp"
#: (offset, size) of an image in its pack, in bytes
Place = tuple[int, int]
#: Memory that an id and its place take in a dictionary, in bytes.
PLACE_BYTES = 250


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 -> WebP. Lossy, but not visibly so at thumbnail size, and a third of the bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=82, method=4)
    return file.getvalue()


class ImagePack:
    """The images of a bundle. One opened pack serves many readers."""

    def __init__(self, path: Path, ids: NDArray[np.int64], offset: NDArray[np.int64], size: NDArray[np.int64]) -> None:
        """offset, size: (examples,); size is 0 for examples without an image"""
        self._size = path.stat().st_size
        if ((offset < 0) | (size < 0) | (offset > self._size - size)).any():
            raise ValueError("an image is outside images.bin")
        present = size > 0
        self._places: Mapping[int, Place] = {
            int(id): (int(at), int(n)) for id, at, n in zip(ids[present], offset[present], size[present], strict=True)
        }
        with open(path, "rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._size else b""

    def __contains__(self, id: int) -> bool:
        return id in self._places

    def __len__(self) -> int:
        return len(self._places)

    @property
    def nbytes(self) -> int:
        """Memory taken, approximately. The images are memory-mapped and not counted."""
        return PLACE_BYTES * len(self._places)

    def __getitem__(self, id: int) -> bytes:
        """The encoded image of an example. Raises KeyError if it has none."""
        offset, size = self._places[id]
        return self._data[offset : offset + size]

    def many(self, ids: Iterable[int | None]) -> list[bytes]:
        """Several encoded images; empty for None and for examples without one."""
        return [self[id] if id is not None and id in self else b"" for id in ids]

    @staticmethod
    def write(path: Path, images: Iterable[tuple[int, bytes]]) -> dict[int, Place]:
        """Write (id, encoded image) pairs one after the other; returns their places. No images, no file."""
        places: dict[int, Place] = {}
        at = 0
        with open(path, "wb") as file:
            for id, data in images:
                file.write(data)
                places[id] = (at, len(data))
                at += len(data)
            file.flush()
            os.fsync(file.fileno())
        if not places:
            path.unlink()
        return places
