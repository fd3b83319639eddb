"""The files of torchvision's data sets: their hosts, their sizes, and the files that are read.

This module does not import torch, so that a page can tell at once what is missing and how much has been downloaded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

#: Name, size and modification time of each existing file. Changes whenever one of them does.
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Files:
    """The files of a data set, by their paths in the folder of all data sets.

    host:     host from which torchvision downloads them
    archives: files to download, and their sizes in bytes
    opened:   files that are read after the archives are unpacked
    """

    title: str
    host: str
    archives: Mapping[str, int]
    opened: tuple[str, ...]

    @property
    def size(self) -> int:
        """Size of the download in bytes."""
        return sum(self.archives.values())

    def unfinished(self, folder: Path) -> Path:
        """The folder of a download until it is complete."""
        return folder / f".{self.title}.unfinished"

    def lock(self, folder: Path) -> Path:
        """The lock held during a download: only one process downloads at a time."""
        return folder / f".{self.title}.lock"

    def received(self, folder: Path) -> int:
        """Bytes of an unfinished download that have arrived so far."""
        return sum(size for _, size, _ in stamp_of(self.unfinished(folder), self.archives))

    def stamp(self, folder: Path) -> Stamp:
        """Stamp of the existing files among those that are read."""
        return stamp_of(folder, self.opened)

    def complete(self, folder: Path) -> bool:
        """Whether all files that are read exist. Whether they are intact shows only when they are read."""
        return len(self.stamp(folder)) == len(self.opened)


@runtime_checkable
class Stamped(Protocol):
    """A data set that knows its files."""

    def stamp(self) -> Stamp:
        """Of the existing files among those that are read: another one as soon as one of them changes."""
        ...


def stamp_of(folder: Path, names: Iterable[str]) -> Stamp:
    """Stamp of the existing files among those with these paths in a folder."""
    stamps = []
    for name in names:
        try:
            status = (folder / name).stat()
        except OSError:
            continue
        stamps.append((name, status.st_size, status.st_mtime_ns))
    return tuple(stamps)


def _within(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


_TORONTO = "cs.toronto.edu"
_CIFAR10 = _within("cifar-10-batches-py", *(f"data_batch_{part}" for part in range(1, 6)), "test_batch", "batches.meta")
_CIFAR100 = _within("cifar-100-python", "train", "test", "meta")
_FASHION = {"train-images-idx3": 26_421_880, "train-labels-idx1": 29_515, "t10k-images-idx3": 4_422_102, "t10k-labels-idx1": 5_148}
_SVHN = {"train_32x32.mat": 182_040_794, "test_32x32.mat": 64_275_384}

#: By the names of engine.datasets.published.sets.
FILES: Mapping[str, Files] = MappingProxyType(
    {
        "cifar10": Files("CIFAR-10", _TORONTO, {"cifar-10-python.tar.gz": 170_498_071}, _CIFAR10),
        "cifar100": Files("CIFAR-100", _TORONTO, {"cifar-100-python.tar.gz": 169_001_437}, _CIFAR100),
        "fashion-mnist": Files(
            "Fashion-MNIST",
            "fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            {f"FashionMNIST/raw/{name}-ubyte.gz": size for name, size in _FASHION.items()},
            tuple(f"FashionMNIST/raw/{name}-ubyte" for name in _FASHION),
        ),
        "svhn": Files("SVHN", "ufldl.stanford.edu", _SVHN, tuple(_SVHN)),
    }
)
