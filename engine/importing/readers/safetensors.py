"""Reads .safetensors files. Tensors in bfloat16, which numpy lacks, become float32, which holds the same numbers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.budget import Declared, check_arrays
from engine.importing.readers.registry import register_reader
from engine.importing.schema import Given, damaged, ignored_names, texts, wanted
from engine.storage.tensors import tensor_bytes

#: Bytes of a value, of the types that numpy has too, and of bfloat16 as it is read.
_WIDTHS = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "BF16": 4}


@register_reader(".safetensors")
def read_safetensors(path: Path, most: int) -> Given:
    try:
        with safe_open(path, "numpy") as file:  # the library checks that the header and the data agree
            names, half, declared = list(file.keys()), [], {}
            for name in filter(wanted, names):
                part = file.get_slice(name)
                dtype = part.get_dtype()
                if dtype == "BF16":
                    half.append(name)
                elif dtype not in _WIDTHS:
                    raise UserError(f"{name} has dtype {printable(str(dtype))}, which numpy lacks; save float16 or float32.")
                declared[name] = Declared(tuple(part.get_shape()), _WIDTHS[dtype])
            check_arrays(printable(path.name), declared, most)
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
