"""Reads a Parquet file in a process of its own, whose memory is capped, and passes it on in batches of few rows.

`decoder.py FILE MOST describe` prints what the footer states. `decoder.py FILE MOST rows BATCH COLUMN ...` writes the columns to stdout,
as a stream of record batches in Arrow's IPC format. MOST, BATCH: bytes and rows of a batch, at most.
"""

import json
import sys
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from engine.bundle.texts import MOST_ID, MOST_TEXT
from engine.display_text import MOST_CHARACTERS, printable
from engine.errors import UserError
from engine.importing.logs.table import check_columns

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

#: In messages.
ROWS = "65,536"
_LIBRARIES = 2**30  # address space that Python, numpy and Arrow take before they read anything
#: Bytes that are read from the file at a time, so that a large row group is not read whole.
_BUFFER = 1 << 20
#: Longest text of a cell, by the column. One character more than is allowed, so that too long an id is noticed.
_MOST_CHARACTERS = {"id": MOST_ID + 1, "ids": MOST_ID + 1, "text": MOST_TEXT, "texts": MOST_TEXT}


def describe(file: pq.ParquetFile, name: str, out: IO[bytes]) -> None:
    """Write {"rows": number, "columns": {name: kind}, "metadata": {key: text}}. Kinds are number, text, list and other.

    name: of the file.  Raises UserError if it has too many columns, before anything else looks at each of them
    """
    check_columns(len(file.schema_arrow), name)
    columns = {field.name: _kind(field.type) for field in file.schema_arrow}
    repeated = len(columns) < len(file.schema_arrow)
    metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in (file.metadata.metadata or {}).items()}
    kept = {key: value for key, value in metadata.items() if key in ("class_names", "exit_names", "topology")}
    out.write(json.dumps({"rows": file.metadata.num_rows, "columns": {} if repeated else columns, "metadata": kept}).encode())


def pass_on(file: pq.ParquetFile, rows: int, columns: list[str], out: IO[bytes]) -> None:
    kinds = {name: file.schema_arrow.field(name).type for name in columns}
    schema = pa.schema([(name, pa.large_string() if _kind(kind) == "text" else kind) for name, kind in kinds.items()])
    with pa.ipc.new_stream(out, schema) as stream:
        for batch in file.iter_batches(rows, columns=columns, use_threads=False):
            made = [_cut(batch[name], name) if _kind(kind) == "text" else batch[name] for name, kind in kinds.items()]
            stream.write_batch(pa.record_batch(made, schema=schema))


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number"
    return "list" if pa.types.is_nested(kind) else "other"


def _cut(values: pa.Array, column: str) -> pa.Array:
    """Text no longer than is kept."""
    return pc.utf8_slice_codeunits(values.cast(pa.large_string()), 0, _MOST_CHARACTERS.get(column, MOST_CHARACTERS))


def too_much(name: str) -> str:
    """The message for a file whose batches take more than they may."""
    return f"{name} is damaged, or {ROWS} of its rows unpack to more than can be read at a time; write it again, with shorter texts."


def cap_memory(most: int) -> None:
    """Limit the memory of this process to what decoding `most` bytes takes, where the system allows it."""
    try:
        import resource

        limit = _LIBRARIES + 3 * most
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits


def main(arguments: list[str], out: IO[bytes]) -> int:
    """With exit code 2, the last line on stderr is the message for the user."""
    path, most, task, *columns = Path(arguments[0]), int(arguments[1]), *arguments[2:]
    cap_memory(most)
    name = printable(path.name)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, buffer_size=_BUFFER, pre_buffer=False) as file:
            describe(file, name, out) if task == "describe" else pass_on(file, int(columns[0]), columns[1:], out)
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except MemoryError:
        print(too_much(name), file=sys.stderr)
        return 2
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as problem:
        reason = printable(str(problem), 120)
        print(f"{name} is damaged or not a valid .parquet file ({reason}); write it again with pyarrow or pandas.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout.buffer))
