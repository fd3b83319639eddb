"""Decodes a file with a JSON object on each line; see `engine.importing.readers.separate_process`."""

import sys
from pathlib import Path

import pyarrow.json as pa_json

from engine.display_text import printable
from engine.importing.logs.table import scalar_columns
from engine.importing.readers.separate_process import decoder_main, write_columns

#: Longest line. Arrow reads the file in blocks, and a line has to fit into one.
_MOST_LINE = 2**24


def table_of(path: Path, folder: Path, most: int) -> list[str]:
    data = pa_json.read_json(path, pa_json.ReadOptions(use_threads=False, block_size=_MOST_LINE))
    table, ignored = scalar_columns(data, printable(path.name), most)
    table.validate(full=True)  # that all text is UTF-8
    write_columns(table, folder)
    return ignored


if __name__ == "__main__":
    sys.exit(decoder_main(table_of, "pandas, one object on each line and one kind of value for each name", sys.argv[1:]))
