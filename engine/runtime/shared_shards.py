"""Shards at an address: in object storage, such as s3://bucket/folder, or in a folder that several machines share.

fsspec reads and writes them. An object appears whole, when its upload is complete, so one upload writes a shard. Files in a folder do not,
so there they are written under another name and renamed, as those of a local run. The shards of each run have a folder of their own, named
by the key of the run.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import fsspec
from fsspec.implementations.local import LocalFileSystem
from numpy.typing import NDArray
from safetensors.numpy import save

from engine.errors import UserError
from engine.runtime.shards import Shards, ShardStore, file_name
from engine.storage.tensors import in_order


def shared_shards(url: str, key: str, count: int) -> ShardStore:
    """The place of the `count` shards of a run. Raises UserError if the address cannot be used. url: an address, or a path"""
    try:
        files, root = fsspec.url_to_fs(url)
        place = posixpath.join(root, key[:32])
        if isinstance(files, LocalFileSystem):
            return Shards.begun(Path(place), count, key)
        objects = ObjectShards(posixpath.join(url, key[:32]), count)
        objects.finished()
    except Exception as problem:  # each kind of storage has errors of its own
        reason = " ".join(f"{type(problem).__name__}: {problem}".split())[:200].rstrip(".: ")
        raise UserError(
            f"Shards cannot be kept at {url} ({reason}); give an address such as s3://BUCKET/FOLDER, whose package for fsspec is installed"
            " and which you may write to, or a folder that all workers share."
        ) from problem
    return objects


@dataclass(frozen=True)
class ObjectShards(ShardStore):
    """`count` shards in object storage, one object each."""

    url: str
    count: int

    def __str__(self) -> str:
        return self.url

    @cached_property
    def _files(self) -> fsspec.AbstractFileSystem:
        return fsspec.url_to_fs(self.url)[0]

    @cached_property
    def _root(self) -> str:
        return fsspec.url_to_fs(self.url)[1]

    def _path(self, index: int) -> str:
        return posixpath.join(self._root, file_name(index))

    def write(self, index: int, arrays: Mapping[str, NDArray]) -> None:
        self._files.pipe_file(self._path(index), save(in_order(arrays)))

    def finished(self) -> set[int]:
        self._files.invalidate_cache()
        there = {posixpath.basename(str(path)) for path in self._files.find(self._root)}
        return {index for index in range(self.count) if file_name(index) in there}

    def read(self, index: int) -> bytes:
        return cast(bytes, self._files.cat_file(self._path(index)))

    def remove(self) -> None:
        self._files.rm([self._path(index) for index in sorted(self.finished())])

    def is_of(self, key: str) -> bool:
        return posixpath.basename(self._root) == key[:32]
