"""Arrays in safetensors files: written by the library, read as memory maps so that all sessions share one copy."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

_DTYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "U8": np.uint8, "I32": np.int32, "I64": np.int64}
_MOST_HEADER = 100_000_000  # the format's own limit


def save_tensors(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write arrays by name, synced to the disk."""
    save_file(dict(arrays), path)
    path.chmod(0o644)  # the library writes for its owner alone; a bundle is there to be read
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def map_tensor(path: Path, name: str) -> NDArray:
    """One array of a safetensors file as a read-only memory map.

    The format is eight bytes of header length, a JSON header, then plain arrays; the library itself always copies.
    Raises ValueError if the file is not of that form.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_MOST_HEADER, path.stat().st_size):
            raise ValueError(f"{path.name} is no safetensors file")
        entry = json.loads(file.read(length))[name]
    dtype, shape, (start, end) = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"]), entry["data_offsets"]
    if int(np.prod(shape)) * dtype.itemsize != end - start or 8 + length + end > path.stat().st_size:
        raise ValueError(f"{name} in {path.name} does not fit its place")
    return np.memmap(path, dtype, mode="r", offset=8 + length + start, shape=shape)
