"""Which files torchvision's data sets come in: where they are published, how large they are, what is read in the end.

Known here without torch, so that a page can say at once what is missing, and how much of it has come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

#: Name, size and time of change of each file that lies there: changes whenever any of them does.
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Files:
    """The files of a data set, by their paths in the folder of all data sets.

    host:     where torchvision fetches them
    archives: what is fetched, and how many bytes each has
    opened:   what is read, once the archives are unpacked
    """

    title: str
    host: str
    archives: Mapping[str, int]
    opened: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes to fetch."""
        return sum(self.archives.values())

    def unfinished(self, folder: Path) -> Path:
        """Where a download is put until it is whole."""
        return folder / f".{self.title}.unfinished"

    def lock(self, folder: Path) -> Path:
        """Held by whoever is fetching it: one at a time, of all processes."""
        return folder / f".{self.title}.lock"

    def received(self, folder: Path) -> int:
        """Bytes of an unfinished download that have come so far."""
        return sum(size for _, size, _ in _stamp(self.unfinished(folder), self.archives))

    def stamp(self, folder: Path) -> Stamp:
        """What lies there of that which is read."""
        return _stamp(folder, self.opened)

    def complete(self, folder: Path) -> bool:
        """Whether all that is read lies there. Whether it is whole shows only when it is read."""
        return len(self.stamp(folder)) == len(self.opened)


def _stamp(folder: Path, names: Mapping[str, int] | tuple[str, ...]) -> Stamp:
    found = []
    for name in names:
        try:
            status = (folder / name).stat()
        except OSError:
            continue
        found.append((name, status.st_size, status.st_mtime_ns))
    return tuple(found)


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
