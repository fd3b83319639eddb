"""Decodes a Parquet file in a process of its own, whose memory is capped where the system can do that, and hands over an .npz file.

    python -m engine.importing.readers.parquet_decoder SOURCE TARGET BYTES

The decoder takes sizes from inside the compressed pages, so the footer cannot tell how much memory it will need: 600 bytes may unpack to
gigabytes while the footer speaks of one number. Exit code 2: the last line on stderr is the sentence for the user. Names of ignored columns
are printed, one a line.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.display_text import MOST_CHARACTERS, printable
from engine.errors import UserError
from engine.importing.readers.parquet import too_much
from engine.importing.schema import texts, wanted

_OF_EXIT = re.compile(r"exit(\d{1,3})\.(\w+)")
_PLURAL = {"label": "labels", "id": "ids"}
_LIBRARIES = 2**30  # address space that Python, numpy and Arrow take before they read anything


def arrays_of(path: Path, most: int) -> tuple[dict[str, NDArray], list[str]]:
    """The arrays of a Parquet file, and its columns that are of no use. To be called where memory is capped."""
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
    """What an honest file says of its size. A dishonest one runs into the cap."""
    if stated.num_rows == 0:
        raise UserError(f"{name} has no rows; write one for every example.")
    groups = [stated.row_group(i) for i in range(stated.num_row_groups)]
    values = sum(group.column(j).num_values for group in groups for j in range(stated.num_columns))
    if max(sum(group.total_byte_size for group in groups), values * np.dtype(np.float16).itemsize) > most:
        raise UserError(too_much(name, most))


def _places(columns: list[str]) -> dict[str, tuple[str, int | None]]:
    """{column: (array, exit or None)} of the columns that are of use."""
    found: dict[str, tuple[str, int | None]] = {}
    for column in columns:
        of_exit = _OF_EXIT.fullmatch(column)
        name = of_exit[2] if of_exit else _PLURAL.get(column, column)
        if wanted(name):
            found[column] = (name, int(of_exit[1]) if of_exit else None)
    if len(set(found.values())) < len(found) or len(set(columns)) < len(columns):
        raise UserError("Two columns have the same name; rename one of them.")
    return found


def _in_order(name: str, columns: dict[int | None, str]) -> Iterator[int | None]:
    if None in columns:
        if len(columns) > 1:
            raise UserError(f"There is a column {name} and one for each exit; leave one of the two out.")
        if name in ("logits", "probs", "pred", "conf") or name.startswith(("cost", "stage_cost")):
            raise UserError(f"Column {name} does not say which exit it is of; name it exit0.{name}.")
        yield None
        return
    for exit in range(len(columns)):
        if exit not in columns:
            raise UserError(f"There is {', '.join(columns.values())} and no exit{exit}.{name}; add it, exits are counted from 0.")
        yield exit


def _values(file: pq.ParquetFile, column: str) -> NDArray:
    """One column, (rows,) or, if it holds lists, (rows, length)."""
    values = file.read([column], use_threads=False)[column]
    if values.null_count:
        raise UserError(f"{column} is empty in row {_first(pc.is_null(values))} (counted from 0); fill it or leave that row out.")
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(column, values)
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        # Cut before it becomes an array: every cell of one is as wide as its longest text.
        return np.array(pc.utf8_slice_codeunits(values, 0, MOST_CHARACTERS).to_pylist(), dtype=f"<U{MOST_CHARACTERS}")
    return _numbers(column, values)


def _lists(column: str, values: pa.ChunkedArray) -> NDArray:
    lengths = pc.list_value_length(values)
    width = lengths[0].as_py() if len(lengths) else 0
    ragged = pc.not_equal(lengths, width)
    if pc.any(ragged).as_py():
        row = _first(ragged)
        raise UserError(f"{column} has {lengths[row]} values in row {row} and {width} in row 0; give one for every class.")
    flat = [_numbers(column, chunk.flatten()) for chunk in values.chunks]
    return np.concatenate(flat).reshape(len(values), width) if flat else np.empty((0, width))


def _numbers(column: str, values: pa.ChunkedArray | pa.Array) -> NDArray:
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise UserError(f"{printable(column)} is of type {printable(str(kind))}; write it as integers, floats, text, or lists of floats.")
    if values.null_count:
        raise UserError(f"{column} has a list with an empty place; fill it or leave that row out.")
    return values.to_numpy(zero_copy_only=False)


def _stacked(name: str, parts: list[NDArray]) -> NDArray:
    """One array out of one column an exit. A cost stands in every row, and once is enough."""
    if name.startswith(("cost", "stage_cost")):
        for exit, part in enumerate(parts):
            differs = part != part[:1]
            if differs.any():
                at = f"row {differs.argmax()} has {part[differs.argmax()]} and row 0 has {part[0]}"
                raise UserError(f"exit{exit}.{name} differs between rows ({at}); give one mean cost for all of them.")
        parts = [part[0] for part in parts]
    for exit, part in enumerate(parts):
        if part.shape != parts[0].shape:
            found = f"exit{exit}.{name} has {part.shape[1:]} values a row and exit0.{name} has {parts[0].shape[1:]}"
            raise UserError(f"{found}; give one for every class.")
    return np.stack(parts)


def _first(holds: pa.ChunkedArray) -> int:
    return pc.index(holds, True).as_py()


def _cap_memory(most: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_LIBRARIES + 3 * most,) * 2)  # Arrow's copy, numpy's, and one column more
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits: what remains are the sizes the file admits to


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
        print(f"{name} is damaged or no Parquet file ({reason}); write it again with pyarrow or pandas.", file=sys.stderr)
        return 2
    np.savez(target, **arrays)
    sys.stdout.write("\n".join(ignored))
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
