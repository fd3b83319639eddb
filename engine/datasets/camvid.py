"""CamVid: frames of a camera in a car that drives through Cambridge, with one of eleven classes at every pixel.

Brostow, Fauqueur and Cipolla, "Semantic object classes in video: A high-definition ground truth database", Pattern Recognition Letters
2009. The eleven classes and the three sets are those published with SegNet (Badrinarayanan, Kendall and Cipolla, TPAMI 2017). Their files
are in the folder `camvid` of OFFRAMP_DATASETS, by default `datasets` in the data folder: train_96x128.npz, val_96x128.npz and
test_96x128.npz. Each holds
    pixels: (frames, 96, 128, 3) uint8, RGB, downscaled by a box filter
    mask:   (frames, 96, 128) uint8, indices into the classes, or 11 for a pixel without a class; downscaled to the nearest pixel

The files may be untrusted: nothing is unpickled, and sizes are checked before anything is unpacked.
TRAIN is the official training set, FIT the first half of the official validation set, CALIBRATION its second half, and TEST the official
test set. The validation set is seven seconds of one drive (its frames 7959 to 8159 of 30 in a second, every second one), so it is little to
set a policy with. Its halves are stretches, not a mixture: almost every frame of a mixture has a neighbour in the other half that shows the
same. The licence does not allow bundles to contain frames or true masks.
"""

import hashlib
import math
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.datasets.archives import UNREADABLE
from engine.datasets.base import IGNORED, MaskedImages
from engine.datasets.published.files import Stamp, stamp_of
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.splits import Split

#: In the files' order.
CLASS_NAMES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
HEIGHT, WIDTH = 96, 128
#: The official sets, in the order of the ids.
PARTS = ("train", "val", "test")
#: The fewest frames of each set that can be divided: some to learn from and one to validate on, one for FIT and one for CALIBRATION, one.
FEWEST = {"train": 2, "val": 2, "test": 1}
MOST_FRAMES = 10_000
#: In a file, a pixel without a class.
_UNLABELLED = len(CLASS_NAMES)


@dataclass(frozen=True)
class CamVid:
    """Frames of 96 x 128 pixels with masks. A frame's id is its place in the three sets, one after the other.

    folder: the folder of all data sets; None: OFFRAMP_DATASETS, looked up when data is first needed
    """

    folder: Path | None = None

    name = "camvid"
    class_names = CLASS_NAMES
    image_size = (HEIGHT, WIDTH)
    has_masks = True
    shippable = False

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's frames, (examples,) int64. TRAIN is shuffled, so its last ids are a random sample; the others ascend."""
        _, _, (train, val, test) = self._all
        half = train + (val + 1) // 2
        parts = {
            Split.TRAIN: np.random.RandomState(0).permutation(train),  # its stream is frozen, unlike that of newer generators
            Split.FIT: np.arange(train, half),
            Split.CALIBRATION: np.arange(half, train + val),
            Split.TEST: np.arange(train + val, train + val + test),
        }
        return parts[split].astype(np.int64)

    def take(self, ids: NDArray[np.int64]) -> MaskedImages:
        """The frames with these ids, in this order, and their masks. Raises KeyError for an unknown id."""
        pixels, masks, _ = self._all
        ids = np.asarray(ids, np.int64).ravel()
        unknown = ids[(ids < 0) | (ids >= len(pixels))]
        if unknown.size:
            raise KeyError(f"{self.name} has no picture {unknown[0]}")
        return MaskedImages(pixels[ids], masks[ids])

    def stamp(self) -> Stamp:
        """Of the existing files among those that are read: another one as soon as one of them changes."""
        return stamp_of(self.folder or datasets_folder(), map(_file, PARTS))

    def digest(self) -> str:
        """SHA-256 of all pixels, all masks and the sizes of the three sets."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        pixels, masks, frames = self._all
        sha = hashlib.sha256(f"{self.name} 1 {frames}".encode())
        for part in (pixels, masks):
            sha.update(part.data)
        return sha.hexdigest()

    @cached_property
    def _all(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[int, ...]]:
        """Pixels (frames, 96, 128, 3) and masks (frames, 96, 128) of the three sets, and how many frames each set has."""
        folder = self.folder or datasets_folder()
        read = [_read(folder, part) for part in PARTS]
        pixels, masks = (np.concatenate(arrays) for arrays in zip(*read, strict=True))
        return pixels, masks, tuple(len(masks) for _, masks in read)


def _file(part: str) -> str:
    return f"camvid/{part}_{HEIGHT}x{WIDTH}.npz"


def _read(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pixels and masks of one of the official sets. Raises UserError if the file is missing or damaged."""
    file = _file(part)
    path = folder / file
    if not path.is_file():
        raise UserError(
            f"The data set camvid is missing: there is no {file} in {folder}; "
            "put it there, or set OFFRAMP_DATASETS to the folder that contains it."
        )
    try:
        _check_sizes(path, FEWEST[part])
        with np.load(path, allow_pickle=False) as held:
            pixels, masks = held["pixels"], held["mask"]
        if masks.max() > _UNLABELLED:
            raise ValueError(f"a mask has the class {masks.max()}, and the largest is {_UNLABELLED}")
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"The data set camvid cannot be read from {path} ({reason.rstrip('.')}); replace the file by an intact copy."
        ) from error
    return pixels, np.where(masks == _UNLABELLED, np.uint8(IGNORED), masks)


def _check_sizes(path: Path, fewest: int) -> None:
    """Raises ValueError unless both arrays have the expected shapes, and KeyError if one is missing; reads their headers only."""
    frames = []
    with zipfile.ZipFile(path) as archive:
        for name, after in (("pixels", (HEIGHT, WIDTH, 3)), ("mask", (HEIGHT, WIDTH))):
            with archive.open(f"{name}.npy") as member:
                version = np.lib.format.read_magic(member)
                if version != (1, 0):
                    raise ValueError(f"{name} is in version {version[0]}.{version[1]} of the format, not 1.0")
                shape, _, dtype = np.lib.format.read_array_header_1_0(member)
            if dtype != np.uint8 or shape[1:] != after:
                raise ValueError(f"{name} is {dtype} of shape {shape}, not uint8 of {('frames', *after)}")
            if archive.getinfo(f"{name}.npy").file_size > math.prod(shape) + 1_000:  # of the header
                raise ValueError(f"{name} is larger than its shape says")
            frames.append(shape[0])
    if frames[0] != frames[1] or not fewest <= frames[0] <= MOST_FRAMES:
        raise ValueError(f"it has {frames[0]:,} frames and {frames[1]:,} masks, not the same number from {fewest} to {MOST_FRAMES:,}")
