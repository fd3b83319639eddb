"""Torch tensors in one safetensors file, with what there is to say about them and a checksum of every number.

The file's metadata has one entry, `offramp`: JSON with sorted keys, so that equal tensors give equal bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from engine.errors import UserError
from engine.storage.files import write_synced

if TYPE_CHECKING:  # torch is slow to import, and not everyone who stores files has it
    from torch import Tensor

SCHEMA = 1
REMEDY = "put the original file back or make it again."
_KEY = "offramp"


def write_sealed(path: Path, tensors: "Mapping[str, Tensor]", about: Mapping[str, Any]) -> None:
    """Write tensors by name and what there is to say about them, whole or not at all."""
    from safetensors.torch import save

    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    text = json.dumps({**about, "schema": SCHEMA, "sha256": checksum(tensors)}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_synced(path, save(tensors, metadata={_KEY: text}))


def read_sealed(path: Path, remedy: str = REMEDY) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """The tensors of a file and what was said about them. Raises UserError unless we wrote it and nothing has changed since.

    remedy: what to do where the file is no good, the end of a sentence
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        about = json.loads(text) if text else {}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a safetensors file ({error}); {remedy}") from error
    if about.get("schema") != SCHEMA:
        raise UserError(f"{path} was not written by this version of Offramp; {remedy}")
    if about["sha256"] != checksum(tensors):
        raise UserError(f"{path} was changed after it was written: its checksum differs; {remedy}")
    return tensors, about


def checksum(tensors: "Mapping[str, Tensor]") -> str:
    """SHA-256 over names, types, shapes and numbers."""
    import torch

    state = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        state.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        state.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()
