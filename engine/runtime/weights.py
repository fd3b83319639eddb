"""The weights of a cascade in one sealed file (see `engine.storage.sealed`), with their provenance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.cascades.base import Cascade
from engine.errors import UserError
from engine.recipes import RECIPES
from engine.storage.sealed import read_sealed, write_sealed

Tensors = dict[str, Tensor]


def save_weights(cascade: Cascade, path: Path, recipe: str, provenance: Mapping[str, Any], half: bool = False) -> None:
    """Write the weights atomically.

    half: store kernels and matrices in float16. Vectors stay as they are: batch norm's variances may not fit 16 bits.
    """
    tensors = {name: tensor.detach().cpu() for name, tensor in cascade.state_dict().items()}
    if half:
        tensors = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
    write_sealed(path, tensors, {"kind": "weights", "recipe": recipe, "provenance": provenance})


def load_weights(cascade: Cascade, path: Path) -> dict[str, Any]:
    """Load the weights at `path` into `cascade`; returns their provenance. Raises UserError if they are missing or do not fit."""
    if not path.is_file():
        raise UserError(f"There are no weights at {path}; {_remedy(path)}")
    tensors, about = _finished(path)
    expected = cascade.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected or expected[name].shape != tensors[name].shape:
            raise UserError(f"{path} holds the weights of another network, which differs in {name}; {_remedy(path)}")
    cascade.load_state_dict(tensors)
    return about["provenance"]


def take_over(cascade: Cascade, path: Path) -> set[str]:
    """Load the weights at `path` whose names and shapes fit `cascade`; returns their names. Raises UserError if none fits."""
    tensors, _ = _finished(path)
    expected = cascade.state_dict()
    matches = {name: tensor for name, tensor in tensors.items() if name in expected and expected[name].shape == tensor.shape}
    if not matches:
        raise UserError(f"No weights in {path} have a name and shape of this network; start from the weights of a similar network.")
    cascade.load_state_dict(matches, strict=False)
    return set(matches)


def provenance_of(path: Path) -> dict[str, Any]:
    """The provenance of the weights at `path`."""
    return _finished(path)[1]["provenance"]


def _finished(path: Path) -> tuple[Tensors, dict[str, Any]]:
    tensors, about = read_sealed(path, _remedy(path))
    if about.get("kind") != "weights":
        raise UserError(f"{path} holds a {about.get('kind')} in place of finished weights; {_remedy(path)}")
    return tensors, about


def _remedy(path: Path) -> str:
    known = RECIPES.get(path.stem)
    return f"restore the original file or {known.remedy if known else 'create it again'}."
