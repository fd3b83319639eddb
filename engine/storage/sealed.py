"""Torch tensors in one safetensors file, with facts about them and a checksum over all numbers.

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

if TYPE_CHECKING:  # torch is slow to import, and storing other files does not need it
    from torch import Tensor

SCHEMA = 1
REMEDY = "restore the original file or create it again."
_KEY = "offramp"


def write_sealed(path: Path, tensors: "Mapping[str, Tensor]", about: Mapping[str, Any]) -> None:
    """Write named tensors and facts about them, atomically."""
    from safetensors.torch import save

    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    text = json.dumps({**about, "schema": SCHEMA, "sha256": checksum(tensors)}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_synced(path, save(tensors, metadata={_KEY: text}))


def read_sealed(path: Path, remedy: str = REMEDY) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """The tensors of a file and the facts about them. Raises UserError if Offramp did not write the file or it was changed since.

    remedy: what to do about an invalid file, to end a sentence
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
    """The SHA-256 over the names, types, shapes and numbers of tensors."""
    import torch

    state = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        state.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        state.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()
