"""Reads .npz archives without pickle and without trusting their headers."""

import math
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.budget import Declared, check_arrays
from engine.importing.readers.registry import register_reader
from engine.importing.schema import Given, damaged, ignored_names, wanted

_MOST_ARRAYS = 200
_ZIP_PROBLEMS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_HEADER_PROBLEMS = (ValueError, SyntaxError, tokenize.TokenError, MemoryError)  # numpy reads headers as Python literals


@register_reader(".npz")
def read_npz(path: Path, most: int) -> Given:
    """The arrays of a zip archive of .npy files, as numpy.savez writes it."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(members) < len(archive.infolist()) or len(members) > _MOST_ARRAYS:
                counts = f"{len(archive.infolist())} arrays with {len(members)} distinct names"
                raise UserError(f"{printable(path.name)} has {counts}; give at most {_MOST_ARRAYS} arrays, each with its own name.")
            useful = {name: info for name, info in members.items() if wanted(name)}
            declared = {name: _declared(archive, name, info) for name, info in useful.items()}
            check_arrays(printable(path.name), declared, most)
            arrays = {name: _read_npy(archive, info) for name, info in useful.items()}
    except (*_ZIP_PROBLEMS, *_HEADER_PROBLEMS, OSError) as problem:
        raise damaged(path, problem, "numpy.savez") from problem
    return Given(arrays, ignored_names(members))


def _declared(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> Declared:
    """The shape that the header of an array declares, which is checked against the size of its data."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(f"{name} uses a compression that numpy does not; save the file again with numpy.savez_compressed.")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
        check_dtype(name, dtype)
        # numpy allocates what the header claims, so the claim must match the size of the data.
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != info.file_size - file.tell():
            raise UserError(f"{name} claims shape {printable(str(shape))}, but its data has another size; save it again with numpy.savez.")
    return Declared(shape, dtype.itemsize)


def _read_npy(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray:
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def check_dtype(name: str, dtype: np.dtype) -> None:
    if dtype.hasobject:
        remedy = "convert it first, with astype('int64'), astype('float32') or, for text, astype('U')"
        raise UserError(f"{name} holds Python objects, which only pickle can read; {remedy}.")
    if dtype.kind not in "biufU" or dtype.itemsize == 0 or (dtype.kind == "f" and dtype.itemsize > 8):
        remedy = "save integers, float16 or float32, and text with astype('U')"
        raise UserError(f"{name} has dtype {printable(str(dtype))}, which is not supported; {remedy}.")
