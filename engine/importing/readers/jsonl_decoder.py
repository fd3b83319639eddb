"""Decodes a file with a JSON object on each line; see `engine.importing.readers.separate_process`."""

import re
from pathlib import Path

import pyarrow.json as pa_json

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.budget import PartRead, memory_for_log
from engine.importing.logs.table import MOST_COLUMNS
from engine.importing.readers import json_lines
from engine.importing.readers.rows import given_rows
from engine.importing.schema import Given

WRITER = "pandas, one object on each line and one kind of value for each name"
#: What ends the name of a value, at any depth.
_NAME_ENDS = re.compile(rb'"\s*:')


def decoded(path: Path, most: int) -> Given:
    name = printable(path.name)
    json_lines.check_lines(path)
    _check_size(path, name, most)
    data = pa_json.read_json(path, pa_json.ReadOptions(use_threads=False, block_size=json_lines.MOST_LINE))
    data.validate(full=True)  # that all text is UTF-8
    return given_rows(data, name, most)


def _check_size(path: Path, name: str, most: int) -> None:
    """Raise UserError if its rows need too much memory: a name that a single line has takes room in every row.

    Names inside objects count, as Arrow reads these too.
    """
    names: set[bytes] = set()
    lines, size, whole = 0, 0, path.stat().st_size
    for block in json_lines.blocks(path):
        names.update(part[part.rfind(b'"') + 1 :] for part in _NAME_ENDS.split(block)[:-1])
        lines += block.count(b"\n") + (not block.endswith(b"\n"))
        size += len(block)
        if len(names) > MOST_COLUMNS:
            remedy = "give fewer columns, and lists in place of objects"
            raise UserError(f"{name} has values of more than {MOST_COLUMNS:,} different names; {remedy}.")
        PartRead(lines, len(names), memory_for_log(lines, len(names), text=size), size / whole).check(name, most)
