"""Well-known sets of small photographs, read by torchvision from its own folder layout: CIFAR-10, CIFAR-100, Fashion-MNIST, SVHN.

They lie in the folder OFFRAMP_DATASETS, by default `datasets` in the data folder. Nothing is ever downloaded unless `download` is called.
CIFAR's files are pickles: torchvision opens them only if their MD5 is the published one, so no stranger's pickle is ever read.

FIT and CALIBRATION are carved from the official training set by a fixed shuffled list, TEST is the official test set, untouched.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torchvision import datasets

from engine.datasets.base import Images
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.splits import Split

#: Ids of official test pictures start here; below are the official training pictures, by their place in the set.
FIRST_TEST_ID = 1_000_000
SIDE = 32  # pixels

Read = Callable[[Path, bool, bool], Any]


@dataclass(frozen=True)
class Source:
    """A data set as torchvision knows it.

    read: (folder, whether the training part, whether to download) -> torchvision's data set, with its pictures in `data`
    """

    title: str
    class_names: tuple[str, ...]
    read: Read


def _by_part(name: str) -> Read:
    return lambda folder, train, download: getattr(datasets, name)(folder, train=train, download=download)


def _svhn(folder: Path, train: bool, download: bool) -> Any:
    return datasets.SVHN(folder, split="train" if train else "test", download=download)


CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR100_NAMES = tuple(
    """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle
    chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house
    kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
    otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew
    skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout
    tulip turtle wardrobe whale willow_tree wolf woman worm""".split()
)
FASHION_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "cifar10": Source("CIFAR-10", CIFAR10_NAMES, _by_part("CIFAR10")),
        "cifar100": Source("CIFAR-100", CIFAR100_NAMES, _by_part("CIFAR100")),
        "fashion-mnist": Source("Fashion-MNIST", FASHION_NAMES, _by_part("FashionMNIST")),
        "svhn": Source("SVHN", tuple("0123456789"), _svhn),
    }
)


def download(name: str, folder: Path | None = None) -> Path:
    """Fetch a data set, with torchvision's progress bar; returns the folder it lies in. Raises UserError if it cannot be reached."""
    source, folder = _source(name), folder or datasets_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for train in (True, False):
            source.read(folder, train, True)
    except (OSError, RuntimeError) as error:  # no network, no room, or not the published bytes
        reason = getattr(error, "reason", error)
        raise UserError(
            f"{source.title} could not be downloaded to {folder} ({reason}); try again, or put torchvision's files there."
        ) from error
    return folder


@dataclass(frozen=True)
class TorchvisionSet:
    """32 x 32 RGB pictures. Grey ones get three equal channels, smaller ones a black frame.

    name:     one of SOURCES
    folder:   where torchvision's folders lie; None: OFFRAMP_DATASETS when the pictures are first asked for
    held_out: pictures of the official training set in FIT, and as many in CALIBRATION
    """

    name: str
    folder: Path | None = None
    held_out: int = 5_000

    image_size: ClassVar[tuple[int, int]] = (SIDE, SIDE)
    shippable: ClassVar[bool] = False

    @property
    def class_names(self) -> tuple[str, ...]:
        return _source(self.name).class_names

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's pictures, (examples,) int64. TRAIN is shuffled, so its end is a sample like any other; the rest ascend."""
        if split is Split.TEST:
            return FIRST_TEST_ID + np.arange(len(self._labels) - self._official_training, dtype=np.int64)
        # RandomState's numbers are frozen for good, those of newer generators are not
        order = np.random.RandomState(0).permutation(self._official_training).astype(np.int64)
        cuts = [len(order) - 2 * self.held_out, len(order) - self.held_out]
        train, fit, calibration = np.split(order, cuts)
        return {Split.TRAIN: train, Split.FIT: np.sort(fit), Split.CALIBRATION: np.sort(calibration)}[split]

    def take(self, ids: NDArray[np.int64]) -> Images:
        """The pictures with these ids, in this order. Raises KeyError for an id that is not there."""
        ids = np.asarray(ids, np.int64).ravel()
        rows = np.where(ids < FIRST_TEST_ID, ids, ids - FIRST_TEST_ID + self._official_training)
        there = (ids >= 0) & (rows < len(self._labels)) & ((ids < self._official_training) | (ids >= FIRST_TEST_ID))
        if not there.all():
            raise KeyError(f"{self.name} has no picture {ids[~there][0]}")
        return Images(self._pixels[rows], self._labels[rows])

    def digest(self) -> str:
        """SHA-256 over every pixel, every label and the way they are split."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        sha = hashlib.sha256(f"{self.name} {self.held_out} {self._official_training}".encode())
        sha.update(self._pixels.data)
        sha.update(self._labels.data)
        return sha.hexdigest()

    @property
    def _pixels(self) -> NDArray[np.uint8]:
        return self._all[0]

    @property
    def _labels(self) -> NDArray[np.int64]:
        return self._all[1]

    @property
    def _official_training(self) -> int:
        return self._all[2]

    @cached_property
    def _all(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], int]:
        """Pixels and labels, official training set first, and how many pictures that has."""
        source, folder = _source(self.name), self.folder or datasets_folder()
        try:
            parts = [source.read(folder, train, False) for train in (True, False)]
        # torchvision answers a missing or damaged file in any of these ways
        except (RuntimeError, OSError, ValueError, AssertionError, IndexError) as error:
            raise UserError(
                f"{source.title} is not in {folder}, or not whole; get it with `python -m engine download {self.name}`, "
                "or set OFFRAMP_DATASETS to the folder that has it."
            ) from error
        named = getattr(parts[0], "classes", source.class_names)
        if tuple(named) != source.class_names:
            raise RuntimeError(f"torchvision calls the classes of {self.name} by other names: {named}")
        pixels = np.concatenate([_rgb(np.asarray(part.data)) for part in parts])
        labels = np.concatenate([np.asarray(part.labels if self.name == "svhn" else part.targets, np.int64) for part in parts])
        if len(parts[0]) < 2 * self.held_out:
            raise UserError(f"{source.title} in {folder} has {len(parts[0])} training pictures, too few to hold out {self.held_out} twice.")
        return pixels, labels, len(parts[0])


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise UserError(f"There is no data set {name!r}; choose one of: {', '.join(SOURCES)}.")
    return SOURCES[name]


def _rgb(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """torchvision's pictures in whatever order it keeps them -> (examples, 32, 32, 3)."""
    if data.ndim == 3:  # (examples, height, width), grey
        data = np.repeat(data[..., None], 3, axis=3)
    if data.shape[1] == 3:  # (examples, 3, height, width)
        data = data.transpose(0, 2, 3, 1)
    frame = [(SIDE - side) // 2 for side in data.shape[1:3]]
    return np.ascontiguousarray(np.pad(data, ((0, 0), (frame[0],) * 2, (frame[1],) * 2, (0, 0))))
