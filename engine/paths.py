"""The data folder (OFFRAMP_DATA, by default `data` in the repository) and the paths in it."""

import os
from hashlib import sha256
from pathlib import Path


def data_root() -> Path:
    return Path(os.environ.get("OFFRAMP_DATA") or Path(__file__).resolve().parent.parent / "data")


def data_digest() -> str:
    """A digest of the data folder's path, by which programs find out whether they use the same folder."""
    return sha256(os.fsencode(data_root().resolve())).hexdigest()[:16]


def bundles_folder() -> Path:
    return data_root() / "bundles"


def weights_file(recipe: str) -> Path:
    return data_root() / "weights" / f"{recipe}.safetensors"


def datasets_folder() -> Path:
    """The folder of third-party data sets (OFFRAMP_DATASETS, by default `datasets` in the data folder). They are never shipped."""
    return Path(os.environ.get("OFFRAMP_DATASETS") or default_datasets_folder())


def default_datasets_folder() -> Path:
    return data_root() / "datasets"
