"""Recipes for existing, trained networks, wrapped with exits. The trunk stays frozen; only the new heads are trained."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from engine.cascades.base import Cascade
from engine.cascades.pretrained import PREFIX, known_network, read_weights, weights_of
from engine.cascades.wrap import wrap
from engine.datasets.base import Dataset
from engine.datasets.folder import ImageFolder
from engine.errors import UserError
from engine.recipes.catalogue import Recipe, RecipeConfig, Training
from engine.recipes.exits import check_network
from engine.recipes.names import FOLDER, folder_name, short_name
from engine.storage.files import sha256_of
from engine.storage.sealed import checksum

#: Only the heads are trained: a linear layer each.
HEADS = Training(epochs=5, label_smoothing=0.0, average=0.99, shift=8, frozen=True)


def wrapped_recipe(
    name: str,
    network: nn.Module,
    exits: Sequence[str],
    dataset: Dataset,
    training: Training = HEADS,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    deviation: Sequence[float] = (1.0, 1.0, 1.0),
    features: bool = False,
) -> Recipe:
    """A recipe for any torch module, which `train`, `compute` and `measure` take in place of a name.

    exits:           layers that are followed by an exit, in the order in which they run, named as in `network.named_modules()`
    mean, deviation: of each colour channel, for pixels in [0, 1], by which the network's training images were scaled;
                     by default they were not scaled
    features:        whether the network returns features (batch, features), which get a head too, in place of logits (batch, classes)

    engine.cascades.wrap states what can be wrapped. Raises UserError if the network or the exits do not fit.
    """

    if not exits:
        raise UserError("A wrapped network needs exits after some of its layers; give their names, as in network.named_modules().")

    def cascade() -> Cascade:
        return wrap(network, exits, dataset.image_size, mean, deviation, classes=len(dataset.class_names), features=features)

    cascade()
    config = RecipeConfig(
        name=name,
        title=name,
        description=f"{type(network).__name__}, wrapped, on {dataset.name}, with exits after {', '.join(exits)} and at its end.",
        training=training,
        about={"trunk_sha256": checksum(network.state_dict())},
    )
    return Recipe(config, dataset=lambda: dataset, cascade=cascade)


def torchvision_recipe(images: Path, name: str, exits: Sequence[str], weights: Path | None = None) -> Recipe:
    """One of torchvision's networks for ImageNet, wrapped, on a folder of images.

    weights: a safetensors file of the network's state; None: the published ones, which `download` must have fetched

    If the weights have as many classes as the folder, the network's own classifier is the last exit. Otherwise its last layer is replaced
    by a trained head.
    """
    known = known_network(name)
    if not exits:
        raise UserError(f"A wrapped network needs exits after some of its layers; choose them with --exits from {known.layers()}.")
    if weights and not weights.is_file():
        raise UserError(f"There are no weights at {weights}; give a safetensors file with the state of {name}.")
    dataset = ImageFolder(images, known.image_size)
    outputs = known.outputs(read_weights(weights)) if weights else known.published_outputs
    features = outputs != len(dataset.class_names)
    parts = (name, *([weights.stem] if weights else []))

    def wrapped(fill: Callable[[nn.Module], Any] = lambda network: None) -> Cascade:
        network = known.make(outputs)
        fill(network)
        if features:
            known.drop_last_layer(network)
        return wrap(network, exits, known.image_size, known.mean, known.deviation, classes=len(dataset.class_names), features=features)

    def begin() -> Cascade:
        state = read_weights(weights) if weights else weights_of(known)
        return wrapped(lambda network: known.fill(network, state, weights))

    listed = ",".join(exits)
    options = f"--images {shlex.quote(str(images))} --network {PREFIX}{name} --exits {shlex.quote(listed)}"
    config = RecipeConfig(
        name=short_name(f"{folder_name(images, *parts)}-exits-{'-'.join(exits)}"),
        title=f"{dataset.name}, {name} with exits",
        description=f"torchvision's {name}, wrapped, on the images in {dataset.name}, with exits after {', '.join(exits)} and at its end.",
        training=HEADS,
        about={"trunk_sha256": sha256_of(weights)} if weights else {"trunk": known.published},
        variant_of=FOLDER,
        options=f"{options} --weights {shlex.quote(str(weights))}" if weights else options,
    )
    recipe = Recipe(config, dataset=lambda: dataset, cascade=wrapped, begin=begin)
    check_network(recipe)
    return recipe
