"""torchvision's ImageNet networks, by name, with the first weights published for each.

Names are looked up in torchvision's own list, so user input is never imported. Published files are pickles: they are opened only if their
SHA-256 begins with the digits in their name, and then only tensors are loaded. They are kept as safetensors.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision import models

from engine.errors import UserError
from engine.paths import weights_file
from engine.storage.sealed import read_sealed, write_sealed

#: `download` and recipes name a network by this prefix and torchvision's name.
PREFIX = "torchvision:"
#: Auxiliary classifiers only help training, and initial weights are replaced anyway.
_MADE_WITH = {name: {"aux_logits": False, "init_weights": False, "transform_input": True} for name in ("googlenet", "inception_v3")}
_SIDE_EXITS = ("aux1.", "aux2.", "AuxLogits.")
State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Known:
    """One of torchvision's ImageNet networks."""

    name: str

    @cached_property
    def weights(self) -> models.WeightsEnum:
        return next(iter(models.get_model_weights(self.name)))

    @property
    def published(self) -> str:
        """torchvision's name of the weights, such as ResNet18_Weights.IMAGENET1K_V1."""
        return str(self.weights)

    @property
    def published_outputs(self) -> int:
        return len(self.weights.meta["categories"])

    @cached_property
    def _preset(self) -> Any:
        return self.weights.transforms()

    @property
    def image_size(self) -> tuple[int, int]:
        (side,) = self._preset.crop_size
        return side, side

    @property
    def mean(self) -> tuple[float, ...]:
        return tuple(self._preset.mean)

    @property
    def deviation(self) -> tuple[float, ...]:
        return tuple(self._preset.std)

    def make(self, outputs: int) -> nn.Module:
        """The network with random weights and this number of classes."""
        settings = _MADE_WITH.get(self.name, {"image_size": self.image_size[0]} if self.name.startswith("vit_") else {})
        return models.get_model(self.name, weights=None, num_classes=outputs, **settings)

    @cached_property
    def _blank(self) -> nn.Module:
        with torch.device("meta"):
            return self.make(self.published_outputs)

    @cached_property
    def last_layer(self) -> str:
        linear = [name for name, module in self._blank.named_modules() if isinstance(module, nn.Linear)]
        if not linear:
            raise UserError(f"{self.name} has no linear last layer, so it cannot be given other classes; choose another network.")
        return linear[-1]

    def layers(self) -> str:
        """Names of some layers, as a hint for users who named none."""
        names = [name for name, module in self._blank.named_modules() if name and name.count(".") <= 1 and any(module.children())]
        return ", ".join(names[:8])

    def outputs(self, state: State) -> int:
        """The number of classes of these weights."""
        last = state.get(f"{self.last_layer}.weight")
        if last is None:
            raise UserError(f"The weights lack {self.last_layer}.weight of {self.name}; give weights of this network.")
        return len(last)

    def fill(self, network: nn.Module, state: State, source: Path | None = None) -> None:
        """Load the weights. Raises UserError unless names and shapes match the network's. Auxiliary classifiers are ignored."""
        state = {name: tensor for name, tensor in state.items() if not name.startswith(_SIDE_EXITS)}
        ours = network.state_dict()
        for name in sorted(ours.keys() | state.keys()):
            if name not in state or name not in ours or ours[name].shape != state[name].shape:
                what = source or "The published file"
                raise UserError(f"{what} does not hold weights of torchvision's {self.name}: they differ at {name}.")
        network.load_state_dict(state)

    def drop_last_layer(self, network: nn.Module) -> nn.Linear:
        """Remove the last layer and return it: the network then returns that layer's input."""
        around, _, name = self.last_layer.rpartition(".")
        last = cast(nn.Linear, network.get_submodule(self.last_layer))
        setattr(network.get_submodule(around), name, nn.Identity())
        return last


def known_network(name: str) -> Known:
    names = models.list_models(module=torchvision.models)
    if name not in names:
        raise UserError(f"torchvision has no network {name!r}; choose one of: {', '.join(names)}.")
    return Known(name)


def fetch(known: Known) -> State:
    """The published weights, from torchvision's cache or its site. Raises UserError if they cannot be downloaded."""
    try:
        return known.weights.get_state_dict(progress=sys.stderr.isatty(), check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:  # no network, no room, or not the published bytes
        reason = str(getattr(error, "reason", error)).splitlines()[0].rstrip(".")
        raise UserError(
            f"torchvision's ImageNet weights could not be downloaded from {known.weights.url} ({reason}); "
            f"connect to the internet and try again, or put the file into {Path(torch.hub.get_dir(), 'checkpoints')}."
        ) from error


def published_file(known: Known) -> Path:
    return weights_file(f"torchvision-{known.name}")


def download(name: str) -> Path:
    """Download the published weights of torchvision's network `name`, keep them as safetensors and return the file."""
    known = known_network(name)
    path = published_file(known)
    write_sealed(path, dict(fetch(known)), {"kind": "published", "name": known.published})
    return path


def weights_of(known: Known) -> State:
    """The published weights that `download` stored."""
    path = published_file(known)
    if not path.is_file():
        raise UserError(
            f"The published weights of {known.name} are not at {path}; "
            f"download them with `python -m engine download {PREFIX}{known.name}`, or give your own safetensors file with --weights."
        )
    tensors, _ = read_sealed(path)
    return tensors


def read_weights(path: Path) -> State:
    """The tensors of a user's safetensors file."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a safetensors file ({error}); save the network's state dict in that format.") from error
