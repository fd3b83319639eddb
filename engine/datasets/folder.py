"""Any folder of images in torchvision's ImageFolder layout: ROOT/CLASS/anything.jpg, with the classes in alphabetical order.

Images of any size are brought to one size as in torchvision's ImageNet presets: the shorter side is resized, and the centre is cropped.
Pillow does both, as it does for torchvision, which takes seconds to import and is not needed to look at images.

Files may be untrusted. Their format is read from their bytes, not from their names, and only common image formats are opened. The number
of bytes and pixels and the aspect ratio are checked before a pixel is decoded, so a file that unpacks to gigabytes is refused.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engine.datasets.base import Images
from engine.display_text import counted, printable
from engine.errors import UserError
from engine.splits import Split

#: The endings that torchvision takes for images.
ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
KINDS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")
MOST_BYTES = 100_000_000
MOST_PIXELS = 80_000_000  # below the number at which Pillow itself warns
MOST_SLENDER = 20  # largest ratio of the sides: the shorter side is resized, and the longer side grows with it
MOST_FILES = 10_000_000
KEPT = 224 / 256  # share of the shorter side that is kept by the crop, as for ImageNet


@dataclass(frozen=True)
class ImageFolder:
    """The images in `folder`, as (examples, *image_size, 3).

    image_size: height, width
    shares:     shares of TRAIN, FIT, CALIBRATION and TEST; a share of 0 leaves a split empty
    names:      names of all classes; the folders are called by some of them, perhaps with _ in place of spaces, or there is one
                for each of them, in this order, whatever they are called; None: the names of the folders
    seed:       another seed gives another split of the same files
    """

    folder: Path
    image_size: tuple[int, int] = (64, 64)
    shippable = False
    shares: tuple[float, float, float, float] = (0.7, 0.1, 0.1, 0.1)
    names: tuple[str, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.shares) != len(Split) or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise UserError(f"The shares {self.shares} of train, fit, calibration and test must be four numbers that add up to 1.")

    @property
    def name(self) -> str:
        return printable(self.folder.resolve().name)

    @property
    def class_names(self) -> tuple[str, ...]:
        if self.names is not None:
            return self.names
        return tuple(printable(name) for name in self._classes)

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's images, (examples,) int64, shuffled. Ids are positions in the sorted list of files."""
        order = np.random.RandomState(self.seed).permutation(len(self._files)).astype(np.int64)
        cuts = np.rint(np.cumsum(self.shares)[:-1] * len(order)).astype(int)
        parts = np.split(order, cuts)
        if any(share and not len(part) for share, part in zip(self.shares, parts, strict=True)):
            raise UserError(f"{_shown(self.folder)} has only {len(order)} images, too few to fill every split; add more.")
        return parts[list(Split).index(split)]

    def take(self, ids: NDArray[np.int64]) -> Images:
        """The images with these ids, in this order. Raises UserError if a file is not an image, damaged or too large."""
        wanted = [int(id) for id in np.asarray(ids).ravel()]
        for id in wanted:
            if not 0 <= id < len(self._files):
                raise KeyError(f"{self.name} has no picture {id}")
        pixels = np.empty((len(wanted), *self.image_size, 3), np.uint8)
        for row, id in enumerate(wanted):
            pixels[row] = read_image(self._files[id], self.image_size)
        return Images(pixels, np.array([self._label(self._files[id]) for id in wanted], np.int64))

    def digest(self) -> str:
        """SHA-256 of the paths and bytes of all files, the split and the image size. Reads every file once."""
        return self._digest

    def _label(self, path: Path) -> int:
        return self._number[path.relative_to(self.folder).parts[0]]

    @cached_property
    def _number(self) -> dict[str, int]:
        """The class of each folder."""
        if self.names is None or not self._called_by_names:
            return {folder: number for number, folder in enumerate(self._classes)}
        return {folder: self.names.index(_spaced(folder)) for folder in self._classes}

    @cached_property
    def _called_by_names(self) -> bool:
        return self.names is not None and {_spaced(folder) for folder in self._folders} <= set(self.names)

    @cached_property
    def _digest(self) -> str:
        sha = hashlib.sha256(f"{self.image_size} {self.shares} {self.seed}".encode())
        for path in self._files:
            with open(path, "rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            sha.update(f"\n{path.relative_to(self.folder).as_posix()} {content}".encode(errors="surrogateescape"))
        return sha.hexdigest()

    @cached_property
    def _folders(self) -> list[str]:
        if not self.folder.is_dir():
            raise UserError(f"There is no folder {_shown(self.folder)}; give one that contains a folder of images for each class.")
        return sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir())

    @cached_property
    def _classes(self) -> list[str]:
        """The folders of the classes, in order. Raises UserError if there are too few, or if their names are unknown."""
        folders, names = self._folders, self.names
        if len(folders) < 2:
            more = "two or more" if names is None else f"{len(names):,}, or for two or more of them"
            raise UserError(
                f"{_shown(self.folder)} contains {counted(len(folders), 'folder')}; it must contain one for each class, {more}."
            )
        if names is not None and not self._called_by_names and len(folders) != len(names):
            unknown = next(folder for folder in folders if _spaced(folder) not in names)
            contents = f"{counted(len(folders), 'folder')}, and {printable(unknown)!r} is not the name of a class"
            raise UserError(
                f"{_shown(self.folder)} contains {contents}; it must contain one for each class, {len(names):,} in their order, or name "
                f"its folders after some of them, such as {names[0]!r}."
            )
        return folders

    @cached_property
    def _files(self) -> list[Path]:
        """Every image file, class by class. Links to folders inside a class are not followed, because they may be circular."""
        files: list[Path] = []
        for name in self._classes:
            images = sorted(_image_files(self.folder / name))
            if not images:
                raise UserError(f"The class {printable(name)!r} in {_shown(self.folder)} has no images; add some or remove its folder.")
            files += images
            if len(files) > MOST_FILES:
                raise UserError(f"{_shown(self.folder)} contains more than {MOST_FILES:,} images; give a smaller folder.")
        return files


def _spaced(folder: str) -> str:
    """The name of a class as people write it."""
    return folder.replace("_", " ")


def _image_files(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            if name.lower().endswith(ENDINGS) and path.is_file():  # reading a pipe could block forever
                yield path


def read_image(path: Path, image_size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image as (height, width, 3). Raises UserError unless it is one of KINDS and of a reasonable size."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise _refused(path, f"has {size:,} bytes, more than {MOST_BYTES:,}")
    try:
        with Image.open(path, formats=KINDS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise _refused(path, f"has {width:,} x {height:,} pixels, more than {MOST_PIXELS:,}")
            if max(width, height) > MOST_SLENDER * min(width, height):
                raise _refused(path, f"has {width:,} x {height:,} pixels, one side more than {MOST_SLENDER} times the other")
            return _cut_to_size(image.convert("RGB"), image_size)
    except Image.DecompressionBombError:
        raise _refused(path, f"has far more than {MOST_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise _refused(path, f"is not an image of type {', '.join(KINDS)}") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # Pillow's errors for damaged files
        raise _refused(path, "is damaged") from error


def _cut_to_size(image: Image.Image, image_size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = image_size
    shorter = round(height / KEPT) if height == width else max(height, width)
    whole_width, whole_height = (int(shorter * side / min(image.size)) for side in image.size)
    left, top = round((whole_width - width) / 2), round((whole_height - height) / 2)
    return np.array(image.resize((whole_width, whole_height), Image.Resampling.BILINEAR).crop((left, top, left + width, top + height)))


def _refused(path: Path, why: str) -> UserError:
    return UserError(f"{_shown(path)} {why}; remove it or replace it with a valid image.")


def _shown(path: Path) -> str:
    return printable(str(path), most=400)
