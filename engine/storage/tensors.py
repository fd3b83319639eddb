"""Arrays in safetensors files: written by the library, read as memory maps so that all sessions share one copy."""

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

_DTYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "U8": np.uint8, "I32": np.int32, "I64": np.int64}
_MOST_HEADER = 100_000_000  # the format's own limit


def save_tensors(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write arrays by name, synced to the disk. Raises OSError if that fails, as when the disk is full."""
    try:
        save_file(in_order(arrays), path)
    except SafetensorError as problem:
        if (stated := re.search(r"\(os error (\d+)\)", str(problem))) is None:
            raise
        raise OSError(int(stated[1]), os.strerror(int(stated[1]))) from problem
    path.chmod(0o644)  # the library lets only the owner read; a bundle is for everyone
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def in_order(arrays: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """The arrays as the library can save them: it writes the memory of an array as it lies there, in whatever order."""
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def tensor_names(path: Path) -> list[str]:
    """The names of the arrays in a safetensors file, sorted."""
    return sorted(_header(path)[0].keys() - {"__metadata__"})


def map_tensor(path: Path, name: str) -> NDArray:
    """One array of a safetensors file as a read-only memory map. The library itself always copies.

    The format is eight bytes of header length, a JSON header, then the raw arrays. Raises KeyError, TypeError or ValueError if the file
    does not follow it.
    """
    dtype, shape, begin = _place(path, name)
    return np.memmap(path, dtype, mode="r", offset=begin, shape=shape)


def read_rows(path: Path, name: str, rows: slice) -> NDArray:
    """Consecutive rows of an array (exits, rows, ...) of a safetensors file, copied. Raises as `map_tensor`.

    A memory map would do the same, but the pages that were read would count as memory of this process for as long as it is open.
    """
    dtype, (exits, examples, *rest), begin = _place(path, name)
    first, last, _ = rows.indices(examples)
    width = math.prod(rest)
    made = np.empty((exits, last - first, *rest), dtype)
    for exit in range(exits):
        at = begin + (exit * examples + first) * width * dtype.itemsize
        made[exit] = np.fromfile(path, dtype, (last - first) * width, offset=at).reshape(last - first, *rest)
    return made


class RowsWriter:
    """Writes one array (exits, rows, ...) as a safetensors file, some rows of all exits at a time, in order."""

    def __init__(self, path: Path, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self._path, self._dtype, self._shape, self._next = path, np.dtype(dtype), shape, 0
        kind = next(kind for kind, known in _DTYPES.items() if known == self._dtype)
        size = math.prod(shape) * self._dtype.itemsize
        header = json.dumps({name: {"dtype": kind, "shape": list(shape), "data_offsets": [0, size]}}).encode()
        header += b" " * (-len(header) % 8)  # the arrays of a safetensors file begin at a multiple of eight bytes
        self._begin = 8 + len(header)
        with open(path, "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(self._begin + size)

    def write(self, rows: NDArray) -> None:
        """rows: (exits, some, ...)"""
        exits, examples, *rest = self._shape
        width = math.prod(rest) * self._dtype.itemsize
        with open(self._path, "r+b") as file:
            for exit in range(exits):
                file.seek(self._begin + (exit * examples + self._next) * width)
                file.write(np.ascontiguousarray(rows[exit], self._dtype).tobytes())
        self._next += rows.shape[1]

    def close(self) -> None:
        """Raises ValueError if rows are missing."""
        if self._next != self._shape[1]:
            raise ValueError(f"{self._next:,} of {self._shape[1]:,} rows were written")
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())


def _place(path: Path, name: str) -> tuple[np.dtype, tuple[int, ...], int]:
    """The type, the shape and the offset of an array."""
    header, begin = _header(path)
    entry = header[name]
    dtype, shape, (start, end) = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"]), entry["data_offsets"]
    fits = min((start, *shape)) >= 0 and math.prod(shape) * dtype.itemsize == end - start and begin + end <= path.stat().st_size
    if not fits:
        raise ValueError(f"the size of {name} in {path.name} does not match its header")
    return dtype, shape, begin + start


def tensor_bytes(path: Path, name: str) -> bytes:
    """The bytes of one tensor of any type, of a file that the library has opened, and so checked."""
    header, begin = _header(path)
    start, end = header[name]["data_offsets"]
    with open(path, "rb") as file:
        file.seek(begin + start)
        return file.read(end - start)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and the offset of its first array."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_MOST_HEADER, path.stat().st_size):
            raise ValueError(f"{path.name} is not a safetensors file")
        return json.loads(file.read(length)), 8 + length
