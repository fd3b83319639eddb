"""The registered data sets.

A new one is one file: a class that implements `Dataset`, `TextDataset` or `MaskDataset`, and a registered function that builds it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from engine.datasets.base import AnyDataset
from engine.display_text import check_name
from engine.errors import UserError

Builder = Callable[[], AnyDataset]


@dataclass(frozen=True)
class DatasetEntry:
    """A registered data set: its builder, and facts that are known without building it.

    name:         name on the command line and in bundles
    description:  its examples, to end a sentence: "32x32 photographs in 10 classes"
    build:        builds the data set; heavy imports belong inside
    small_images: whether to add a recipe NAME-NETWORK for each of the networks for small images
    training:     training settings that these images need, such as {"flip": False}
    terms:        what a person who passes its examples on must know, to end a sentence: "are for non-commercial use only"; empty for
                  those that Offramp makes
    """

    name: str
    title: str
    description: str
    classes: int
    build: Builder
    small_images: bool = True
    training: Mapping[str, Any] = field(default_factory=dict)
    terms: str = ""


_datasets: dict[str, DatasetEntry] = {}

#: All registered data sets, in order of registration.
DATASETS: Mapping[str, DatasetEntry] = MappingProxyType(_datasets)


def register_dataset(
    name: str,
    title: str,
    description: str,
    classes: int,
    small_images: bool = True,
    training: Mapping[str, Any] = MappingProxyType({}),
    terms: str = "",
) -> Callable[[Builder], Builder]:
    """Function decorator: register a data set under its name. Parameters as in `DatasetEntry`."""

    check_name("data set", name)

    def register(build: Builder) -> Builder:
        if name in _datasets:
            raise ValueError(f"two data sets are called {name!r}")
        _datasets[name] = DatasetEntry(name, title, description, classes, build, small_images, dict(training), terms)
        return build

    return register


def dataset(name: str) -> AnyDataset:
    """Build a data set. Raises UserError for an unknown name."""
    if name not in DATASETS:
        raise UserError(f"There is no data set {name!r}; choose one of: {', '.join(DATASETS)}.")
    return DATASETS[name].build()
