"""A cascade's weights in one safetensors file, with where they came from and a checksum of every number.

The file's metadata has one entry, `offramp`: JSON with sorted keys, so that equal weights give equal bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from engine.bundle.bundle import write_synced
from engine.cascades.base import Cascade
from engine.errors import UserError
from engine.recipes import RECIPES

SCHEMA = 1
_KEY = "offramp"
Tensors = dict[str, Tensor]


def save_weights(cascade: Cascade, path: Path, recipe: str, provenance: Mapping[str, Any], half: bool = False) -> None:
    """Write the weights; the file appears whole or not at all.

    half: keep kernels and matrices in float16. Vectors stay as they are: batch norm's variances may not fit 16 bits.
    """
    tensors = {name: tensor.detach().cpu() for name, tensor in cascade.state_dict().items()}
    if half:
        tensors = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
    write_tensors(path, tensors, {"kind": "weights", "recipe": recipe, "provenance": provenance})


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
    tensors, about = read_tensors(path)
    if about.get("kind") != "weights":
        raise UserError(f"{path} holds no finished weights but a {about.get('kind')}; {_remedy(path)}")
    return tensors, about


def digest(path: Path) -> str:
    """The SHA-256 of the file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_tensors(path: Path, tensors: Tensors, about: Mapping[str, Any]) -> None:
    """Tensors by name and what there is to say about them, whole or not at all."""
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    text = json.dumps({**about, "schema": SCHEMA, "sha256": checksum(tensors)}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_synced(path, save(tensors, metadata={_KEY: text}))


def read_tensors(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """The tensors of a file and what was said about them. Raises UserError unless we wrote it and nothing changed since."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        about = json.loads(text) if text else {}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a safetensors file ({error}); {_remedy(path)}") from error
    if about.get("schema") != SCHEMA:
        raise UserError(f"{path} was not written by this version of Offramp; {_remedy(path)}")
    if about["sha256"] != checksum(tensors):
        raise UserError(f"{path} was changed after it was written: its checksum differs; {_remedy(path)}")
    return tensors, about


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and numbers."""
    state = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        state.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        state.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


def _remedy(path: Path) -> str:
    known = RECIPES.get(path.stem)
    return f"put the original file back or {known.remedy if known else 'make it anew'}."
