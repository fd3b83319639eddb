"""Shards at an address: in object storage, such as s3://bucket/folder, or in a folder that several machines share.

fsspec reads and writes them. An object appears whole, when its upload is complete, so one upload writes a shard. Files in a folder do not,
so there they are written under another name and renamed, as those of a local run. The shards of each run have a folder of their own, named
by the key of the run.
"""

import posixpath
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import cast

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from numpy.typing import NDArray
from safetensors.numpy import save

from engine.errors import UserError
from engine.runtime.shards import Shards, ShardStore, file_name
from engine.storage.tensors import in_order


def check_address(url: str, has_workers: bool) -> None:
    """Raises UserError if shards cannot be kept at an address, as far as that can be known before a run. has_workers: as in `Scheduler`"""
    if not url:
        raise UserError("--shards is empty; give an address such as s3://BUCKET/FOLDER, or a folder that all workers share.")
    with _usable(url):
        files, root = fsspec.url_to_fs(url)
        if has_workers and isinstance(files, MemoryFileSystem):
            raise UserError(
                f"Shards at {url} would be in the memory of one process, which workers of a cluster cannot reach; give a folder that all"
                " workers share, or an address such as s3://BUCKET/FOLDER."
            )
        if isinstance(files, LocalFileSystem):
            Path(root).mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=root):
                pass
        else:
            ObjectShards(posixpath.join(url, "0" * 32), 0).finished()


def shared_shards(url: str, key: str, count: int) -> ShardStore:
    """The place of the `count` shards of a run. Raises UserError if the address cannot be used. url: an address, or a path"""
    with _usable(url):
        files, root = fsspec.url_to_fs(url)
        if isinstance(files, LocalFileSystem):
            return Shards.begun(Path(posixpath.join(root, key[:32])), count, key)
        objects = ObjectShards(posixpath.join(url, key[:32]), count)
        objects.finished()
        return objects


@contextmanager
def _usable(url: str) -> Generator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as problem:  # each kind of storage has errors of its own
        reason = " ".join(f"{type(problem).__name__}: {problem}".split())[:200].rstrip(".: ")
        raise UserError(
            f"Shards cannot be kept at {url} ({reason}); give an address such as s3://BUCKET/FOLDER, whose package for fsspec is installed"
            " and which you may write to, or a folder that all workers share."
        ) from problem


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
