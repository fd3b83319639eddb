"""Arrays out of files that others wrote. Nothing in the file is believed before it is checked, and nothing in it is ever run.

A file may be at most `MOST_BYTES` large, and may unpack to no more. No pickle is read.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.npz import read_npz
from engine.importing.parquet import read_parquet
from engine.importing.schema import Given, damaged, ignored_names, texts, too_large, wanted

#: 50,000 examples of 1,000 classes at 5 exits come to 1.9 GiB in float64.
MOST_BYTES = 2 * 2**30

_SAFETENSORS_DTYPES = {"BOOL", "U8", "I8", "U16", "I16", "F16", "U32", "I32", "F32", "U64", "I64", "F64"}


def read_arrays(path: Path, most: int = MOST_BYTES) -> Given:
    """The arrays of an .npz, .safetensors or .parquet file. Raises UserError if it is none, damaged, or larger than `most` bytes."""
    name = printable(path.name)
    form = path.suffix.lower()
    if form in (".pkl", ".pickle", ".pt", ".pth", ".joblib"):
        raise UserError(f"{name} is a pickle, which can run anything and is never opened; save its arrays with numpy.savez instead.")
    if form not in _READERS:
        raise UserError(f"{name} is of a form that cannot be imported; give an .npz, .safetensors or .parquet file.")
    try:
        there = path.is_file()
    except OSError:  # a name that no file can have
        there = False
    if not there:
        raise UserError(f"There is no file {name}; check the path.")
    if path.stat().st_size > most:
        raise too_large(path, f"has {path.stat().st_size:,}", most)
    return _READERS[form](path, most)


def _read_safetensors(path: Path, most: int) -> Given:
    try:
        with safe_open(path, "numpy") as file:  # the library checks that the header and the data agree
            names = list(file.keys())
            for name in filter(wanted, names):
                dtype = file.get_slice(name).get_dtype()
                if dtype not in _SAFETENSORS_DTYPES:
                    raise UserError(f"{name} is of type {printable(str(dtype))}, which numpy does not have; save float16 or float32.")
            arrays = {name: file.get_tensor(name) for name in filter(wanted, names)}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as problem:
        raise damaged(path, problem, "safetensors.numpy.save_file") from problem
    return Given(arrays | texts(metadata), ignored_names(names))


_READERS: Mapping[str, Callable[[Path, int], Given]] = {
    ".npz": read_npz,
    ".safetensors": _read_safetensors,
    ".parquet": read_parquet,
}
