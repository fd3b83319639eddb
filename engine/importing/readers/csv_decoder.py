"""Decodes a file of comma-separated values; see `engine.importing.readers.separate_process`.

Every column is read as text. What its cells mean is decided where they are used, so that a message can name the row.
"""

import csv
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.logs.table import MOST_COLUMNS, check_distinct, scalar_columns
from engine.importing.readers.separate_process import decoder_main, write_columns

#: Signs between cells, in the order of preference where a header has several.
_SEPARATORS = (",", "\t", ";")
#: Longest row. Arrow reads the file in blocks, and a row has to fit into one.
_MOST_ROW = 2**24


def table_of(path: Path, folder: Path, most: int) -> list[str]:
    columns, separator = _header(path)
    data = pa_csv.read_csv(
        path,
        pa_csv.ReadOptions(use_threads=False, block_size=_MOST_ROW),
        pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        pa_csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.large_string()), strings_can_be_null=False),
    )
    # The column of row numbers that some programs write has no name.
    data = data.select([column for column in data.column_names if column.strip()])
    table, ignored = scalar_columns(data, printable(path.name), most)
    write_columns(table, folder)
    return ignored


def _header(path: Path) -> tuple[list[str], str]:
    """The names of the columns and the sign between them. Raises UserError if there are none, too many, or one twice."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        first = file.readline(_MOST_ROW)
        separator = next((sign for sign in _SEPARATORS if sign in first), ",")
        file.seek(0)
        try:
            columns = next(csv.reader(file, delimiter=separator), [])
        except csv.Error as problem:
            raise ValueError(f"its first line: {problem}") from problem
    if not any(columns):
        raise UserError(f"{printable(path.name)} is empty; write the names of the columns in the first line.")
    if len(columns) > MOST_COLUMNS:
        raise UserError(f"{printable(path.name)} has {len(columns):,} columns; give at most {MOST_COLUMNS:,}.")
    check_distinct(columns)
    return columns, separator


if __name__ == "__main__":
    sys.exit(decoder_main(table_of, "pandas, in UTF-8", sys.argv[1:]))
