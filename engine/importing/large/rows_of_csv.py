"""The rows of a CSV file, in batches. Its cells are text: a first time through them tells which columns hold whole numbers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from engine.display_text import printable
from engine.importing.checks import MOST_CLASSES, rows_from
from engine.importing.large.columns import places_in_log
from engine.importing.large.described import FLAG, INTEGER, NUMBER, TEXT, Described
from engine.importing.large.regrouped import regrouped
from engine.importing.logs.table import EMPTY, VERDICTS, Table, row_in_words
from engine.importing.readers.csv_file import WRITER as WRITER
from engine.importing.readers.csv_file import check_cells, read_header, text_blocks

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

#: Whole numbers as Python writes them: `007` would come back as 7.
_WHOLE = r"^(0|-?[1-9][0-9]{0,18})$"
#: Bytes that are read together, into which every row must fit. The library reads some tens of blocks ahead.
_BLOCK = 2**20
#: Arrays of names or of whole numbers, as the cells turn out; all others hold numbers.
_NAMED = ("ids", "labels", "pred", "split", "texts")


def described(path: Path) -> Described:
    """Goes through all rows. Raises UserError if the file is damaged."""
    header = read_header(path)
    check_cells(path, header)
    arrays = {column: array for column, (array, _) in places_in_log(header.named, None).items()}
    kinds = {column: _first_guess(array) for column, array in arrays.items()}
    rows = 0
    try:
        for block in text_blocks(path, header, list(kinds), _BLOCK)[1]:
            for column, array in arrays.items():
                if kinds[column] == INTEGER and not _are_whole(block[column], MOST_CLASSES if array in ("labels", "pred") else None):
                    kinds[column] = TEXT
                empty = None if array in ("texts", "failed") or kinds[column] == INTEGER else _first_empty(block[column], kinds[column])
                if empty is not None:
                    return Described(0, kinds, obstacle=f"{printable(column)} is empty in {row_in_words(rows + empty)}")
            rows += block.num_rows
    except pa.ArrowInvalid:  # what is the matter is said by the reader of smaller files, if it finds the same
        return Described(0, kinds, obstacle=f"a row is damaged or has more than {_BLOCK:,} bytes")
    classes = [column for column, array in arrays.items() if array in ("labels", "pred")]
    if any(kinds[column] == TEXT for column in classes):
        kinds |= dict.fromkeys(classes, TEXT)
    return Described(rows, kinds)


def batches(path: Path, rows: int, kinds: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """Raises UserError, naming the row, if a cell is no number where one belongs."""
    return regrouped(_typed(path, kinds), rows)


def _typed(path: Path, kinds: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    start = 0
    for block in text_blocks(path, read_header(path), list(kinds), _BLOCK)[1]:
        with rows_from(start):
            made = [_values(block[column], column, kind) for column, kind in kinds.items()]
        yield pa.record_batch(made, names=list(kinds))
        start += block.num_rows


def _values(cells: pa.Array, column: str, kind: str) -> pa.Array:
    if kind in (TEXT, INTEGER):
        trimmed = pc.utf8_trim_whitespace(cells)
        return trimmed.cast(pa.int64()) if kind == INTEGER else trimmed
    if kind == NUMBER and (numbers := _numbers(cells)) is not None:
        return numbers
    table = Table("", pa.table({column: cells}))
    return pa.array(table.flags(column) if kind == FLAG else table.numbers(column, VERDICTS))


def _numbers(cells: pa.Array) -> pa.Array | None:
    """Cells that are finite numbers throughout, without white space and words, or None: the usual case, read fast."""
    try:
        numbers = cells.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return numbers if pc.all(pc.is_finite(numbers)).as_py() else None


def _first_empty(cells: pa.Array, kind: str) -> int | None:
    """The first row without a value, or None."""
    if kind == NUMBER and _numbers(cells) is not None:
        return None
    lowered = pc.utf8_lower(pc.utf8_trim_whitespace(cells))
    empty = pc.is_in(lowered, pa.array(("",) if kind == TEXT else EMPTY, lowered.type))
    return pc.index(empty, True).as_py() if pc.any(empty).as_py() else None


def _first_guess(array: str) -> str:
    return TEXT if array == "texts" else INTEGER if array in _NAMED else FLAG if array == "failed" else NUMBER


def _are_whole(cells: pa.Array, below: int | None) -> bool:
    """Whether all are whole numbers of 64 bits, or ones from 0 on below a limit."""
    cells = pc.utf8_trim_whitespace(cells)
    if not pc.all(pc.match_substring_regex(cells, _WHOLE)).as_py():
        return False
    try:
        numbers = cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    bounds = pc.min_max(numbers).as_py()
    return below is None or bounds["min"] is None or (bounds["min"] >= 0 and bounds["max"] < below)
