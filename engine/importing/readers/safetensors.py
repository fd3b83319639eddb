"""Reads .safetensors files. Tensors in bfloat16, which numpy lacks, become float32, which holds the same numbers."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.readers.registry import register_reader
from engine.importing.schema import Given, damaged, ignored_names, texts, too_large, wanted
from engine.storage.tensors import tensor_bytes

#: Those that numpy has too.
_DTYPES = {"BOOL", "U8", "I8", "U16", "I16", "F16", "U32", "I32", "F32", "U64", "I64", "F64"}


@register_reader(".safetensors")
def read_safetensors(path: Path, most: int) -> Given:
    try:
        with safe_open(path, "numpy") as file:  # the library checks that the header and the data agree
            names, half = list(file.keys()), []
            for name in filter(wanted, names):
                dtype = file.get_slice(name).get_dtype()
                if dtype == "BF16":
                    half.append(name)
                elif dtype not in _DTYPES:
                    raise UserError(f"{name} has dtype {printable(str(dtype))}, which numpy lacks; save float16 or float32.")
            # In float32 they take twice the space.
            grown = path.stat().st_size + sum(2 * math.prod(file.get_slice(name).get_shape()) for name in half)
            if grown > most:
                raise too_large(path, f"unpacks to {grown:,}", most)
            arrays = {name: file.get_tensor(name) for name in filter(wanted, names) if name not in half}
            arrays |= {name: _float32(path, name, file.get_slice(name).get_shape()) for name in half}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as problem:
        raise damaged(path, problem, "safetensors.numpy.save_file") from problem
    return Given(arrays | texts(metadata), ignored_names(names))


def _float32(path: Path, name: str, shape: list[int]) -> NDArray[np.float32]:
    """A tensor of bfloat16. Its 16 bits are the first ones of a float32."""
    bits = np.frombuffer(tensor_bytes(path, name), "<u2").astype(np.uint32) << 16
    return bits.view(np.float32).reshape(shape)
