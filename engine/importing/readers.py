"""Arrays out of files that others wrote. Nothing in the file is believed before it is checked, and nothing in it is ever run.

A file may be at most `MOST_BYTES` large, and may unpack to no more. No pickle is read.
"""

import json
import math
import re
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from engine.display_text import plain
from engine.errors import UserError

#: 50,000 examples of 1,000 classes at 5 exits come to 1.9 GiB in float64.
MOST_BYTES = 2 * 2**30
_MOST_ARRAYS = 200

_NAMES = {
    *("logits", "probs", "pred", "conf", "labels", "cost", "stage_cost"),
    *("split", "images", "exit_names", "class_names", "ids", "topology"),
}
_PREFIXED = re.compile(r"(cost|stage_cost|factor)_\w{1,40}")
_ZIP_PROBLEMS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_HEADER_PROBLEMS = (ValueError, SyntaxError, tokenize.TokenError, MemoryError)  # numpy reads headers as Python literals
_SAFETENSORS_DTYPES = {"BOOL", "U8", "I8", "U16", "I16", "F16", "U32", "I32", "F32", "U64", "I64", "F64"}


@dataclass(frozen=True, eq=False)
class Given:
    """What a file holds.

    arrays:  by name; numbers or fixed-width text
    ignored: cleaned names of what is of no use here, a misspelt option perhaps
    """

    arrays: Mapping[str, NDArray]
    ignored: tuple[str, ...]


def read_arrays(path: Path, most: int = MOST_BYTES) -> Given:
    """The arrays of an .npz, .safetensors or .parquet file. Raises UserError if it is none, damaged, or larger than `most` bytes."""
    name = plain(path.name)
    form = path.suffix.lower()
    if form in (".pkl", ".pickle", ".pt", ".pth", ".joblib"):
        raise UserError(f"{name} is a pickle, which can run anything and is never opened; save its arrays with numpy.savez instead.")
    if form not in _READERS:
        raise UserError(f"{name} is of a form that cannot be imported; give an .npz, .safetensors or .parquet file.")
    if not path.is_file():
        raise UserError(f"There is no file {name}; check the path.")
    if path.stat().st_size > most:
        raise _too_large(path, f"has {path.stat().st_size:,}", most)
    return _READERS[form](path, most)


def wanted(name: str) -> bool:
    """Whether an array of this name is of use."""
    return name in _NAMES or bool(_PREFIXED.fullmatch(name))


def texts(metadata: Mapping[str, str]) -> dict[str, NDArray[np.str_]]:
    """Names kept in a file's metadata, for forms whose arrays hold only numbers: JSON lists of strings, and `topology` as it is."""
    found = {"topology": np.array(plain(metadata["topology"]))} if "topology" in metadata else {}
    for name in ("class_names", "exit_names"):
        if name not in metadata:
            continue
        try:
            listed = json.loads(metadata[name])
        except (ValueError, RecursionError):
            listed = None
        if not isinstance(listed, list) or not listed or not all(isinstance(text, str) for text in listed):
            raise UserError(f'{name} in the metadata is no JSON list of strings; write it as ["first", "second"].')
        # Cleaned before it becomes an array: every cell of one is as wide as its longest text.
        found[name] = np.array([plain(text) for text in listed])
    return found


def read_npz(path: Path, most: int) -> Given:
    """Arrays of a zip archive of .npy files, as numpy.savez writes it."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(members) < len(archive.infolist()) or len(members) > _MOST_ARRAYS:
                found = f"{len(archive.infolist())} arrays, {len(members)} of them with names of their own"
                raise UserError(f"{plain(path.name)} has {found}; give at most {_MOST_ARRAYS}, each under another name.")
            useful = {name: info for name, info in members.items() if wanted(name)}
            unpacked = sum(info.file_size for info in useful.values())
            if unpacked > most:
                raise _too_large(path, f"unpacks to {unpacked:,}", most)
            arrays = {name: _read_npy(archive, name, info) for name, info in useful.items()}
    except (*_ZIP_PROBLEMS, *_HEADER_PROBLEMS, OSError) as problem:
        raise _damaged(path, problem, "numpy.savez") from problem
    return Given(arrays, _ignored(members))


def _read_npy(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> NDArray:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(f"{name} is packed in a way numpy does not use; save the file again with numpy.savez_compressed.")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
        _check_dtype(name, dtype)
        # The header's word alone decides how much memory is asked for, so it must agree with what is there.
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != info.file_size - file.tell():
            raise UserError(f"{name} claims the shape {plain(str(shape))} and holds data of another size; save it again with numpy.savez.")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _check_dtype(name: str, dtype: np.dtype) -> None:
    if dtype.hasobject:
        remedy = "turn it into a plain array first, with astype('int64'), astype('float32') or, for text, astype('U')"
        raise UserError(f"{name} holds Python objects, which only pickle could read; {remedy}.")
    if dtype.kind not in "biufU" or dtype.itemsize == 0:
        remedy = "save integers, float16 or float32, and text with astype('U')"
        raise UserError(f"{name} is of type {plain(str(dtype))}, which has no use here; {remedy}.")


def _read_safetensors(path: Path, most: int) -> Given:
    try:
        with safe_open(path, "numpy") as file:  # the library checks that the header and the data agree
            names = list(file.keys())
            for name in filter(wanted, names):
                dtype = file.get_slice(name).get_dtype()
                if dtype not in _SAFETENSORS_DTYPES:
                    raise UserError(f"{name} is of type {plain(str(dtype))}, which numpy does not have; save float16 or float32.")
            arrays = {name: file.get_tensor(name) for name in filter(wanted, names)}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as problem:
        raise _damaged(path, problem, "safetensors.numpy.save_file") from problem
    return Given(arrays | texts(metadata), _ignored(names))


def _read_parquet(path: Path, most: int) -> Given:
    from engine.importing.parquet import read_parquet  # which reads its own result through `read_npz`

    return read_parquet(path, most)


_READERS: Mapping[str, Callable[[Path, int], Given]] = {
    ".npz": read_npz,
    ".safetensors": _read_safetensors,
    ".parquet": _read_parquet,
}


def _ignored(names: list[str] | Mapping[str, object]) -> tuple[str, ...]:
    return tuple(plain(name) for name in names if not wanted(name))


def _too_large(path: Path, size: str, most: int) -> UserError:
    return UserError(f"{plain(path.name)} {size} bytes, more than the {most:,} allowed; give fewer examples, or float16.")


def _damaged(path: Path, problem: Exception, writer: str) -> UserError:
    reason = plain(str(problem), 120)
    return UserError(f"{plain(path.name)} is damaged or no {path.suffix.lower()} file ({reason}); write it again with {writer}.")
