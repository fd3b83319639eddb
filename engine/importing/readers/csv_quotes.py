"""Quotes of a CSV file that swallow what follows them.

A quote that is opened and not closed in its cell takes all up to the next quote, or to the end of the file, into that cell. The library
reads on without a word, so the rows in between would be lost.
"""

import csv
from pathlib import Path

import numpy as np

from engine.errors import UserError

#: Bytes that are looked at together.
_BLOCK = 2**24
_QUOTE, _LINE_ENDS = ord('"'), (ord("\n"), ord("\r"))
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def check_quotes(path: Path, separator: str, name: str, most: int) -> None:
    """Raise UserError if a quoted cell does not end where its quote is closed. name: of the file;  most: characters of a cell"""
    if not _may_be_unbalanced(path, ord(separator)):
        return
    before = csv.field_size_limit(most)
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            rows, line = csv.reader(file, delimiter=separator, strict=True), 1
            try:
                for _ in rows:
                    line = rows.line_num + 1
            except csv.Error as problem:
                closed = "expected after" in str(problem)
                what = "text follows the quote that closes a cell" if closed else "a quote is never closed"
                remedy = "close each quote at the end of its cell, and double a quote that belongs to a text"
                raise UserError(f"In the row of {name} that begins in line {line:,}, {what}; {remedy}.") from None
    finally:
        csv.field_size_limit(before)


def _may_be_unbalanced(path: Path, separator: int) -> bool:
    """Whether any quote stands elsewhere than at an end of a cell, or the last one opens a cell. A quick look, which may be mistaken.

    Quotes that open a cell and quotes that close one alternate; a doubled quote inside a cell closes and opens it.
    """
    beside = np.zeros(256, bool)
    beside[[_QUOTE, separator, *_LINE_ENDS]] = True
    quotes, carried = 0, b"\n"
    with open(path, "rb") as file:
        if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
            file.seek(0)
        block = b" "
        while block:
            block = file.read(_BLOCK)
            data = np.frombuffer(carried + (block or b"\n"), np.uint8)
            at = np.flatnonzero(data[1:-1] == _QUOTE) + 1
            opening, closing = at[quotes % 2 :: 2], at[1 - quotes % 2 :: 2]
            if not (beside[data[opening - 1]].all() and beside[data[closing + 1]].all()):
                return True
            quotes += len(at)
            carried = data[-2:].tobytes()
    return quotes % 2 == 1
