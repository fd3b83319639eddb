"""A Parquet file of many examples, read in batches, as often as needed."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.budget import announce, check_batches
from engine.importing.large.decoder import too_much
from engine.importing.schema import Missing, is_of_exits, of_exit, wanted

#: With more rows, a file in the form below is read in batches.
MANY = 200_000
#: A smaller file cannot hold so many different rows, so its footer need not be looked at.
LEAST_BYTES = 100_000
#: Rows of a batch, and bytes that it may take, unpacked.
BATCH = 65_536
MOST_BATCH = 512 * 2**20
#: Bytes that are announced for each cell, as an import may take longer, the more it announces.
_CELL = 16
#: The number of examples of which everything, such as positions, is known to be counted correctly.
MOST_EXAMPLES = 2_000_000_000
#: Outputs of exits that are one value for an exit and an example.
OUTPUTS = ("pred", "correct", "quality")

_ROOT = Path(__file__).resolve().parents[3]
_PLURAL = {"label": "labels", "id": "ids", "text": "texts"}
#: Columns of long text, which become arrays of objects.
_LONG = ("id", "ids", "text", "texts")

Arrays = dict[str, NDArray]


@dataclass(frozen=True)
class Source:
    """rows: in all;  places: {column: (array, exit or None)} of the known columns;  metadata: class_names, exit_names and topology

    ignored:    names of other columns, cleaned
    most_batch: bytes that a batch may take
    """

    path: Path
    rows: int
    places: Mapping[str, tuple[str, int | None]]
    metadata: Mapping[str, str]
    ignored: tuple[str, ...]
    most_batch: int

    @property
    def arrays(self) -> set[str]:
        return {array for array, _ in self.places.values()}

    @property
    def missing(self) -> Missing:
        return Missing(self.ignored, columns=True)

    @property
    def exits(self) -> int:
        return 1 + max(exit for _, exit in self.places.values() if exit is not None)

    def columns_of(self, *arrays: str) -> list[str]:
        """The columns of some arrays, exits in order."""
        at = {(array, -1 if exit is None else exit): column for column, (array, exit) in self.places.items()}
        return [at[place] for place in sorted(at) if place[0] in arrays]

    def batches(self, arrays: Sequence[str]) -> Iterator[tuple[int, Arrays]]:
        """(number of the first row, {array: (rows,) or (exits, rows)}) of some arrays, batch by batch. Raises UserError."""
        start = 0
        columns = self.columns_of(*arrays)
        with decoding(self.path, self.most_batch, ["rows", str(BATCH), *columns]) as printed:
            try:
                for batch in pa.ipc.open_stream(printed):
                    by_array: dict[str, list[NDArray]] = {}
                    for column in columns:
                        by_array.setdefault(self.places[column][0], []).append(_values(column, batch[column], start))
                    yield start, {name: parts[0] if not is_of_exits(name) else np.stack(parts) for name, parts in by_array.items()}
                    start += batch.num_rows
            except pa.ArrowException:
                pass  # the child ended early, and says why
        if start != self.rows:
            raise UserError(too_much(printable(self.path.name)))


def described(path: Path, most: int) -> Source | None:
    """The file, if it is one of many examples in the form that is read in batches, else None.

    most: memory that the import may take, in bytes.  Raises UserError if it needs more, or if the file is damaged
    """
    if path.suffix.lower() != ".parquet" or not path.is_file() or path.stat().st_size < LEAST_BYTES:
        return None
    with decoding(path, min(most, MOST_BATCH), ["describe"]) as printed:
        text = printed.read()
    stated = json.loads(text)
    columns: dict[str, str] = stated["columns"]
    known = {column: _place(column) for column in columns}
    places = {column: place for column, place in known.items() if place is not None}
    if stated["rows"] <= MANY or not any(array in OUTPUTS and exit is not None for array, exit in places.values()):
        return None
    if any(columns[column] in ("list", "other") for column in places):
        return None  # logits and probabilities, and what the reader of smaller files refuses
    ignored = tuple(printable(column) for column in columns if column not in places)
    if stated["rows"] > MOST_EXAMPLES:
        raise UserError(f"{printable(path.name)} has {stated['rows']:,} rows; give at most {MOST_EXAMPLES:,}.")
    source = Source(path, stated["rows"], places, stated["metadata"], ignored, min(most, MOST_BATCH))
    _check_exits(source)
    texts = sum(columns[column] == "text" and column in _LONG for column in places)
    check_batches(printable(path.name), len(places), texts, most)
    announce(stated["rows"] * len(places) * _CELL)
    return source


def _place(column: str) -> tuple[str, int | None] | None:
    """The array that a column belongs to, and its exit, or None if it is not known."""
    exit, name = of_exit(column) or (None, _PLURAL.get(column, column))
    return (name, exit) if wanted(name) and name != "images" else None


def _check_exits(source: Source) -> None:
    if len(set(source.places.values())) < len(source.places):
        raise UserError("Two columns name the same array; rename or leave out one of them.")
    for column, (name, exit) in source.places.items():
        if is_of_exits(name) and exit is None:
            raise UserError(f"Column {column} does not name its exit; call it exit0.{name}, exit1.{name} and so on.")
    for name in sorted(source.arrays):
        present = {exit for array, exit in source.places.values() if array == name and exit is not None}
        missing = sorted(set(range(source.exits)) - present) if present else []
        if missing:
            last = f"exit{max(present)}.{name}"
            raise UserError(f"The file has {last} but no exit{missing[0]}.{name}; add it (these columns count exits from 0).")


@contextmanager
def decoding(path: Path, most: int, arguments: list[str]) -> Generator[IO[bytes]]:
    """What the decoder prints. most: bytes that a batch may take.

    Raises UserError with the last line that it prints on stderr if it refuses the file.
    """
    messages = tempfile.TemporaryFile()
    child = subprocess.Popen(
        [sys.executable, "-m", "engine.importing.large.decoder", str(path.absolute()), str(most), *arguments],
        cwd=_ROOT,
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=messages,
    )
    assert child.stdout is not None
    try:
        yield child.stdout
        if child.wait() != 0:
            messages.seek(0)
            lines = messages.read().decode(errors="replace").splitlines()
            raise UserError(lines[-1] if child.returncode == 2 and lines else too_much(printable(path.name)))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        messages.close()


def _values(column: str, values: pa.Array, start: int) -> NDArray:
    """A column of a batch, (rows,). start: number of its first row"""
    if values.null_count:
        row = start + int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
        raise UserError(f"{printable(column)} is empty in row {row} (counted from 0); fill it or leave that row out.")
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type):
        # Fixed-width text takes the room of the longest in every cell.
        return np.array(values.to_pylist(), object) if column in _LONG else np.array(values.to_pylist() or [""], np.str_)[: len(values)]
    return values.to_numpy(zero_copy_only=False)
