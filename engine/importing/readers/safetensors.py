"""Reads .safetensors files."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.readers.registry import register_reader
from engine.importing.schema import Given, damaged, ignored_names, texts, wanted

_DTYPES = {"BOOL", "U8", "I8", "U16", "I16", "F16", "U32", "I32", "F32", "U64", "I64", "F64"}


@register_reader(".safetensors")
def read_safetensors(path: Path, most: int) -> Given:
    try:
        with safe_open(path, "numpy") as file:  # the library checks that the header and the data agree
            names = list(file.keys())
            for name in filter(wanted, names):
                dtype = file.get_slice(name).get_dtype()
                if dtype not in _DTYPES:
                    raise UserError(f"{name} has dtype {printable(str(dtype))}, which numpy lacks; save float16 or float32.")
            arrays = {name: file.get_tensor(name) for name in filter(wanted, names)}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as problem:
        raise damaged(path, problem, "safetensors.numpy.save_file") from problem
    return Given(arrays | texts(metadata), ignored_names(names))
