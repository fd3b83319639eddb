"""What a recipe is, and the catalogue of them.

Feature the catalogue is cheap: data sets and networks are imported when a recipe is followed, not when it is listed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engine.paths import weights_file

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.datasets.base import Dataset


@dataclass(frozen=True)
class Training:
    """How a network is trained. Everything here, and nothing else but data and network, decides the weights."""

    epochs: int
    batch_size: int = 128
    optimizer: str = "adamw"  # of convolution kernels, one of engine.training.optimizers.OPTIMIZERS
    learning_rate: float = 4e-3  # at its peak
    warm_up: float = 0.15  # share of the steps in which the learning rate rises to its peak; then it falls as a cosine
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    distillation: float = 0.0  # share of an early exit's loss that asks it to agree with the last exit
    exit_weights: tuple[float, ...] | None = None  # share of each exit in the loss; None: all the same
    average: float = 0.998  # decay of the running average of the weights, which is what is kept in the end
    flip: bool = True  # mirror half of the pictures
    shift: int = 4  # move pictures by up to so many pixels
    jitter: float = 0.1  # change brightness and contrast of each colour by up to this share
    cutout: int = 0  # cover a square of so many pixels a side
    start_from: str | None = None  # the recipe whose trained weights to begin with, wherever names and shapes agree
    frozen: bool = False  # the trunk that was given stays as it is: only the rest learns
    validation: int = 2000  # the last so many training examples are held out to draw the learning curve
    seed: int = 0


@dataclass(frozen=True)
class Network:
    """A network for any number of classes.

    make:  (classes, exits) -> the untrained network
    exits: units of its trunk, counted from 1, after which one may leave; None: its exits cannot be moved
    """

    make: "Callable[[int, tuple[int, ...] | None], Cascade]"
    exits: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Recipe:
    """How to make one network with exits.

    dataset:   makes the data set;  cascade: makes the network, untrained
    network:   the same network for other classes and with other exits, where that makes sense
    images:    makes the data set of a folder that a person names, where the recipe is for such
    begin:     makes the network with what weights the training begins with; None: cascade
    training:  None where the weights are not trained but published by others
    published: what `download` knows such weights as
    starts:    the recipe that `training.start_from` names, where it is not in the catalogue
    exit_names: what to call the exits, one each; none: they are numbered
    about:     facts about the weights to write into their provenance
    varies:    the name in the catalogue of what this is a variant of;  options: what was chosen, as on the command line
    """

    name: str
    title: str
    description: str
    dataset: "Callable[[], Dataset]"
    cascade: "Callable[[], Cascade]"
    training: Training | None
    network: Network | None = None
    images: "Callable[[Path], Dataset] | None" = None
    begin: "Callable[[], Cascade] | None" = None
    published: str | None = None
    starts: "Recipe | None" = None
    exit_names: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    varies: str | None = None
    options: str = ""

    @property
    def listed(self) -> str:
        """Its name in the catalogue, or that of what it varies."""
        return self.varies or self.name

    @property
    def asked(self) -> str:
        """What to write after `train`, `compute` or `measure`."""
        return f"{self.listed} {self.options}".rstrip()

    @property
    def remedy(self) -> str:
        """What to do where its weights are missing."""
        if self.published:
            return f"fetch them with `python -m engine download {self.published}`"
        return f"train them with `python -m engine train {self.asked}`"


_recipes: dict[str, Recipe] = {}

#: Every registered recipe, in the order of registration.
RECIPES: Mapping[str, Recipe] = MappingProxyType(_recipes)


def register(make: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Function decorator: make a recipe known under its name."""
    made = make()
    if made.name in _recipes:
        raise ValueError(f"two recipes are called {made.name!r}")
    _recipes[made.name] = made
    return make


def weights_path(name: str) -> Path:
    """Where a recipe's weights lie, or would."""
    return weights_file(name)
