"""The rows of a log, as every decoder of logs returns them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute

from engine.display_text import printable
from engine.importing.budget import PartRead, memory_for_log
from engine.importing.logs.table import Table, is_text, scalar_columns
from engine.importing.schema import Given

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them


def counted_rows(blocks: Iterable[pa.RecordBatch], name: str, most: int, size: int) -> Iterator[pa.RecordBatch]:
    """Parts of a log whose size is not known, as they are read. Raises UserError as soon as they need more than `most` bytes of memory.

    size: bytes of the whole file, in which a cell takes at least its text and one sign after it
    """
    rows = text = 0
    for block in blocks:
        rows += block.num_rows
        of_text = [column for column in block.columns if is_text(column.type)]
        texts, text = len(of_text), text + sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in of_text)
        share = min(1.0, (text + rows * block.num_columns) / max(size, 1))
        PartRead(rows, block.num_columns, memory_for_log(rows, block.num_columns, texts, text), share).check(name, most)
        yield block


def given_rows(data: pa.Table, name: str, most: int, left_out: Sequence[str] = ()) -> Given:
    """The rows of a log as the contents of the file `name`. left_out: names of columns that were not even read"""
    table, others = scalar_columns(data, name, most)
    ignored = tuple(map(printable, [*left_out, *others]))
    return Given({}, ignored, Table(name, table, ignored))
