"""Data sets of images and labels. Importing this package registers all of them and builds none."""

from engine.datasets import builtin  # noqa: F401 - registers them
from engine.datasets.base import Dataset, Images
from engine.datasets.registry import DATASETS, DatasetEntry, dataset, register_dataset

__all__ = ["DATASETS", "Dataset", "DatasetEntry", "Images", "dataset", "register_dataset"]
