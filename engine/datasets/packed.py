"""Images of one size in one .npz file of lossless WebP images, such as twenty of CIFAR-100's classes.

The file is in the folder OFFRAMP_DATASETS, by default `datasets` in the data folder. It holds
    webp:        all images, one after the other, (bytes,) uint8
    end:         where each image ends there, (images,) int64
    label:       (images,) indices into the classes
    test:        whether an image belongs to the official test set, (images,) bool
    class_names: (classes,) text

It may be untrusted: nothing is unpickled, and sizes are checked before anything is unpacked.
FIT and CALIBRATION are taken from the training images by a fixed permutation. TEST is the official test set, unchanged.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engine.datasets.archives import UNREADABLE
from engine.datasets.base import Images
from engine.datasets.published.files import Stamp, stamp_of
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.splits import Split

MOST_BYTES = 500_000_000
MOST_PIXELS = 500_000_000


@dataclass(frozen=True)
class PackedImages:
    """RGB images in one file. An image's id is its place there.

    name:        of the data set
    file:        path in the folder of all data sets
    classes:     their names, in the file's order
    image_size:  height, width
    folder:      the folder of all data sets; None: OFFRAMP_DATASETS, looked up when data is first needed
    held_out:    training images in FIT, and the same number in CALIBRATION
    """

    name: str
    file: str
    classes: tuple[str, ...]
    image_size: tuple[int, int] = (32, 32)
    folder: Path | None = None
    held_out: int = 1_000

    shippable = False

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.classes

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's images, (examples,) int64. TRAIN is shuffled, so its last ids are a random sample; the others ascend."""
        _, _, is_test = self._all
        if split is Split.TEST:
            return np.flatnonzero(is_test).astype(np.int64)
        training = np.flatnonzero(~is_test).astype(np.int64)
        order = np.random.RandomState(0).permutation(training)  # its stream is frozen, unlike that of newer generators
        train, fit, calibration = np.split(order, [len(order) - 2 * self.held_out, len(order) - self.held_out])
        return {Split.TRAIN: train, Split.FIT: np.sort(fit), Split.CALIBRATION: np.sort(calibration)}[split]

    def take(self, ids: NDArray[np.int64]) -> Images:
        """The images with these ids, in this order. Raises KeyError for an unknown id."""
        pixels, labels, _ = self._all
        ids = np.asarray(ids, np.int64).ravel()
        unknown = ids[(ids < 0) | (ids >= len(labels))]
        if unknown.size:
            raise KeyError(f"{self.name} has no picture {unknown[0]}")
        return Images(pixels[ids], labels[ids])

    def digest(self) -> str:
        """SHA-256 of all pixels, all labels and the split."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        pixels, labels, is_test = self._all
        sha = hashlib.sha256(f"{self.name} {self.held_out}".encode())
        for part in (pixels, labels, is_test):
            sha.update(part.data)
        return sha.hexdigest()

    def stamp(self) -> Stamp:
        """Of the file, if it exists: another one as soon as it changes."""
        return stamp_of(self.folder or datasets_folder(), [self.file])

    @cached_property
    def _all(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
        """Pixels (images, height, width, 3), labels, and whether each image is in the official test set."""
        folder = self.folder or datasets_folder()
        path = folder / self.file
        if not path.is_file():
            raise UserError(
                f"The data set {self.name} is missing: there is no {self.file} in {folder}; "
                "put it there, or set OFFRAMP_DATASETS to the folder that contains it."
            )
        try:
            pixels, labels, is_test = self._read(path)
        except (*UNREADABLE, Image.DecompressionBombError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"The data set {self.name} cannot be read from {path} ({reason.rstrip('.')}); replace the file by an intact copy."
            ) from error
        training = int((~is_test).sum())
        if training < 2 * self.held_out + 1:
            raise UserError(f"{path} has {training} training images, too few to hold out 2 x {self.held_out}; give a smaller number.")
        return pixels, labels, is_test

    def _read(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
        """Raises ValueError, among others, if the file is damaged."""
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MOST_BYTES:
            raise ValueError(f"it unpacks to {unpacked:,} bytes, more than {MOST_BYTES:,}")
        with np.load(path, allow_pickle=False) as held:
            parts = {name: held[name] for name in ("webp", "end", "label", "test", "class_names")}
        end, labels, is_test = parts["end"].astype(np.int64), parts["label"].astype(np.int64), parts["test"].astype(bool)
        begin = np.concatenate([[0], end[:-1]]) if len(end) else end
        height, width = self.image_size
        if tuple(parts["class_names"].tolist()) != self.classes:
            raise ValueError("it has other classes")
        if not len(end) == len(labels) == len(is_test):
            raise ValueError("its arrays have different lengths")
        if (end <= begin).any() or (len(end) and (begin[0] < 0 or end[-1] > len(parts["webp"]))):
            raise ValueError("its images overlap or are cut off")
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes):
            raise ValueError("it has a label outside its classes")
        if len(end) * height * width > MOST_PIXELS:
            raise ValueError(f"its images have more than {MOST_PIXELS:,} pixels")
        pixels = np.empty((len(end), height, width, 3), np.uint8)
        packed = parts["webp"].astype(np.uint8).tobytes()
        for row, (first, last) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
            try:
                opened = Image.open(io.BytesIO(packed[first:last]), formats=("WEBP",))
            except UnidentifiedImageError:
                raise ValueError(f"image {row} is not in WebP format") from None
            with opened as image:
                if image.size != (width, height):
                    raise ValueError(f"image {row} has {image.size[0]} x {image.size[1]} pixels")
                pixels[row] = np.asarray(image.convert("RGB"))
        return pixels, labels, is_test
