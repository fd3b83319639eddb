"""Outputs that are in memory: data frames, tables, lists of rows and dictionaries of arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.budget import MOST_MEMORY
from engine.importing.logs.table import Table, scalar_columns
from engine.importing.readers.npz import check_dtype
from engine.importing.schema import Given, ignored_names, wanted

#: What a frame is called in messages and in the provenance.
NAME = "the table"
#: Arrays of two or more axes by which a dictionary of arrays is known, and not one of columns.
_ARRAYS = ("logits", "probs", "pred", "correct", "quality", "exit0.logits", "exit0.probs")


def as_given(frame: Any) -> Given:
    """The contents of a frame: arrays if it is a dictionary with those of exits, else the rows of a log. Raises UserError otherwise.

    frame: a pandas, polars or Arrow table, a list of dictionaries, or a dictionary of columns or of arrays
    """
    if isinstance(frame, Mapping) and any(name in frame and np.ndim(frame[name]) >= 2 for name in _ARRAYS):
        return Given(
            {str(name): _array(str(name), value) for name, value in frame.items() if wanted(str(name))}, ignored_names(list(frame))
        )
    data, ignored = scalar_columns(_table(frame), NAME, MOST_MEMORY)
    names = tuple(map(printable, ignored))
    return Given({}, names, Table(NAME, data, names))


def _array(name: str, value: Any) -> NDArray:
    array = np.asarray(value)
    if array.dtype.kind == "O" and all(isinstance(item, str) for item in array.flat):
        array = array.astype("U")
    check_dtype(name, array.dtype)
    return array


def _table(frame: Any) -> pa.Table:
    try:
        if isinstance(frame, pa.Table):
            made = frame
        elif isinstance(frame, list):
            names = dict.fromkeys(name for row in frame for name in row)
            made = pa.Table.from_pylist([{**names, **row} for row in frame[:1]] + frame[1:])  # it takes the names of the first row
        elif isinstance(frame, Mapping):
            made = pa.table({str(name): _column(values) for name, values in frame.items()})
        elif type(frame).__module__.partition(".")[0] == "pandas":
            named = [name for name in frame.index.names if name is not None]
            made = pa.Table.from_pandas(frame.reset_index() if named else frame, preserve_index=False)
        elif hasattr(frame, "__arrow_c_stream__"):
            made = pa.table(frame)
        else:
            kind = type(frame).__name__
            raise UserError(f"A {kind} cannot be imported; give a data frame, a list of dictionaries, a dictionary of columns, or a path.")
    except (pa.ArrowException, AttributeError, TypeError, ValueError) as problem:
        reason = printable(str(problem), 160)
        raise UserError(f"The table cannot be read ({reason}); give every column one kind of value.") from problem
    return made.rename_columns([str(name) for name in made.column_names])


def _column(values: Any) -> Any:
    return values.tolist() if isinstance(values, np.ndarray) and values.dtype.kind in "OU" else values
