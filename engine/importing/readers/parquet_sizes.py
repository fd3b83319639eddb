"""What a Parquet file declares in its footer, checked before anything is read.

The decoder takes sizes from inside the compressed pages, so a footer that lies is noticed only by the limit of the process that reads: 600
bytes may unpack to gigabytes while the footer states a single number. A footer that is honest is refused at once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.display_text import counted, printable
from engine.errors import UserError
from engine.importing.budget import Declared, check_needed, memory_for_arrays, memory_for_log
from engine.importing.logs.table import check_distinct, check_rows


def check_log(path: Path, most: int) -> list[str]:
    """The names of the columns of a log that may be read. Raises UserError if they need more than `most` bytes of memory."""
    name = printable(path.name)
    with pq.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        check_distinct(schema.names)
        scalars = [field.name for field in schema if not pa.types.is_nested(field.type)]
        check_rows(rows, name)
        sizes = _stated(file)
        # A text that is stored once for many rows is counted once here, and as often as it occurs when it has been read.
        texts = [column for column in scalars if not _width(schema.field(column).type)]
        text = sum(sizes[column].bytes for column in texts)
        size = f"{counted(rows, 'row')} of {counted(len(scalars), 'column')}"
        check_needed(name, size, memory_for_log(rows, len(scalars), len(texts), text), most)
        return scalars


def check_arrays(file: pq.ParquetFile, columns: list[str], name: str, most: int) -> None:
    """Raise UserError if these columns, read as arrays, need more than `most` bytes of memory. name: of the file"""
    if file.metadata.num_rows == 0:
        raise UserError(f"{name} has no rows; write one per example.")
    stated = _stated(file)
    arrays = {column: Declared((stated[column].values,), _width_of(file, column, stated[column])) for column in columns}
    size = f"{counted(file.metadata.num_rows, 'row')} with {counted(sum(array.size for array in arrays.values()), 'value')}"
    check_needed(name, size, memory_for_arrays(arrays, file.metadata.num_rows), most)


@dataclass(frozen=True)
class Limit:
    """The memory that the import of a file may take. name: of the file;  most: in bytes"""

    name: str
    most: int

    def check(self, column: str, rows: int, width: int) -> None:
        """Raise UserError if a column of text needs more. width: characters of the longest"""
        needed = memory_for_arrays({column: Declared((rows,), np.dtype(f"<U{width}").itemsize)}, rows)
        check_needed(self.name, f"a column {printable(column)} of {counted(rows, 'text')} of up to {width:,} characters", needed, self.most)


@dataclass
class _Stated:
    """What the footer states about a column: its values, and their bytes when they are unpacked"""

    values: int = 0
    bytes: int = 0


def _stated(file: pq.ParquetFile) -> dict[str, _Stated]:
    """By the names of the columns. A column of lists has a leaf of its own in the schema, with all values of the lists."""
    metadata, sizes = file.metadata, {name: _Stated() for name in file.schema_arrow.names}
    owners = [_owner(file.schema.column(leaf).path, sizes) for leaf in range(metadata.num_columns)]
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for leaf, owner in enumerate(owners):
            chunk = group.column(leaf)
            sizes[owner].values += max(chunk.num_values, 0)
            sizes[owner].bytes += max(chunk.total_uncompressed_size, 0)
    return sizes


def _owner(path: str, columns: Collection[str]) -> str:
    """The column that a leaf belongs to. Names may hold dots, and so do the paths of leaves."""
    while path not in columns:
        path, dot, _ = path.rpartition(".")
        if not dot:
            raise ValueError("a part of the schema belongs to no column")
    return path


def _width_of(file: pq.ParquetFile, column: str, stated: _Stated) -> int:
    """Bytes of one value of a column. Of text, this is the mean over what the file holds."""
    return _width(file.schema_arrow.field(column).type) or -(-stated.bytes // max(stated.values, 1))


def _width(kind: pa.DataType) -> int:
    """Bytes of one value as numpy holds it; 0 for text, and for what is not imported."""
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return 1
    return kind.bit_width // 8 if pa.types.is_primitive(kind) else 0
