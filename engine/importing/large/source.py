"""A file of many examples, read in batches, as often as needed."""

import json
import logging
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
from engine.importing.large.columns import LONG, Place, check_places, have_outputs, places_in_log, places_of
from engine.importing.large.decoder import too_much
from engine.importing.large.described import LIST, OTHER, TEXT, Described
from engine.importing.large.rows_of_jsonl import first_names
from engine.importing.options import Options
from engine.importing.readers.csv_file import read_header
from engine.importing.schema import Missing, is_of_exits
from engine.outputs import CascadeKind

#: With more rows, a file in the form below is read in batches.
MANY = 200_000
#: A smaller file cannot hold so many different rows, so it need not be looked at. By the ending of its name.
LEAST_BYTES = {".parquet": 100_000, ".csv": 4 * MANY, ".jsonl": 20 * MANY}
#: Rows of a batch, and bytes that it may take, unpacked.
BATCH = 65_536
MOST_BATCH = 512 * 2**20
#: Bytes that are announced for each cell, as an import may take longer, the more it announces.
_CELL = 16
#: Why a Parquet file is read whole, as the end of a sentence.
NO_OUTPUTS = "it has no column that is called exactly exit0.pred, exit0.correct or exit0.quality"
#: The number of examples of which everything, such as positions, is known to be counted correctly.
MOST_EXAMPLES = 2_000_000_000

_ROOT = Path(__file__).resolve().parents[3]

Arrays = dict[str, NDArray]

logger = logging.getLogger("offramp.importing")


@dataclass(frozen=True)
class Source:
    """rows: in all;  places: {column: (array, exit or None)} of the known columns;  metadata: class_names, exit_names and topology

    kinds:      {column: its kind}, see `engine.importing.large.described`
    ignored:    names of other columns, cleaned
    most_batch: bytes that a batch may take
    """

    path: Path
    rows: int
    places: Mapping[str, Place]
    kinds: Mapping[str, str]
    metadata: Mapping[str, str]
    ignored: tuple[str, ...]
    most_batch: int

    @property
    def arrays(self) -> set[str]:
        return {array for array, _ in self.places.values()}

    @property
    def missing(self) -> Missing:
        return Missing(self.ignored, columns=True, own=tuple(self.places))

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
        with decoding(
            self.path, self.most_batch, ["rows", str(BATCH), *(f"{self.kinds[column]}:{column}" for column in columns)]
        ) as printed:
            try:
                for batch in pa.ipc.open_stream(printed):
                    by_array: dict[str, list[NDArray]] = {}
                    for column in columns:
                        by_array.setdefault(self.places[column][0], []).append(
                            _values(column, self.places[column][0], batch[column], start)
                        )
                    yield start, {name: parts[0] if not is_of_exits(name) else np.stack(parts) for name, parts in by_array.items()}
                    start += batch.num_rows
            except pa.ArrowException:
                pass  # the child ended early, and says why
        if start != self.rows:
            raise UserError(too_much(printable(self.path.name)))


def described(path: Path, most: int, kind: CascadeKind | None, options: Options) -> Source | None:
    """The file, if it is one of many examples in a form that is read in batches, else None.

    most: memory that the import may take, in bytes;  kind, options: as the user gave them, which may need the whole file
    Raises UserError if it needs more memory, or if the file is damaged.
    """
    ending = path.suffix.lower()
    try:
        if ending not in LEAST_BYTES or not path.is_file() or path.stat().st_size < LEAST_BYTES[ending]:
            return None
    except OSError:  # a name that no file can have
        return None
    source = _parquet(path, most) if ending == ".parquet" else _log(path, most, kind, options)
    if source is None or source.rows <= MANY:
        return None
    name, columns = printable(path.name), len(source.places)
    if source.rows > MOST_EXAMPLES:
        raise UserError(f"{name} has {source.rows:,} rows; give at most {MOST_EXAMPLES:,}.")
    check_places(source.places)
    check_batches(name, columns, sum(source.kinds[column] == TEXT and array in LONG for column, (array, _) in source.places.items()), most)
    announce(source.rows * columns * _CELL)
    return source


def _parquet(path: Path, most: int) -> Source | None:
    """A Parquet file without logits and probabilities, and without what the reader of smaller files refuses."""
    stated = _stated(path, most)
    places = places_of(list(stated.kinds))
    lists = [column for column in places if stated.kinds[column] in (LIST, OTHER)]
    if not have_outputs(places) or lists:
        obstacle = f"{printable(lists[0])} does not hold one value for each row" if lists else NO_OUTPUTS
        if stated.rows > MANY:
            _say_read_whole(path, obstacle)
        return None
    return _source(path, most, list(stated.kinds), places, stated)


def _log(path: Path, most: int, kind: CascadeKind | None, options: Options) -> Source | None:
    """A CSV or JSON-lines file, which otherwise is read whole as a log."""
    try:
        columns = read_header(path).named if path.suffix.lower() == ".csv" else first_names(path)
    except (OSError, ValueError):
        return None  # the reader of smaller files says what is the matter
    places = places_in_log(columns, kind)
    if not have_outputs(places) or _lines(path) < MANY:
        return None
    obstacle = _obstacle(places, options)
    if obstacle is None:
        stated = _stated(path, most)
        if stated.obstacle is None:
            return _source(path, most, columns, places, stated)
        obstacle = stated.obstacle
    _say_read_whole(path, obstacle)
    return None


def _say_read_whole(path: Path, obstacle: str) -> None:
    logger.info("%s is read whole and not in batches, because %s", printable(path.name), obstacle)


def _source(path: Path, most: int, columns: Sequence[str], places: Mapping[str, Place], stated: Described) -> Source:
    ignored = tuple(printable(column) for column in columns if column not in places)
    return Source(path, stated.rows, places, stated.kinds, stated.metadata, ignored, min(most, MOST_BATCH))


def _stated(path: Path, most: int) -> Described:
    with decoding(path, min(most, MOST_BATCH), ["describe"]) as printed:
        text = printed.read()
    return Described(**json.loads(text))


def _obstacle(places: Mapping[str, Place], options: Options) -> str | None:
    """Why a log in this form must be read whole, as the end of a sentence, or None."""
    judged = any(array in ("correct", "quality") for array, _ in places.values())
    taken = {name: getattr(options, name) for name in ("scale", "clip", "cost_unit", "quality_name")} if judged else {}
    if options != Options(**taken):
        return "an option names columns, models or costs"
    try:
        check_places(places)
    except UserError as lack:
        problem = str(lack).partition(";")[0]
        return problem[:1].lower() + problem[1:]
    return None


def _lines(path: Path) -> int:
    """Ends of lines in a file, at least as many as its rows but one. Some programs end lines with a carriage return alone."""
    feeds = returns = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            feeds, returns = feeds + block.count(b"\n"), returns + block.count(b"\r")
    return max(feeds, returns)


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


def _values(column: str, array: str, values: pa.Array, start: int) -> NDArray:
    """A column of a batch, (rows,). array: that it belongs to;  start: number of its first row"""
    if values.null_count:
        row = start + int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
        raise UserError(f"{printable(column)} is empty in row {row} (counted from 0); fill it or leave that row out.")
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type):
        # Fixed-width text takes the room of the longest in every cell.
        return np.array(values.to_pylist(), object) if array in LONG else np.array(values.to_pylist() or [""], np.str_)[: len(values)]
    return values.to_numpy(zero_copy_only=False)
