"""A CSV file as blocks of text: what its first line says, and its rows.

Every column is read as text. What its cells mean is decided where they are used, so that a message can name the row.
"""

import csv
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from engine.display_text import counted, printable
from engine.errors import UserError
from engine.importing.logs.table import check_columns, check_distinct, check_rows, row_in_words
from engine.importing.readers.csv_quotes import check_quotes
from engine.importing.readers.mistaken import check_text

WRITER = "pandas, in UTF-8"
#: Signs between cells, in the order of preference where a header has several.
_SEPARATORS = (",", "\t", ";")
#: Longest row. Arrow reads the file in blocks, and a row has to fit into one.
_MOST_ROW = 2**24
_RAGGED = re.compile(r"CSV parse error: Row #(\d+): Expected (\d+) columns, got (\d+)")


@dataclass(frozen=True)
class Header:
    columns: list[str]
    separator: str

    @property
    def named(self) -> list[str]:
        """The column of row numbers that some programs write has no name."""
        return [column for column in self.columns if column.strip()]


def read_header(path: Path) -> Header:
    """Raises UserError if there are no names of columns, too many, or one twice, and ValueError if the file is damaged."""
    check_text(path)
    try:
        return _header(path)
    except UnicodeDecodeError as problem:
        raise _not_utf8(path) from problem


def _header(path: Path) -> Header:
    with open(path, encoding="utf-8-sig", newline="") as file:
        first = file.readline(_MOST_ROW)
        if "\0" in first:
            raise UserError(f"{printable(path.name)} has zero bytes in its first line, as text in UTF-16 has; save it in UTF-8.")
        separator = next((sign for sign in _SEPARATORS if sign in first), ",")
        file.seek(0)
        try:
            columns = next(csv.reader(_lines(file), delimiter=separator), [])
        except csv.Error as problem:
            raise ValueError(f"its first line: {problem}") from problem
    if not any(column.strip() for column in columns):
        raise UserError(f"{printable(path.name)} is empty; write the names of the columns in the first line.")
    check_columns(len(columns), printable(path.name))
    check_distinct(columns)
    return Header(columns, separator)


def check_cells(path: Path, header: Header) -> None:
    """Raise UserError if a quote is not closed where its cell ends."""
    check_quotes(path, header.separator, printable(path.name), _MOST_ROW)


def text_blocks(
    path: Path, header: Header, columns: Sequence[str] | None = None, block: int = _MOST_ROW
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Columns, by default all that have a name, as large strings. Raises UserError if a row has too few or too many cells.

    block: bytes that are read together, into which every row must fit
    """
    read = pa_csv.ReadOptions(use_threads=False, block_size=block)
    parse = pa_csv.ParseOptions(delimiter=header.separator, newlines_in_values=True)
    types = dict.fromkeys(header.columns, pa.large_string())
    columns = header.named if columns is None else list(columns)
    convert = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=False, include_columns=columns)
    with _naming_rows(path):
        blocks = pa_csv.open_csv(path, read, parse, convert)
    return blocks.schema, _with_rows_named(blocks, path)


def _with_rows_named(blocks: Iterator[pa.RecordBatch], path: Path) -> Iterator[pa.RecordBatch]:
    with _naming_rows(path):
        yield from blocks


@contextmanager
def _naming_rows(path: Path) -> Generator[None]:
    """Say which row has too few or too many cells, and which line is no text."""
    name = printable(path.name)
    try:
        yield
    except pa.ArrowInvalid as problem:
        if "invalid UTF8" in str(problem):
            raise _not_utf8(path) from problem
        if "Empty CSV file" in str(problem):
            check_rows(0, name)
        ragged = _RAGGED.match(str(problem))
        if ragged is None:
            raise
        row, columns, cells = map(int, ragged.groups())
        has = f"{name} has {counted(cells, 'cell')} in {row_in_words(row - 2)} but {counted(columns, 'column')}"
        raise UserError(f"{has}; correct that row, with quotes around text that contains the separator.") from problem


def _not_utf8(path: Path) -> UserError:
    with open(path, "rb") as file:
        line = next((number for number, line in enumerate(file, start=1) if not _is_utf8(line)), 1)
    return UserError(f"Line {line:,} of {printable(path.name)} is not text in UTF-8; save the file in UTF-8.")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file up to the length of a row. Raises csv.Error if the names of the columns do not end by then."""
    left = _MOST_ROW
    while left > 0 and (line := file.readline(left)):
        yield line
        left -= len(line)
    if left <= 0:
        raise csv.Error(f"longer than {_MOST_ROW:,} characters")
