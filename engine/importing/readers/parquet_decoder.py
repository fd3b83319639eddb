"""Decodes a Parquet file; see `engine.importing.readers.separate_process`.

The decoder takes sizes from inside the compressed pages, so the footer does not tell how much memory it will need: 600 bytes may unpack to
gigabytes while the footer states a single number.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.bundle.texts import MOST_ID, MOST_TEXT
from engine.display_text import MOST_CHARACTERS, printable
from engine.errors import UserError
from engine.importing.logs.table import check_columns, is_text
from engine.importing.readers.parquet_sizes import Limit, check_arrays, check_log
from engine.importing.readers.rows import given_rows
from engine.importing.schema import Given, is_of_exits, no_exit, of_exit, texts, wanted

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

WRITER = "pyarrow or pandas"
_PLURAL = {"label": "labels", "id": "ids", "text": "texts"}
#: Outputs of exits, by which a file of arrays is known.
_OUTPUTS = ("logits", "probs", "pred", "conf")
#: Longest text of a cell, by the array. One character more than is allowed, so that too long an id is noticed.
_MOST_CHARACTERS = {"ids": MOST_ID + 1, "texts": MOST_TEXT}


def decoded(path: Path, most: int) -> Given:
    """The arrays of a Parquet file, or its rows if it is a log."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        names = file.schema_arrow.names
        check_columns(len(names), printable(path.name))
        of_exits = [of for name in names if (of := of_exit(name)) is not None]
        if any(name in _OUTPUTS for _, name in of_exits) or {"logits", "probs"} & set(names):
            arrays, ignored = arrays_of(path, most)
            return Given(arrays, tuple(ignored), columns=True)
    scalars = check_log(path, most)
    with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=_dictionaries(path, scalars)) as file:
        data = file.read(scalars, use_threads=False)
    data.validate(full=True)  # that all text is UTF-8, and that every place in a dictionary exists
    return given_rows(data, printable(path.name), most, [name for name in names if name not in scalars])


def _dictionaries(path: Path, names: list[str]) -> list[str]:
    """The columns to read as dictionaries: what is one in the file stays one until it is known how much text it stands for.

    Delta encodings hold no dictionary, and the library cannot make one of them.
    """
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    delta = {chunk.path_in_schema for chunk in chunks if any(encoding.startswith("DELTA") for encoding in chunk.encodings)}
    return [name for name in names if name not in delta]


def arrays_of(path: Path, most: int) -> tuple[dict[str, NDArray], list[str]]:
    """The arrays of a Parquet file, and the names of its unknown columns. Call it only where memory is capped."""
    with pq.ParquetFile(path) as file:
        places = _places(file.schema_arrow.names)
        check_arrays(file, list(places), printable(path.name), most)
        scalars = [name for name in places if not pa.types.is_nested(file.schema_arrow.field(name).type)]
    with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=_dictionaries(path, scalars)) as file:
        arrays: dict[str, NDArray] = {}
        limit = Limit(printable(path.name), most)
        mixed = {name for name, _ in places.values()} >= {"logits", "probs"}
        for name in dict.fromkeys(name for name, _ in places.values()):
            columns = {exit: column for column, (other, exit) in places.items() if other == name}
            if mixed and name in ("logits", "probs"):
                arrays |= {
                    column: _values(file, column, name, limit) for column in columns.values()
                }  # put together with the other exits later
                continue
            parts = [_values(file, columns[exit], name, limit) for exit in _in_order(name, columns)]
            arrays[name] = parts[0] if None in columns else _stacked(name, parts)
        metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in (file.metadata.metadata or {}).items()}
        return arrays | texts(metadata), [printable(column) for column in file.schema_arrow.names if column not in places]


def _places(columns: list[str]) -> dict[str, tuple[str, int | None]]:
    """{column: (array, exit or None)} of the known columns."""
    places: dict[str, tuple[str, int | None]] = {}
    for column in columns:
        exit, name = of_exit(column) or (None, _PLURAL.get(column, column))
        if wanted(name):
            places[column] = (name, exit)
    if len(set(places.values())) < len(places) or len(set(columns)) < len(columns):
        raise UserError("Two columns name the same array; rename or leave out one of them.")
    return places


def _in_order(name: str, columns: dict[int | None, str]) -> Iterator[int | None]:
    if None in columns:
        if len(columns) > 1:
            raise UserError(f"The file has a column {name} as well as one per exit; leave one of the two out.")
        if is_of_exits(name):
            raise UserError(f"Column {name} does not name its exit; call it exit0.{name}, exit1.{name} and so on.")
        yield None
        return
    for exit in range(len(columns)):
        if exit not in columns:
            raise no_exit(", ".join(columns.values()), exit, f"exit{exit}.{name}", "these columns count exits")
        yield exit


def _values(file: pq.ParquetFile, column: str, array: str, limit: Limit) -> NDArray:
    """One column: (rows,), or (rows, length) if it holds lists. array: what it becomes"""
    values = file.read([column], use_threads=False)[column]
    if values.null_count:
        raise UserError(f"{column} is empty in row {_first(pc.is_null(values))} (counted from 0); fill it or leave that row out.")
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(column, values)
    if is_text(kind):
        values.validate(full=True)  # that every place in a dictionary exists
        return _texts(values, _MOST_CHARACTERS.get(array, MOST_CHARACTERS), column, limit)
    return _numbers(column, values.cast(kind.value_type) if pa.types.is_dictionary(kind) else values)


def _texts(values: pa.ChunkedArray, most: int, column: str, limit: Limit) -> NDArray[np.str_]:
    """Texts cut to `most` characters. Every cell is as wide as the longest of them, so that is checked before there is an array."""
    parts: list[tuple[NDArray[np.str_], NDArray[np.integer]]] = []
    for chunk in values.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        cut = pc.utf8_slice_codeunits(encoded.dictionary.cast(pa.large_string()), 0, most)
        width = max(1, pc.max(pc.utf8_length(cut)).as_py() or 0)
        limit.check(column, len(values), width)
        parts.append((np.array(cut.to_pylist() or [""], dtype=f"<U{width}"), encoded.indices.to_numpy()))
    return np.concatenate([texts[indices] for texts, indices in parts]) if parts else np.empty(0, "<U1")


def _lists(column: str, values: pa.ChunkedArray) -> NDArray:
    lengths = pc.list_value_length(values)
    width = lengths[0].as_py() if len(lengths) else 0
    ragged = pc.not_equal(lengths, width)
    if pc.any(ragged).as_py():
        row = _first(ragged)
        raise UserError(f"{column} has {lengths[row]} values in row {row} but {width} in row 0; give one per class.")
    flat = [_numbers(column, chunk.flatten()) for chunk in values.chunks]
    return np.concatenate(flat).reshape(len(values), width) if flat else np.empty((0, width))


def _numbers(column: str, values: pa.ChunkedArray | pa.Array) -> NDArray:
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise UserError(f"{printable(column)} has type {printable(str(kind))}; write it as integers, floats, text or lists of floats.")
    if values.null_count:
        raise UserError(f"{column} has a list with a missing value; fill it or leave that row out.")
    return values.to_numpy(zero_copy_only=False)


def _stacked(name: str, parts: list[NDArray]) -> NDArray:
    """One array from one column per exit. A cost that is the same in every row is taken from the first."""
    if name.startswith(("cost", "stage_cost")) and all(part.ndim == 1 and (part == part[0]).all() for part in parts):
        parts = [part[0] for part in parts]
    for exit, part in enumerate(parts):
        if part.shape != parts[0].shape:
            shapes = f"exit{exit}.{name} has rows of shape {part.shape[1:]} but exit0.{name} has {parts[0].shape[1:]}"
            raise UserError(f"{shapes}; give one value per class.")
    return np.stack(parts)


def _first(holds: pa.ChunkedArray) -> int:
    return pc.index(holds, True).as_py()
