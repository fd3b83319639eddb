"""Data sets: where images and labels come from. Importing this package registers every one of them, and builds none."""

from engine.datasets import builtin  # noqa: F401 - which registers them
from engine.datasets.base import Dataset, Images
from engine.datasets.registry import DATASETS, DatasetEntry, dataset, register_dataset

__all__ = ["DATASETS", "Dataset", "DatasetEntry", "Images", "dataset", "register_dataset"]
