"""The data folder (OFFRAMP_DATA, by default `data` in the repository) and the paths in it; files that Python packages bring."""

import os
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
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


def installed_files(package: str, pattern: str) -> Iterator[Path]:
    """The files of an installed Python package whose path in it matches a pattern of `Path.glob`, in order; none if it is not installed.

    The package is looked up where Python looks for packages and never imported, so none of its code runs.

    package: name by which Python would import it, without dots
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        yield from sorted(path for path in Path(folder).glob(pattern) if path.is_file())
