"""Data sets of labelled images or texts. Importing this package registers all of them and builds none."""

from engine.datasets import builtin  # noqa: F401 - registers them
from engine.datasets.base import AnyDataset, Dataset, Images, TextDataset, Texts
from engine.datasets.registry import DATASETS, DatasetEntry, dataset, register_dataset

__all__ = ["DATASETS", "AnyDataset", "Dataset", "DatasetEntry", "Images", "TextDataset", "Texts", "dataset", "register_dataset"]
