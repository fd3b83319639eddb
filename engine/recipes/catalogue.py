"""What a recipe is, and the catalogue of them.

Feature the catalogue is cheap: data sets and networks are imported when a recipe is followed, not when it is listed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
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
class RecipeConfig:
    """Everything about a recipe that is a plain value: what is listed, compared and written into a provenance.

    name:       of its weights and its bundle
    title, description: as shown
    training:   None where the weights are not trained but published by others
    published:  what `download` calls such weights
    exit_names: names of the exits, one each; empty: they are numbered
    about:      facts about the weights to write into their provenance
    variant_of: the name in the catalogue of the recipe that this one varies
    options:    what was chosen in doing so, as on the command line
    """

    name: str
    title: str
    description: str
    training: Training | None
    published: str | None = None
    exit_names: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    variant_of: str | None = None
    options: str = ""


@dataclass(frozen=True)
class NetworkBuilder:
    """Builds a network for any number of classes.

    build: (classes, exits) -> the untrained network
    exits: units of its trunk, counted from 1, after which an example may leave; None: its exits cannot be moved
    """

    build: "Callable[[int, tuple[int, ...] | None], Cascade]"
    exits: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Recipe:
    """How to make one network with exits: its configuration, and the builders of its parts.

    dataset: builds the data set
    cascade: builds the network, untrained
    network: builds the same network for other classes and with other exits, where that is possible
    images:  builds the data set from a folder that the user names, where the recipe is for such
    begin:   builds the network with the weights that training begins with; None: `cascade`
    starts:  the recipe that `training.start_from` names, where it is not in the catalogue
    """

    config: RecipeConfig
    dataset: "Callable[[], Dataset]"
    cascade: "Callable[[], Cascade]"
    network: NetworkBuilder | None = None
    images: "Callable[[Path], Dataset] | None" = None
    begin: "Callable[[], Cascade] | None" = None
    starts: "Recipe | None" = None

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def training(self) -> Training | None:
        return self.config.training

    @property
    def listed(self) -> str:
        """Its name in the catalogue, or that of the recipe it varies."""
        return self.config.variant_of or self.config.name

    @property
    def arguments(self) -> str:
        """What to write after `train`, `compute` or `measure`."""
        return f"{self.listed} {self.config.options}".rstrip()

    @property
    def remedy(self) -> str:
        """What to do where its weights are missing."""
        if self.config.published:
            return f"fetch them with `python -m engine download {self.config.published}`"
        return f"train them with `python -m engine train {self.arguments}`"

    def configured(self, **changes: Any) -> "Recipe":
        """The same builders under another configuration; changes: fields of `RecipeConfig`."""
        return replace(self, config=replace(self.config, **changes))


Makers = Mapping[str, Callable[[], Recipe]]
_recipes: dict[str, Recipe] = {}
_sources: list[Callable[[], Makers]] = []


def _makers() -> Makers:
    registered = {name: lambda recipe=recipe: recipe for name, recipe in _recipes.items()}
    return {name: make for makers in (registered, *(source() for source in _sources)) for name, make in makers.items()}


class _Catalogue(Mapping[str, Recipe]):
    def __getitem__(self, name: str) -> Recipe:
        return _makers()[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(_makers())

    def __len__(self) -> int:
        return len(_makers())


#: Every recipe: the registered ones in their order, then those of each source.
RECIPES: Mapping[str, Recipe] = _Catalogue()


def register(make: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Function decorator: make a recipe known under its name."""
    recipe = make()
    if recipe.name in RECIPES:
        raise ValueError(f"two recipes are called {recipe.name!r}")
    _recipes[recipe.name] = recipe
    return make


def register_source(source: Callable[[], Makers]) -> Callable[[], Makers]:
    """Function decorator: make recipes known that depend on what else is registered; the function is called at every look."""
    _sources.append(source)
    return source


def weights_path(name: str) -> Path:
    """Where a recipe's weights are, or would be."""
    return weights_file(name)
