"""Decodes a file of comma-separated values; see `engine.importing.readers.separate_process`."""

from pathlib import Path

import pyarrow as pa

from engine.display_text import printable
from engine.importing.readers.csv_file import WRITER as WRITER
from engine.importing.readers.csv_file import check_cells, read_header, text_blocks
from engine.importing.readers.rows import counted_rows, given_rows
from engine.importing.schema import Given


def decoded(path: Path, most: int) -> Given:
    name = printable(path.name)
    header = read_header(path)
    check_cells(path, header)
    schema, blocks = text_blocks(path, header)
    # A file states no sizes: its rows are counted as they come.
    return given_rows(pa.Table.from_batches(counted_rows(blocks, name, most, path.stat().st_size), schema), name, most)
