"""The shards of a run: what was computed for a block of examples, in one file each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.storage.tensors import map_tensor, save_tensors, tensor_names


@dataclass(frozen=True)
class Shards:
    """`count` shards in a folder."""

    folder: Path
    count: int

    def path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.safetensors"

    def write(self, index: int, arrays: dict[str, NDArray]) -> None:
        temporary = self.folder / "unfinished.tmp"
        save_tensors(temporary, arrays)
        temporary.replace(self.path(index))

    def column(self, name: str) -> list[NDArray]:
        """An array of each shard."""
        return [map_tensor(self.path(index), name) for index in range(self.count)]

    def joined(self, name: str, axis: int = 0) -> NDArray:
        """The arrays of all shards in one."""
        return np.concatenate(self.column(name), axis=axis)

    def names(self, prefix: str) -> list[str]:
        """The names of arrays that begin like this, without the beginning."""
        return [name.removeprefix(prefix) for name in tensor_names(self.path(0)) if name.startswith(prefix)]
