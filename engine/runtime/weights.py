"""A cascade's weights in one sealed file (see `engine.storage.sealed`), with where they came from."""

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
    """Write the weights; the file appears whole or not at all.

    half: keep kernels and matrices in float16. Vectors stay as they are: batch norm's variances may not fit 16 bits.
    """
    tensors = {name: tensor.detach().cpu() for name, tensor in cascade.state_dict().items()}
    if half:
        tensors = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
    write_sealed(path, tensors, {"kind": "weights", "recipe": recipe, "provenance": provenance})


def load_weights(cascade: Cascade, path: Path) -> dict[str, Any]:
    """Fill `cascade` with the weights at `path`; returns their provenance."""
    if not path.is_file():
        raise UserError(f"There are no weights at {path}; {_remedy(path)}")
    tensors, about = _finished(path)
    ours = cascade.state_dict()
    for name in sorted(ours.keys() | tensors.keys()):
        if name not in tensors or name not in ours or ours[name].shape != tensors[name].shape:
            raise UserError(f"{path} holds the weights of another network: they differ at {name}; {_remedy(path)}")
    cascade.load_state_dict(tensors)
    return about["provenance"]


def take_over(cascade: Cascade, path: Path) -> set[str]:
    """Fill `cascade` with those weights at `path` that have its names and shapes; returns the names. None of them is an error."""
    tensors, _ = _finished(path)
    ours = cascade.state_dict()
    taken = {name: tensor for name, tensor in tensors.items() if name in ours and ours[name].shape == tensor.shape}
    if not taken:
        raise UserError(f"{path} holds nothing that this network could begin with: no weights of the same name and shape.")
    cascade.load_state_dict(taken, strict=False)
    return set(taken)


def provenance_of(path: Path) -> dict[str, Any]:
    """Where the weights at `path` come from."""
    return _finished(path)[1]["provenance"]


def _finished(path: Path) -> tuple[Tensors, dict[str, Any]]:
    tensors, about = read_sealed(path, _remedy(path))
    if about.get("kind") != "weights":
        raise UserError(f"{path} holds no finished weights but a {about.get('kind')}; {_remedy(path)}")
    return tensors, about


def _remedy(path: Path) -> str:
    known = RECIPES.get(path.stem)
    return f"put the original file back or {known.remedy if known else 'make it anew'}."
