"""A table of someone's results: columns of any types as numbers, text or codes, with errors that name the column and the row.

Rows are counted from 0, without the line of the names.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from engine.bundle.texts import MOST_TEXT
from engine.display_text import counted, listed, printable
from engine.errors import UserError
from engine.importing.budget import check_needed, memory_for_log
from engine.importing.checks import row_in_file

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

MOST_ROWS, MOST_COLUMNS = 50_000_000, 2_000
#: What people write in a cell that has no value, in lower case.
EMPTY = ("", "na", "n/a", "nan", "null", "none", "<na>")
#: What people write for correct and incorrect, in lower case.
VERDICTS: Mapping[str, float] = {
    **dict.fromkeys(("true", "t", "yes", "y", "correct", "right", "pass", "passed"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n", "incorrect", "wrong", "fail", "failed"), 0.0),
}


@dataclass(frozen=True, eq=False)
class Table:
    """name: of the file, for messages;  data: columns of numbers, booleans and large strings, as `scalar_columns` makes them

    ignored: names of the columns of other types, which were left out, cleaned
    """

    name: str
    data: pa.Table
    ignored: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        return self.data.column_names

    @property
    def rows(self) -> int:
        return self.data.num_rows

    def numbers(self, column: str, words: Mapping[str, float] | None = None, gaps: bool = True) -> NDArray[np.float64]:
        """The numbers of a column, (rows,), NaN where it is empty. Raises UserError if it holds anything else.

        words: text that stands for a number, in lower case
        gaps:  whether to recommend an empty cell where there is no number
        """
        values = self.data[column]
        if pa.types.is_large_string(values.type):
            numbers = self._parsed(column, values, words or {}, gaps)
        else:
            numbers = values.cast(pa.float64(), safe=False).to_numpy()
        if np.isinf(numbers).any():
            row = int(np.isinf(numbers).argmax())
            or_none = " or leave the cell empty" if gaps else ""
            raise UserError(f"{printable(column)} is {numbers[row]:g} in {row_in_words(row)}; give a finite number{or_none}.")
        return numbers

    def is_numeric(self, column: str, words: Mapping[str, float]) -> bool:
        """Whether `numbers` would read the column, and it is not empty throughout."""
        try:
            return not np.isnan(self.numbers(column, words)).all()
        except UserError:
            return False

    def texts(self, column: str) -> pa.ChunkedArray:
        """The column as text without white space around it, null where it is empty."""
        trimmed = pc.utf8_trim_whitespace(_as_text(self.data[column]))
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.large_string()), trimmed)

    def codes(self, column: str) -> tuple[NDArray[np.int64], list[str]]:
        """For each row which of the distinct texts of the column it holds, -1 where it is empty, and these texts as they first occur.

        Raises UserError if they are numbers so large that different ones may have become the same.
        """
        self._check_digits(column)
        encoded = self.texts(column).combine_chunks().dictionary_encode()
        return pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()

    def full_codes(self, column: str) -> tuple[NDArray[np.int64], list[str]]:
        """As `codes`. Raises UserError if a row is empty."""
        codes, texts = self.codes(column)
        if (codes < 0).any():
            raise UserError(f"{printable(column)} is empty in {row_in_words(int((codes < 0).argmax()))}; fill it or leave that row out.")
        return codes, texts

    def flags(self, column: str) -> NDArray[np.bool_]:
        """Whether each row has anything but a word for no, (rows,). A message, such as one of an error, counts as yes."""
        lowered = pc.utf8_lower(self.texts(column))
        no = pc.is_in(
            lowered, value_set=pa.array([*EMPTY, "false", "f", "no", "n", "0", "0.0", "ok", "success", "completed"], lowered.type)
        )
        return ~pc.or_(no, pc.is_null(lowered)).to_numpy().astype(bool)

    def take(self, rows: NDArray[np.integer]) -> "Table":
        return replace(self, data=self.data.take(pa.array(rows)))

    def columns_in_words(self) -> str:
        """What columns there are, and which were left out."""
        hold = "holds" if len(self.ignored) == 1 else "hold"
        left_out = f" ({listed(self.ignored, 5)} {hold} neither numbers nor text)" if self.ignored else ""
        return (listed([printable(column) for column in self.columns], 10) or "no columns") + left_out

    def _check_digits(self, column: str) -> None:
        values = self.data[column]
        if not pa.types.is_floating(values.type):
            return
        numbers = values.to_numpy()
        inexact = np.abs(numbers) >= 2**53
        if inexact.any():
            row = int(inexact.argmax())
            held = f"{printable(column)} holds {numbers[row]:g} in {row_in_words(row)}"
            raise UserError(f"{held}, and of numbers this large not all digits are read; write names as text, in quotes.")

    def _parsed(self, column: str, values: pa.ChunkedArray, words: Mapping[str, float], gaps: bool) -> NDArray[np.float64]:
        encoded = pc.utf8_lower(pc.utf8_trim_whitespace(values)).combine_chunks().dictionary_encode()
        distinct = encoded.dictionary
        # Words become null for Arrow, which parses the rest, and their numbers take their place afterwards.
        special = {**dict.fromkeys(EMPTY, np.nan), **words}
        place = pc.index_in(distinct, value_set=pa.array(list(special), distinct.type))
        rest = pc.if_else(pc.is_null(place), distinct, pa.scalar(None, distinct.type))
        try:
            numbers = rest.cast(pa.float64())
        except pa.ArrowInvalid:
            # Arrow itself says where, because it differs from Python: `float("１")` is 1.
            first = bisect_left(range(len(rest)), True, key=lambda end: not _are_numbers(rest.slice(0, end + 1)))
            row = int(pc.index(encoded.indices, first).as_py())
            shown = printable(values[row].as_py(), 30)
            remedy = _as_number(shown) or ("give a number or leave it empty" if gaps else "give a number")
            raise UserError(f"{printable(column)} is {shown!r} in {row_in_words(row)}, which is not a number; {remedy}.") from None
        numbers = numbers.to_numpy(zero_copy_only=False).copy()
        known = pc.is_valid(place).to_numpy(zero_copy_only=False)
        numbers[known] = np.array(list(special.values()))[pc.drop_null(place).to_numpy()]
        codes = pc.fill_null(encoded.indices, len(numbers)).to_numpy(zero_copy_only=False)
        return np.append(numbers, np.nan)[codes]


def _as_number(text: str) -> str | None:
    """How to write an amount such as $5, 1,234.5 or 0,5 as a number, or None for other text."""
    amount = "".join(sign for sign in text if sign not in " '’_" and unicodedata.category(sign) != "Sc")
    whole = amount.replace(",", "")
    if re.fullmatch(r"[+-]?\d{1,3},\d{3}", amount, re.ASCII):
        return f"write it as {whole}, or with a point"
    if re.fullmatch(r"[+-]?\d*,\d+", amount, re.ASCII):
        return "write it with a point"
    grouped = re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", amount, re.ASCII)
    is_number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", amount, re.ASCII | re.IGNORECASE)
    return f"write it as {whole}" if grouped or is_number else None


def row_in_words(row: int) -> str:
    return f"row {row_in_file(row)} (counted from 0)"


def scalar_columns(data: pa.Table, name: str, most: int) -> tuple[pa.Table, list[str]]:
    """The columns of numbers, booleans and text, and the names of the others. Text becomes large strings of at most `MOST_TEXT` characters.

    Raises UserError if there are no rows, too many rows or columns, two columns of one name, or if their import needs more than `most`
    bytes of memory.
    """
    check_columns(data.num_columns, name)
    check_rows(data.num_rows, name)
    check_distinct(data.column_names)
    kept = [column for column, values in zip(data.column_names, data.columns, strict=True) if _is_scalar(values.type)]
    texts = {column: _cut(data[column]) for column in kept if is_text(data[column].type)}
    size = f"{counted(data.num_rows, 'row')} of {counted(len(kept), 'column')}"
    text = sum(map(_text_bytes, texts.values()))
    check_needed(name, size, memory_for_log(data.num_rows, len(kept), len(texts), text), most)
    made = {column: _as_large_string(texts[column]) if column in texts else _scalar(data[column]) for column in kept}
    return pa.table(made), [column for column in data.column_names if column not in made]


def check_rows(rows: int, name: str) -> None:
    """Raise UserError if there are no rows, or too many. name: of the file"""
    if rows == 0:
        raise UserError(f"{name} has no rows; write one for each example, or for each example and model.")
    if rows > MOST_ROWS:
        raise UserError(f"{name} has {rows:,} rows; give at most {MOST_ROWS:,}.")


def check_columns(columns: int, name: str) -> None:
    """Raise UserError if there are too many columns. name: of the file"""
    if columns > MOST_COLUMNS:
        raise UserError(f"{name} has {columns:,} columns; give at most {MOST_COLUMNS:,}.")


def check_distinct(columns: Sequence[str]) -> None:
    """Raise UserError if two columns have the same name."""
    seen: set[str] = set()
    for column in columns:
        if column in seen:
            raise UserError(f"Two columns are called {printable(column)!r}; rename or leave out one of them.")
        seen.add(column)


def _is_scalar(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return is_text(kind) or is_number(kind) or any(of(kind) for of in (pa.types.is_decimal, pa.types.is_null, pa.types.is_temporal))


def is_number(kind: pa.DataType) -> bool:
    return pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column is text, also where each different text is stored only once."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _cut(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text, as it is stored, with at most `MOST_TEXT` characters in each."""
    return pa.chunked_array([_cut_chunk(chunk) for chunk in values.chunks] or [pa.array([], pa.large_string())])


def _cut_chunk(chunk: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(chunk.type):
        return pa.DictionaryArray.from_arrays(chunk.indices, _cut_chunk(chunk.dictionary))
    return pc.utf8_slice_codeunits(chunk.cast(pa.large_string()), 0, MOST_TEXT)


def _text_bytes(values: pa.ChunkedArray) -> int:
    """Bytes of a column of text when every row holds its own."""
    total = 0
    for chunk in values.chunks:
        if pa.types.is_dictionary(chunk.type):
            lengths = np.append(pc.binary_length(pc.fill_null(chunk.dictionary, "")).to_numpy(zero_copy_only=False), 0)
            total += int(lengths[pc.fill_null(chunk.indices, len(lengths) - 1).to_numpy(zero_copy_only=False)].sum(dtype=np.int64))
        else:
            total += pc.sum(pc.binary_length(chunk)).as_py() or 0
    return total


def _as_large_string(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(pa.large_string())


def _scalar(values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _scalar(values.cast(kind.value_type))
    if is_number(kind):
        return values
    return values.cast(pa.float64()) if pa.types.is_decimal(kind) else values.cast(pa.large_string())


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as people write them: 3 and not 3.0, where a column of whole numbers has become one of floats because of an empty cell."""
    if pa.types.is_large_string(values.type):
        return values
    if pa.types.is_floating(values.type):
        numbers = values.to_numpy()
        known = numbers[~np.isnan(numbers)]
        if np.isfinite(known).all() and (known == np.floor(known)).all() and (np.abs(known) < 2**53).all():
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values).cast(pa.int64())
    return values.cast(pa.large_string())


def _are_numbers(texts: pa.Array) -> bool:
    try:
        texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
