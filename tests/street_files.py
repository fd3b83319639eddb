"""Small stand-ins for the files of CamVid and Cityscapes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.datasets import camvid
from engine.datasets.cityscapes import LABEL_IDS

#: Frames of each official set of CamVid.
FRAMES = {"train": 7, "val": 5, "test": 3}
#: Cities of each official set of Cityscapes and their frames.
CITIES = {"train": {"aachen": 3, "bochum": 2}, "val": {"lindau": 5, "munster": 4}}
#: Of a stand-in for a frame of Cityscapes, twice the sides to which frames are downscaled.
TALL, WIDE = 256, 512


def camvid_arrays(frames: int, seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    """Random pixels, and masks with a band for each class and one without a class."""
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, camvid.HEIGHT, camvid.WIDTH, 3), np.uint8)
    bands = (np.arange(camvid.HEIGHT)[:, None] // 8 + np.arange(frames)[:, None, None]) % (len(camvid.CLASS_NAMES) + 1)
    return {"pixels": pixels, "mask": np.broadcast_to(bands, pixels.shape[:3]).astype(np.uint8)}


def camvid_file(folder: Path, part: str) -> Path:
    return folder / "camvid" / f"{part}_{camvid.HEIGHT}x{camvid.WIDTH}.npz"


def write_camvid(folder: Path, frames: Mapping[str, int] = FRAMES) -> None:
    (folder / "camvid").mkdir(parents=True, exist_ok=True)
    for seed, (part, count) in enumerate(frames.items()):
        np.savez(camvid_file(folder, part), allow_pickle=False, **camvid_arrays(count, seed))


def cityscapes_files(folder: Path, official: str, city: str, number: int) -> tuple[Path, Path]:
    """A frame and its mask."""
    root, name = folder / "cityscapes", f"{city}_{number:06}_000019"
    picture = root / "leftImg8bit" / official / city / f"{name}_leftImg8bit.png"
    return picture, root / "gtFine" / official / city / f"{name}_gtFine_labelIds.png"


def cityscapes_arrays(shade: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A frame of columns that are dark and bright in turn, and label ids: a column for each class, the others without one."""
    pixels = np.full((TALL, WIDE, 3), shade, np.uint8)
    pixels[:, ::2] += 20
    ids = np.zeros(WIDE, np.uint8)
    ids[: 20 * len(LABEL_IDS)] = np.repeat(np.array(list(LABEL_IDS.values()), np.uint8), 20)
    return pixels, np.broadcast_to(ids, (TALL, WIDE)).copy()


def write_cityscapes(folder: Path) -> None:
    """In the layout of the official archives, with other files beside those that are read."""
    for official, cities in CITIES.items():
        for city, frames in cities.items():
            for number in range(frames):
                paths = cityscapes_files(folder, official, city, number)
                for path, array in zip(paths, cityscapes_arrays(10 * number + len(city)), strict=True):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(array).save(path, compress_level=1)
                paths[1].with_name(paths[1].name.replace("labelIds", "color")).write_bytes(b"not read")
