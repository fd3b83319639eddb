"""The files that the data set of a bundle is read from, as they are on this computer now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.datasets import DATASETS
from engine.datasets.published.files import FILES, Stamp, Stamped
from engine.errors import UserError
from engine.recipes.folder import dataset_of


def files_stamp(provenance: Mapping[str, Any], folder: Path) -> Stamp:
    """Another one as soon as one of the files changes; empty if there are none, or if they are not known. folder: of all data sets"""
    name = str(provenance.get("dataset"))
    if files := FILES.get(name):
        return files.stamp(folder)
    if name not in DATASETS:
        return ()
    try:
        dataset = dataset_of(provenance)
    except UserError:
        return ()
    return dataset.stamp() if isinstance(dataset, Stamped) else ()
