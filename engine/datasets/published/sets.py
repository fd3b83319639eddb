"""Well-known sets of small images, read by torchvision from its own folder layout: CIFAR-10, CIFAR-100, Fashion-MNIST, SVHN.

They are in the folder OFFRAMP_DATASETS, by default `datasets` in the data folder. Nothing is downloaded unless `download` is called.
CIFAR's files are pickles. torchvision opens them only if their MD5 is the published one, so untrusted pickles are never read.

FIT and CALIBRATION are taken from the official training set by a fixed permutation. TEST is the official test set, unchanged.
"""

import hashlib
import shutil
import socket
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from types import MappingProxyType
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from torchvision import datasets

from engine.datasets.base import Images
from engine.datasets.published.files import FILES, Files
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.splits import Split

#: Ids of official test images start here. Ids below it are indices into the official training set.
FIRST_TEST_ID = 1_000_000
SIDE = 32  # pixels
WATCHED = 0.5  # seconds between two reports of a download
PATIENCE = 60.0  # seconds without a byte after which a download has failed

Read = Callable[[Path, bool, bool], Any]


@dataclass(frozen=True)
class TorchvisionSource:
    """A data set of torchvision; its title and its files are in `engine.datasets.published.files`.

    read: (folder, whether the training part, whether to download) -> torchvision's data set, with its images in `data`
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


def download(name: str, folder: Path | None = None, progress: Callable[[int, int], None] | None = None) -> Path:
    """Download a data set and return its folder. Raises UserError if the download fails.

    Files that are already there are not downloaded again. An archive that was put there by hand is unpacked, without a network.
    progress: called with the bytes received and the bytes in all
    """
    source, folder = _source(name), folder or datasets_folder()
    files = FILES[name]
    try:
        if _whole(source, folder):
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(files.lock(folder)), _patience():
            if not _whole(source, folder):  # another process may have downloaded it while this one waited for the lock
                with _watched(files, folder, progress):
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
    """Download and unpack in a separate folder, so that the folder of the data set never contains unfinished files."""
    for archive in files.archives:
        if (folder / archive).is_file():  # torchvision downloads it again if it is not the published one
            (unfinished / archive).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / archive, unfinished / archive)
    for unpacked in set(files.opened) - set(files.archives):
        (unfinished / unpacked).unlink(missing_ok=True)  # it may be incomplete from the last attempt, and not every file is checked
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
def _watched(files: Files, folder: Path, progress: Callable[[int, int], None] | None) -> Generator[None]:
    """Report what has been received, in place of torchvision's own bar, which fills a log with control characters."""
    done = Event()

    def watch() -> None:
        while progress and not done.wait(WATCHED):
            progress(files.received(folder), files.size)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
            yield
    finally:
        done.set()
        watcher.join()
    if progress:
        progress(files.size, files.size)


@contextmanager
def _patience() -> Generator[None]:
    """Limit the time without data: torchvision sets no timeout, so a dead connection would block forever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _reason(error: BaseException) -> str:
    """The reason on one line; if torchvision tried several sources, that of the last one."""
    reason = getattr(error, "reason", error)
    lines = str(getattr(reason, "strerror", None) or reason).strip().splitlines() or [type(error).__name__]
    return lines[-1].removeprefix("<urlopen error ").removesuffix(">").rstrip(".")


@dataclass(frozen=True)
class TorchvisionSet:
    """32 x 32 RGB images. Grey images get three equal channels, smaller images a black frame.

    name:     one of SOURCES
    folder:   the folder of torchvision's folders; None: OFFRAMP_DATASETS, looked up when data is first needed
    held_out: images of the official training set in FIT, and the same number in CALIBRATION
    """

    name: str
    folder: Path | None = None
    held_out: int = 5_000

    image_size = (SIDE, SIDE)
    shippable = False

    @property
    def class_names(self) -> tuple[str, ...]:
        return _source(self.name).class_names

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's images, (examples,) int64. TRAIN is shuffled, so its last ids are a random sample; the others ascend."""
        if split is Split.TEST:
            return FIRST_TEST_ID + np.arange(len(self._labels) - self._official_training, dtype=np.int64)
        # RandomState's stream is frozen, unlike that of newer generators
        order = np.random.RandomState(0).permutation(self._official_training).astype(np.int64)
        cuts = [len(order) - 2 * self.held_out, len(order) - self.held_out]
        train, fit, calibration = np.split(order, cuts)
        return {Split.TRAIN: train, Split.FIT: np.sort(fit), Split.CALIBRATION: np.sort(calibration)}[split]

    def take(self, ids: NDArray[np.int64]) -> Images:
        """The images with these ids, in this order. Raises KeyError for an unknown id."""
        ids = np.asarray(ids, np.int64).ravel()
        rows = np.where(ids < FIRST_TEST_ID, ids, ids - FIRST_TEST_ID + self._official_training)
        known = (ids >= 0) & (rows < len(self._labels)) & ((ids < self._official_training) | (ids >= FIRST_TEST_ID))
        if not known.all():
            raise KeyError(f"{self.name} has no picture {ids[~known][0]}")
        return Images(self._pixels[rows], self._labels[rows])

    def digest(self) -> str:
        """SHA-256 of all pixels, all labels and the split."""
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
        """Pixels and labels, with the official training set first, and the size of that set."""
        source, folder = _source(self.name), self.folder or datasets_folder()
        title = FILES[self.name].title
        try:
            parts = _parts(source, folder)
        except _NOT_THERE as error:
            raise UserError(
                f"{title} is missing or incomplete in {folder}; download it with `python -m engine download {self.name}`, "
                "or set OFFRAMP_DATASETS to the folder that contains it."
            ) from error
        named = getattr(parts[0], "classes", source.class_names)
        if tuple(named) != source.class_names:
            raise RuntimeError(f"torchvision has other class names for {self.name}: {named}")
        pixels = np.concatenate([_rgb(np.asarray(part.data)) for part in parts])
        labels = np.concatenate([np.asarray(part.labels if self.name == "svhn" else part.targets, np.int64) for part in parts])
        if len(parts[0]) < 2 * self.held_out:
            raise UserError(
                f"{title} in {folder} has {len(parts[0])} training images, too few to hold out 2 x {self.held_out}; give a smaller number."
            )
        return pixels, labels, len(parts[0])


#: torchvision raises any of these for a missing or damaged file.
_NOT_THERE = (RuntimeError, OSError, ValueError, AssertionError, IndexError)


def _parts(source: TorchvisionSource, folder: Path) -> list[Any]:
    """torchvision's training and test part, read from the folder."""
    return [source.read(folder, train, False) for train in (True, False)]


def _source(name: str) -> TorchvisionSource:
    if name not in SOURCES:
        raise UserError(f"There is no data set {name!r}; choose one of: {', '.join(SOURCES)}.")
    return SOURCES[name]


def _rgb(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """torchvision's images, in any of its layouts -> (examples, 32, 32, 3)."""
    if data.ndim == 3:  # (examples, height, width), grey
        data = np.repeat(data[..., None], 3, axis=3)
    if data.shape[1] == 3:  # (examples, 3, height, width)
        data = data.transpose(0, 2, 3, 1)
    down, across = ((SIDE - side) // 2 for side in data.shape[1:3])
    if down or across:
        data = np.pad(data, ((0, 0), (down, down), (across, across), (0, 0)))
    return np.ascontiguousarray(data)
