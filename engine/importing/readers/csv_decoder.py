"""Decodes a file of comma-separated values; see `engine.importing.readers.separate_process`.

Every column is read as text. What its cells mean is decided where they are used, so that a message can name the row.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.logs.table import check_columns, check_distinct
from engine.importing.readers.rows import counted_rows, given_rows
from engine.importing.schema import Given

WRITER = "pandas, in UTF-8"
#: Signs between cells, in the order of preference where a header has several.
_SEPARATORS = (",", "\t", ";")
#: Longest row. Arrow reads the file in blocks, and a row has to fit into one.
_MOST_ROW = 2**24


def decoded(path: Path, most: int) -> Given:
    columns, separator = _header(path)
    name = printable(path.name)
    # The column of row numbers that some programs write has no name.
    named = [column for column in columns if column.strip()]
    blocks = pa_csv.open_csv(
        path,
        pa_csv.ReadOptions(use_threads=False, block_size=_MOST_ROW),
        pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        pa_csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.large_string()), strings_can_be_null=False, include_columns=named),
    )
    # A file states no sizes: its rows are counted as they come.
    return given_rows(pa.Table.from_batches(counted_rows(blocks, name, most, path.stat().st_size), blocks.schema), name, most)


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file up to the length of a row. Raises csv.Error if the names of the columns do not end by then."""
    left = _MOST_ROW
    while left > 0 and (line := file.readline(left)):
        yield line
        left -= len(line)
    if left <= 0:
        raise csv.Error(f"longer than {_MOST_ROW:,} characters")


def _header(path: Path) -> tuple[list[str], str]:
    """The names of the columns and the sign between them. Raises UserError if there are none, too many, or one twice."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        first = file.readline(_MOST_ROW)
        separator = next((sign for sign in _SEPARATORS if sign in first), ",")
        file.seek(0)
        try:
            columns = next(csv.reader(_lines(file), delimiter=separator), [])
        except csv.Error as problem:
            raise ValueError(f"its first line: {problem}") from problem
    if not any(columns):
        raise UserError(f"{printable(path.name)} is empty; write the names of the columns in the first line.")
    check_columns(len(columns), printable(path.name))
    check_distinct(columns)
    return columns, separator
