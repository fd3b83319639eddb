"""The shards of a run: what was computed for a block of examples, in one file each."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from engine.bundle.replacing import RUN
from engine.storage.files import write_synced
from engine.storage.tensors import map_tensor, save_tensors, tensor_names


class ShardStore(ABC):
    """A place to which several processes may write shards. A shard is there whole or not at all."""

    @abstractmethod
    def write(self, index: int, arrays: Mapping[str, NDArray]) -> None:
        """Write a shard, in place of what is there. Two processes that write the same shard write the same bytes."""

    @abstractmethod
    def finished(self) -> set[int]:
        """The shards that are there."""

    @abstractmethod
    def read(self, index: int) -> bytes:
        """The file of a shard."""

    @abstractmethod
    def remove(self) -> None:
        """Remove the shards."""

    @abstractmethod
    def is_of(self, key: str) -> bool:
        """Whether this process sees the place, and it is that of the run with this key."""


def file_name(index: int) -> str:
    return f"{index:06d}.safetensors"


@dataclass(frozen=True)
class Shards(ShardStore):
    """`count` shards in a folder."""

    folder: Path
    count: int

    def __str__(self) -> str:
        return str(self.folder)

    @classmethod
    def begun(cls, folder: Path, count: int, key: str) -> Self:
        """The shards of the run with this key: those that are finished stay, and everything else in the folder is removed."""
        shards = cls(folder, count)
        if not shards.is_of(key):
            shutil.rmtree(folder, ignore_errors=True)  # it has shards of another run, or none
            folder.mkdir(parents=True)
            write_synced(folder / RUN, key.encode())
        for path in folder.glob("*.tmp"):  # what a killed process was writing
            path.unlink(missing_ok=True)
        return shards

    def is_of(self, key: str) -> bool:
        marker = self.folder / RUN
        return marker.is_file() and marker.read_text() == key

    def path(self, index: int) -> Path:
        return self.folder / file_name(index)

    def write(self, index: int, arrays: Mapping[str, NDArray]) -> None:
        temporary = self.folder / f"{uuid4().hex}.tmp"
        save_tensors(temporary, arrays)
        temporary.replace(self.path(index))

    def finished(self) -> set[int]:
        there = {path.name for path in self.folder.iterdir()}
        return {index for index in range(self.count) if file_name(index) in there}

    def read(self, index: int) -> bytes:
        return self.path(index).read_bytes()

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def copy_from(self, store: ShardStore) -> None:
        """Copy the shards that are not here."""
        for index in sorted(set(range(self.count)) - self.finished()):
            write_synced(self.path(index), store.read(index))

    def array(self, index: int, name: str) -> NDArray:
        """An array of one shard, as a memory map."""
        return map_tensor(self.path(index), name)

    def column(self, name: str) -> Iterator[NDArray]:
        """An array of each shard, one after the other."""
        return (self.array(index, name) for index in range(self.count))

    def joined(self, name: str, axis: int = 0) -> NDArray:
        """The arrays of all shards in one."""
        return np.concatenate(list(self.column(name)), axis=axis)

    def names(self, prefix: str) -> list[str]:
        """The names of arrays that begin like this, without the beginning."""
        return [name.removeprefix(prefix) for name in tensor_names(self.path(0)) if name.startswith(prefix)]
