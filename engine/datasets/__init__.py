"""Data sets of labelled images, texts, or images with masks. Importing this package registers all of them and builds none."""

from engine.datasets import builtin  # noqa: F401 - registers them
from engine.datasets.base import IGNORED, AnyDataset, Dataset, Images, MaskDataset, MaskedImages, TextDataset, Texts
from engine.datasets.registry import DATASETS, DatasetEntry, dataset, register_dataset

__all__ = [
    "DATASETS",
    "IGNORED",
    "AnyDataset",
    "Dataset",
    "DatasetEntry",
    "Images",
    "MaskDataset",
    "MaskedImages",
    "TextDataset",
    "Texts",
    "dataset",
    "register_dataset",
]
