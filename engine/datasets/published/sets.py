"""Well-known sets of small photographs, read by torchvision from its own folder layout: CIFAR-10, CIFAR-100, Fashion-MNIST, SVHN.

They lie in the folder OFFRAMP_DATASETS, by default `datasets` in the data folder. Nothing is ever downloaded unless `download` is called.
CIFAR's files are pickles: torchvision opens them only if their MD5 is the published one, so no stranger's pickle is ever read.

FIT and CALIBRATION are carved from the official training set by a fixed shuffled list, TEST is the official test set, untouched.
"""

import hashlib
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from torchvision import datasets

from engine.datasets.base import Images
from engine.datasets.published.files import FILES, Files
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.splits import Split

#: Ids of official test pictures start here; below are the official training pictures, by their place in the set.
FIRST_TEST_ID = 1_000_000
SIDE = 32  # pixels
PATIENCE = 60.0  # seconds without a byte after which a download has failed

Read = Callable[[Path, bool, bool], Any]


@dataclass(frozen=True)
class TorchvisionSource:
    """A data set as torchvision knows it; its title and its files stand in torchvision_files.

    read: (folder, whether the training part, whether to download) -> torchvision's data set, with its pictures in `data`
    """

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

SOURCES: Mapping[str, TorchvisionSource] = MappingProxyType(
    {
        "cifar10": TorchvisionSource(CIFAR10_NAMES, _by_part("CIFAR10")),
        "cifar100": TorchvisionSource(CIFAR100_NAMES, _by_part("CIFAR100")),
        "fashion-mnist": TorchvisionSource(FASHION_NAMES, _by_part("FashionMNIST")),
        "svhn": TorchvisionSource(tuple("0123456789"), _svhn),
    }
)


def download(name: str, folder: Path | None = None) -> Path:
    """Fetch a data set, with torchvision's progress bar; returns the folder it lies in. Raises UserError if it cannot be reached.

    What is there already is not fetched again. An archive that was put there by hand is unpacked: that needs no network.
    """
    source, folder = _source(name), folder or datasets_folder()
    files = FILES[name]
    try:
        if _whole(source, folder):
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(files.lock(folder)), _patience():
            if not _whole(source, folder):  # while we waited for our turn, the page or another command may have fetched it
                _fetch(source, files, files.unfinished(folder), folder)
    except (OSError, RuntimeError, HTTPException) as error:  # no network, no room, or not the published bytes
        remedy = f"try again, or put {' and '.join(files.archives)} there first"
        raise UserError(f"{files.title} could not be downloaded to {folder} ({_reason(error)}); {remedy}.") from error
    return folder


def _whole(source: TorchvisionSource, folder: Path) -> bool:
    try:
        _parts(source, folder)
    except _NOT_THERE:
        return False
    return True


def _fetch(source: TorchvisionSource, files: Files, unfinished: Path, folder: Path) -> None:
    """Fetch and unpack in a folder of its own, so that nothing half done ever lies where the data set is looked for."""
    for archive in files.archives:
        if (folder / archive).is_file():  # torchvision fetches it anew if it is not the published one
            (unfinished / archive).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / archive, unfinished / archive)
    for unpacked in set(files.opened) - set(files.archives):
        (unfinished / unpacked).unlink(missing_ok=True)  # cut short the last time, perhaps, and not every one is checked
    unfinished.mkdir(parents=True, exist_ok=True)
    for train in (True, False):
        source.read(unfinished, train, True)
    for path in sorted(unfinished.rglob("*")):
        if path.is_file():
            goal = folder / path.relative_to(unfinished)
            goal.parent.mkdir(parents=True, exist_ok=True)
            path.replace(goal)
    shutil.rmtree(unfinished)


@contextmanager
def _patience() -> Iterator[None]:
    """torchvision sets no time limit, so a line that went dead would be waited for without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _reason(error: BaseException) -> str:
    """What went wrong, on one line: of several things that torchvision tried, the last."""
    reason = getattr(error, "reason", error)
    lines = str(getattr(reason, "strerror", None) or reason).strip().splitlines() or [type(error).__name__]
    return lines[-1].removeprefix("<urlopen error ").removesuffix(">").rstrip(".")


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
        title = FILES[self.name].title
        try:
            parts = _parts(source, folder)
        except _NOT_THERE as error:
            raise UserError(
                f"{title} is not in {folder}, or not whole; get it with `python -m engine download {self.name}`, "
                "or set OFFRAMP_DATASETS to the folder that has it."
            ) from error
        named = getattr(parts[0], "classes", source.class_names)
        if tuple(named) != source.class_names:
            raise RuntimeError(f"torchvision calls the classes of {self.name} by other names: {named}")
        pixels = np.concatenate([_rgb(np.asarray(part.data)) for part in parts])
        labels = np.concatenate([np.asarray(part.labels if self.name == "svhn" else part.targets, np.int64) for part in parts])
        if len(parts[0]) < 2 * self.held_out:
            raise UserError(f"{title} in {folder} has {len(parts[0])} training pictures, too few to hold out {self.held_out} twice.")
        return pixels, labels, len(parts[0])


#: torchvision answers a missing or damaged file in any of these ways.
_NOT_THERE = (RuntimeError, OSError, ValueError, AssertionError, IndexError)


def _parts(source: TorchvisionSource, folder: Path) -> list[Any]:
    """torchvision's training and test part, as they lie in the folder."""
    return [source.read(folder, train, False) for train in (True, False)]


def _source(name: str) -> TorchvisionSource:
    if name not in SOURCES:
        raise UserError(f"There is no data set {name!r}; choose one of: {', '.join(SOURCES)}.")
    return SOURCES[name]


def _rgb(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """torchvision's pictures in whatever order it keeps them -> (examples, 32, 32, 3)."""
    if data.ndim == 3:  # (examples, height, width), grey
        data = np.repeat(data[..., None], 3, axis=3)
    if data.shape[1] == 3:  # (examples, 3, height, width)
        data = data.transpose(0, 2, 3, 1)
    down, across = ((SIDE - side) // 2 for side in data.shape[1:3])
    if down or across:
        data = np.pad(data, ((0, 0), (down, down), (across, across), (0, 0)))
    return np.ascontiguousarray(data)
