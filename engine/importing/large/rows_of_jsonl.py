"""The rows of a file with a JSON object on each line, in batches. The first object tells the kinds of all values."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.json as pa_json

from engine.display_text import printable
from engine.importing.large.columns import places_in_log
from engine.importing.large.described import FLAG, INTEGER, NUMBER, OTHER, TEXT, Described
from engine.importing.large.regrouped import regrouped
from engine.importing.logs.table import row_in_words
from engine.importing.readers.json_lines import check_lines

WRITER = "pandas, one object on each line and one kind of value for each name"
#: Bytes that are read together, into which every line must fit. The library reads some tens of blocks ahead.
_BLOCK = 2**20
_TYPES = {INTEGER: pa.int64(), NUMBER: pa.float64(), FLAG: pa.bool_(), TEXT: pa.large_string()}
#: Arrays of names or of whole numbers; all others hold numbers or booleans.
_NAMED = ("ids", "labels", "pred", "split", "texts")


def first_names(path: Path) -> list[str]:
    """The names of the values of the first object; none if it is not valid."""
    return list(_first_object(path))


def described(path: Path) -> Described:
    """Goes through all rows. Raises UserError if a line is not an object."""
    check_lines(path)
    first = _first_object(path)
    arrays = {name: array for name, (array, _) in places_in_log(list(first), None).items()}
    kinds = {name: _kind(first[name], array) for name, array in arrays.items()}
    odd = next((name for name, kind in kinds.items() if kind == OTHER), None)
    if odd is not None:
        return Described(0, kinds, obstacle=f"{printable(odd)} holds neither numbers nor text")
    rows = 0
    try:
        for block in _blocks(path, kinds):
            more = next((name for name in block.schema.names if name not in first), None)
            if more is not None:
                return Described(0, kinds, obstacle=f"its first row has no {printable(more)}, which another one has")
            for name in kinds:
                if block[name].null_count:
                    row = rows + pyarrow.compute.index(block[name].is_null(), True).as_py()
                    return Described(0, kinds, obstacle=f"{printable(name)} is missing in {row_in_words(row)}")
            rows += block.num_rows
    except pa.ArrowInvalid as problem:  # a value of another kind than in the first row, or a damaged file
        return Described(0, kinds, obstacle=f"not all its rows are like the first ({printable(str(problem), 120)})")
    return Described(rows, kinds)


def batches(path: Path, rows: int, kinds: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    return regrouped((block.select(list(kinds)) for block in _blocks(path, kinds)), rows)


def _blocks(path: Path, kinds: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in kinds.items()])
    parse = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer")
    yield from pa_json.open_json(path, pa_json.ReadOptions(use_threads=False, block_size=_BLOCK), parse)


def _first_object(path: Path) -> dict[str, object]:
    with open(path, "rb") as file:
        line = file.readline(_BLOCK)
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return first if isinstance(first, dict) else {}


def _kind(value: object, array: str) -> str:
    if isinstance(value, str):
        return TEXT if array in _NAMED else OTHER
    if array == "texts" or not isinstance(value, int | float):
        return OTHER
    if isinstance(value, bool):
        return FLAG
    return NUMBER if array not in _NAMED or isinstance(value, float) else INTEGER
