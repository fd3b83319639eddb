"""What a recipe is, and the catalogue of recipes.

Reading the catalogue is cheap: data sets and networks are imported when a recipe is used, not when it is listed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.paths import weights_file

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.datasets.base import AnyDataset, Dataset


@dataclass(frozen=True)
class Training:
    """How a network is trained. Together with the data and the network, these settings determine the weights."""

    epochs: int
    batch_size: int = 128
    optimizer: str = "adamw"  # of convolution kernels, one of engine.training.optimizers.OPTIMIZERS
    learning_rate: float = 4e-3  # at its peak
    head_rate: float = 1.0  # learning rate of the heads of the exits, as a multiple of `learning_rate`
    warm_up: float = 0.15  # share of the steps in which the learning rate rises to its peak; then it falls along a cosine
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    distillation: float = 0.0  # share of an early exit's loss that compares it with the last exit
    exit_weights: tuple[float, ...] | None = None  # weight of each exit in the loss; None: all equal
    average: float = 0.998  # decay of the running average of the weights, which is the result
    flip: bool = True  # mirror half of the images
    shift: int = 4  # shift images by up to this many pixels
    jitter: float = 0.1  # change brightness and contrast of each channel by up to this share
    cutout: int = 0  # cover a square with sides of this many pixels; 0: none
    start_from: str | None = None  # recipe whose trained weights to start from, where names and shapes match
    frozen: bool = False  # keep the weights that training starts from; train only the rest
    validation: int = 2000  # number of training examples, taken from the end, held out for the learning curve
    seed: int = 0


@dataclass(frozen=True)
class RecipeConfig:
    """The plain values of a recipe: what is listed, compared and written to the provenance.

    name:       name of its weights and its bundle
    title, description: as shown
    training:   None if the weights are published and not trained here
    published:  name of such weights for `download`
    exit_names: one per exit; empty: exits are numbered
    about:      facts about the weights, written to their provenance
    variant_of: name in the catalogue of the recipe of which this is a variant
    options:    command-line options that make the variant
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
    exits: units of the trunk, counted from 1, that are followed by an exit; None: the exits cannot be moved
    """

    build: "Callable[[int, tuple[int, ...] | None], Cascade]"
    exits: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Recipe:
    """How to make one network with exits: its configuration and the builders of its parts.

    dataset: builds the data set
    cascade: builds the network, untrained
    network: builds the same network for other classes and exits, if possible
    images:  builds the data set from a folder of the user, if the recipe takes one
    begin:   builds the network with the weights that training starts from; None: `cascade`
    starts:  the recipe named by `training.start_from`, if it is not in the catalogue
    """

    config: RecipeConfig
    dataset: "Callable[[], AnyDataset]"
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

    def image_dataset(self) -> "Dataset":
        """Its data set, where only labelled images will do. Raises UserError if the recipe reads texts or gives masks."""
        from engine.datasets.base import MaskDataset, TextDataset

        built = self.dataset()
        if isinstance(built, TextDataset):
            raise UserError(f"{self.name} reads texts, but images are needed here; choose a recipe for images.")
        if isinstance(built, MaskDataset):
            raise UserError(f"{self.name} gives masks, but classes of images are needed here; choose a recipe for labelled images.")
        return built

    @property
    def listed(self) -> str:
        """Its name in the catalogue, or the name of the recipe of which it is a variant."""
        return self.config.variant_of or self.config.name

    @property
    def arguments(self) -> str:
        """The command-line arguments for `train`, `compute` or `measure`."""
        return f"{self.listed} {self.config.options}".rstrip()

    @property
    def remedy(self) -> str:
        """What to do if its weights are missing."""
        if self.config.published:
            return f"download them with `python -m engine download {self.config.published}`"
        return f"train them with `python -m engine train {self.arguments}`"

    def configured(self, **changes: Any) -> "Recipe":
        """The same builders with another configuration. changes: fields of `RecipeConfig`"""
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


#: All recipes: the registered ones in order, then those of each source.
RECIPES: Mapping[str, Recipe] = _Catalogue()


def register(make: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Function decorator: register a recipe under its name."""
    recipe = make()
    if recipe.name in RECIPES:
        raise ValueError(f"two recipes are called {recipe.name!r}")
    _recipes[recipe.name] = recipe
    return make


def register_source(source: Callable[[], Makers]) -> Callable[[], Makers]:
    """Function decorator: register recipes that depend on other registrations. The function is called at every lookup."""
    _sources.append(source)
    return source


def weights_path(name: str) -> Path:
    """The path of a recipe's weights, whether or not they exist."""
    return weights_file(name)
