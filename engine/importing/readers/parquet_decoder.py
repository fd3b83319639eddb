"""Decodes a Parquet file into an .npz file, in a separate process whose memory is capped where the system allows it.

    python -m engine.importing.readers.parquet_decoder SOURCE TARGET BYTES

The decoder takes sizes from inside the compressed pages, so the footer does not tell how much memory it will need: 600 bytes may unpack to
gigabytes while the footer states a single number. With exit code 2, the last line on stderr is the message for the user. Stdout lists the
ignored columns, one per line.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.display_text import MOST_CHARACTERS, printable
from engine.errors import UserError
from engine.importing.readers.parquet import too_much
from engine.importing.schema import texts, wanted

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

_OF_EXIT = re.compile(r"exit(\d{1,3})\.(\w+)")
_PLURAL = {"label": "labels", "id": "ids"}
_LIBRARIES = 2**30  # address space that Python, numpy and Arrow take before they read anything


def arrays_of(path: Path, most: int) -> tuple[dict[str, NDArray], list[str]]:
    """The arrays of a Parquet file, and the names of its unknown columns. Call it only where memory is capped."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        places = _places(file.schema_arrow.names)
        _check_size(file.metadata, printable(path.name), most)
        arrays: dict[str, NDArray] = {}
        for name in dict.fromkeys(name for name, _ in places.values()):
            columns = {exit: column for column, (other, exit) in places.items() if other == name}
            parts = [_values(file, columns[exit]) for exit in _in_order(name, columns)]
            arrays[name] = parts[0] if None in columns else _stacked(name, parts)
        metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in (file.metadata.metadata or {}).items()}
        return arrays | texts(metadata), [printable(column) for column in file.schema_arrow.names if column not in places]


def _check_size(stated: pq.FileMetaData, name: str, most: int) -> None:
    """Check the sizes that the file states. A file that lies about them runs into the memory cap."""
    if stated.num_rows == 0:
        raise UserError(f"{name} has no rows; write one per example.")
    groups = [stated.row_group(i) for i in range(stated.num_row_groups)]
    values = sum(group.column(j).num_values for group in groups for j in range(stated.num_columns))
    if max(sum(group.total_byte_size for group in groups), values * np.dtype(np.float16).itemsize) > most:
        raise UserError(too_much(name, most))


def _places(columns: list[str]) -> dict[str, tuple[str, int | None]]:
    """{column: (array, exit or None)} of the known columns."""
    places: dict[str, tuple[str, int | None]] = {}
    for column in columns:
        of_exit = _OF_EXIT.fullmatch(column)
        name = of_exit[2] if of_exit else _PLURAL.get(column, column)
        if wanted(name):
            places[column] = (name, int(of_exit[1]) if of_exit else None)
    if len(set(places.values())) < len(places) or len(set(columns)) < len(columns):
        raise UserError("Two columns name the same array; rename or leave out one of them.")
    return places


def _in_order(name: str, columns: dict[int | None, str]) -> Iterator[int | None]:
    if None in columns:
        if len(columns) > 1:
            raise UserError(f"The file has a column {name} as well as one per exit; leave one of the two out.")
        if name in ("logits", "probs", "pred", "conf") or name.startswith(("cost", "stage_cost")):
            raise UserError(f"Column {name} does not name its exit; call it exit0.{name}, exit1.{name} and so on.")
        yield None
        return
    for exit in range(len(columns)):
        if exit not in columns:
            raise UserError(f"The file has {', '.join(columns.values())} but no exit{exit}.{name}; add it (exits are counted from 0).")
        yield exit


def _values(file: pq.ParquetFile, column: str) -> NDArray:
    """One column: (rows,), or (rows, length) if it holds lists."""
    values = file.read([column], use_threads=False)[column]
    if values.null_count:
        raise UserError(f"{column} is empty in row {_first(pc.is_null(values))} (counted from 0); fill it or leave that row out.")
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(column, values)
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        # Cut before it becomes an array: every cell is as wide as the longest text.
        return np.array(pc.utf8_slice_codeunits(values, 0, MOST_CHARACTERS).to_pylist(), dtype=f"<U{MOST_CHARACTERS}")
    return _numbers(column, values)


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
    """One array from one column per exit. A cost is repeated in every row and is taken from the first."""
    if name.startswith(("cost", "stage_cost")):
        for exit, part in enumerate(parts):
            differs = part != part[:1]
            if differs.any():
                pair = f"{part[0]} in row 0, {part[differs.argmax()]} in row {differs.argmax()}"
                raise UserError(f"exit{exit}.{name} differs between rows ({pair}); give the mean cost in every row.")
        parts = [part[0] for part in parts]
    for exit, part in enumerate(parts):
        if part.shape != parts[0].shape:
            shapes = f"exit{exit}.{name} has rows of shape {part.shape[1:]} but exit0.{name} has {parts[0].shape[1:]}"
            raise UserError(f"{shapes}; give one value per class.")
    return np.stack(parts)


def _first(holds: pa.ChunkedArray) -> int:
    return pc.index(holds, True).as_py()


def _cap_memory(most: int) -> None:
    try:
        import resource

        limit = _LIBRARIES + 3 * most
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # Arrow's copy, numpy's copy and one more column
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits: only the sizes that the file states are checked


def _main(source: str, target: str, most: str) -> int:
    _cap_memory(int(most))
    try:
        arrays, ignored = arrays_of(Path(source), int(most))
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except MemoryError:
        print(too_much(printable(Path(source).name), int(most)), file=sys.stderr)
        return 2
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as problem:
        name, reason = printable(Path(source).name), printable(str(problem), 120)
        print(f"{name} is damaged or not a valid .parquet file ({reason}); write it again with pyarrow or pandas.", file=sys.stderr)
        return 2
    np.savez(target, allow_pickle=False, **arrays)
    sys.stdout.write("\n".join(ignored))
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
