"""Cityscapes: frames of a camera in a car in fifty cities, with one of nineteen classes at every pixel.

Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016. Its licence does not allow redistribution, so it
is not included. It is read from the folder `cityscapes` of OFFRAMP_DATASETS, by default `datasets` in the data folder, in the layout that
torchvision reads too, that of the official archives leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip:
    leftImg8bit/SET/CITY/NAME_leftImg8bit.png     a frame
    gtFine/SET/CITY/NAME_gtFine_labelIds.png      the label id of each of its pixels
where SET is train or val. Frames are downscaled to 128 x 256 by a box filter, and masks to the nearest pixel. The nineteen classes are
those of the benchmark, in the order of the train ids of the official scripts (cityscapesScripts, helpers/labels.py); pixels of other labels
do not count.

TRAIN is the official training set. The masks of the official test set are not public, so FIT, CALIBRATION and TEST are a quarter, a
quarter and half of the official validation set, in the order of the SHA-256 of the names of its frames.

Files may be untrusted: only PNG files are opened, and bytes and pixels are counted before a pixel is decoded.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engine.datasets.base import IGNORED, MaskedImages
from engine.display_text import printable
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.splits import Split

#: The classes of a pixel and their label ids in the files.
LABEL_IDS = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17, "traffic light": 19, "traffic sign": 20,
    "vegetation": 21, "terrain": 22, "sky": 23, "person": 24, "rider": 25, "car": 26, "truck": 27, "bus": 28, "train": 31,
    "motorcycle": 32, "bicycle": 33,
}  # fmt: skip
HEIGHT, WIDTH = 128, 256
#: The official sets that have public masks, in the order of the ids.
SETS = ("train", "val")
#: The fewest frames of each set that can be divided.
FEWEST = {"train": 2, "val": 4}
MOST_FILES = 100_000
MOST_BYTES = 20_000_000
MOST_PIXELS = 10_000_000  # the official frames have 2,097,152
_FRAME, _MASK = "_leftImg8bit.png", "_gtFine_labelIds.png"

#: The class of each label id, (256,) uint8.
CLASS_OF = np.full(256, IGNORED, np.uint8)
CLASS_OF[list(LABEL_IDS.values())] = np.arange(len(LABEL_IDS))


@dataclass(frozen=True)
class Frame:
    """A frame and its mask. name: that of the frame without its ending"""

    name: str
    picture: Path
    mask: Path


@dataclass(frozen=True)
class Cityscapes:
    """Frames of 128 x 256 pixels with masks. A frame's id is its place among those of `train` and then `val`, in the order of their names.

    folder: the folder of all data sets; None: OFFRAMP_DATASETS, looked up when data is first needed
    """

    folder: Path | None = None

    name = "cityscapes"
    class_names = tuple(LABEL_IDS)
    image_size = (HEIGHT, WIDTH)
    has_masks = True
    shippable = False

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's frames, (examples,) int64. TRAIN is shuffled, so its last ids are a random sample; the others ascend."""
        train, val = (len(frames) for frames in self._frames)
        if split is Split.TRAIN:
            return np.random.RandomState(0).permutation(train).astype(np.int64)  # a frozen stream, unlike that of newer generators
        hashes = [hashlib.sha256(frame.name.encode()).hexdigest() for frame in self._frames[1]]
        shuffled = train + np.array(sorted(range(val), key=hashes.__getitem__), np.int64)
        fit, calibration, test = np.split(shuffled, [val // 4, val // 2])
        return np.sort({Split.FIT: fit, Split.CALIBRATION: calibration, Split.TEST: test}[split])

    def take(self, ids: NDArray[np.int64]) -> MaskedImages:
        """The frames with these ids, in this order, and their masks. Raises UserError if a file is damaged or of another size."""
        frames = [frame for of_set in self._frames for frame in of_set]
        wanted = [int(id) for id in np.asarray(ids).ravel()]
        for id in wanted:
            if not 0 <= id < len(frames):
                raise KeyError(f"{self.name} has no picture {id}")
        pixels = np.empty((len(wanted), HEIGHT, WIDTH, 3), np.uint8)
        masks = np.empty((len(wanted), HEIGHT, WIDTH), np.uint8)

        def read(row: int) -> None:
            pixels[row], masks[row] = read_frame(frames[wanted[row]])

        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:  # Pillow decodes without holding Python's lock
            list(threads.map(read, range(len(wanted))))
        return MaskedImages(pixels, masks)

    def digest(self) -> str:
        """SHA-256 of the paths and bytes of all files and of the image size. Reads every file once."""
        return self._digest

    @property
    def _root(self) -> Path:
        return (self.folder or datasets_folder()) / "cityscapes"

    @cached_property
    def _digest(self) -> str:
        sha = hashlib.sha256(f"{self.name} 1 {self.image_size}".encode())
        for path in (path for of_set in self._frames for frame in of_set for path in (frame.picture, frame.mask)):
            with open(path, "rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            sha.update(f"\n{path.relative_to(self._root).as_posix()} {content}".encode(errors="surrogateescape"))
        return sha.hexdigest()

    @cached_property
    def _frames(self) -> tuple[list[Frame], ...]:
        """The frames of each of SETS, in the order of their names."""
        return tuple(_frames_of(self._root, official) for official in SETS)


def _frames_of(root: Path, official: str) -> list[Frame]:
    folder = root / "leftImg8bit" / official
    if not folder.is_dir():
        raise UserError(
            f"The data set cityscapes is missing: there is no folder leftImg8bit/{official} in {_shown(root)}; "
            "unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip there, "
            "or set OFFRAMP_DATASETS to the folder that contains cityscapes."
        )
    frames = []
    for path in folder.glob(f"*/*{_FRAME}"):
        name = path.name.removesuffix(_FRAME)
        mask = root / "gtFine" / official / path.parent.name / f"{name}{_MASK}"
        if not mask.is_file():
            raise UserError(f"There is no mask {_shown(mask)} for {_shown(path)}; unpack gtFine_trainvaltest.zip again.")
        frames.append(Frame(name, path, mask))
        if len(frames) > MOST_FILES:
            raise UserError(f"{_shown(folder)} contains more than {MOST_FILES:,} frames; give a smaller folder.")
    if len(frames) < FEWEST[official]:
        raise UserError(
            f"{_shown(folder)} contains {len(frames)} frames, fewer than {FEWEST[official]}; unpack the official archive again."
        )
    return sorted(frames, key=lambda frame: frame.name)


def read_frame(frame: Frame) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pixels (128, 256, 3) and classes (128, 256) of a frame. Raises UserError if a file is damaged or of another size."""
    picture, mask = _opened(frame.picture, "RGB"), _opened(frame.mask, "L")
    if picture.size != mask.size:
        raise _refused(frame.mask, f"has {_pixels(mask)} pixels and its frame {_pixels(picture)}")
    pixels = np.asarray(picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX))
    return pixels, CLASS_OF[np.asarray(mask.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST))]


def _opened(path: Path, mode: str) -> Image.Image:
    """The decoded file."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise _refused(path, f"has {size:,} bytes, more than {MOST_BYTES:,}")
    try:
        with Image.open(path, formats=("PNG",)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise _refused(path, f"has {_pixels(image)} pixels, more than {MOST_PIXELS:,}")
            if width * HEIGHT != height * WIDTH or width < WIDTH:
                raise _refused(path, f"has {_pixels(image)} pixels, not {WIDTH} x {HEIGHT} or a multiple of it")
            if image.mode != mode:
                raise _refused(path, f"is in Pillow's mode {image.mode}, not {mode}")
            image.load()
            return image
    except Image.DecompressionBombError:
        raise _refused(path, f"has far more than {MOST_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise _refused(path, "is not an image in PNG format") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # Pillow's errors for damaged files
        raise _refused(path, "is damaged") from error


def _pixels(image: Image.Image) -> str:
    return f"{image.size[0]:,} x {image.size[1]:,}"


def _refused(path: Path, why: str) -> UserError:
    return UserError(f"{_shown(path)} {why}; replace it by the official file.")


def _shown(path: Path) -> str:
    return printable(str(path), most=400)
