"""The rows of a Parquet file, in batches."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.display_text import printable
from engine.importing.large.described import INTEGER, LIST, NUMBER, OTHER, TEXT, Described
from engine.importing.logs.table import check_columns

WRITER = "pyarrow or pandas"
#: Bytes that are read from the file at a time, so that a large row group is not read whole.
_BUFFER = 1 << 20


def described(path: Path) -> Described:
    """What the footer states. Raises UserError if it has too many columns, before anything else looks at each of them."""
    with _opened(path) as file:
        check_columns(len(file.schema_arrow), printable(path.name))
        kinds = {field.name: _kind(field.type) for field in file.schema_arrow}
        repeated = len(kinds) < len(file.schema_arrow)
        metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in (file.metadata.metadata or {}).items()}
        kept = {key: value for key, value in metadata.items() if key in ("class_names", "exit_names", "topology")}
        return Described(file.metadata.num_rows, {} if repeated else kinds, kept)


def batches(path: Path, rows: int, kinds: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    with _opened(path) as file:
        yield from file.iter_batches(rows, columns=list(kinds), use_threads=False)


def _opened(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, page_checksum_verification=True, buffer_size=_BUFFER, pre_buffer=False)


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return TEXT
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return INTEGER if pa.types.is_integer(kind) else NUMBER
    return LIST if pa.types.is_nested(kind) else OTHER
