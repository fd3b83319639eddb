"""How much memory an import will take, from the sizes that a file declares, so that a costly file is refused before it is read.

A file of a few kilobytes may declare gigabytes. What counts is not the file but what becomes of it: its arrays, and the working arrays of
the checks, of the scores and of the bundle. The estimates here are upper bounds that were measured with `benchmarks/importing.py`, which
prints them beside the memory that each form really takes.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import ceil, prod
from typing import Literal

from engine.display_text import counted
from engine.errors import UserError

#: Most memory that an import may take, in bytes, unless the user says otherwise.
MOST_MEMORY = 4 * 2**30
#: Memory of the import for each row of a log, and in addition for each of its cells, in bytes.
_ROW, _CELL = 200, 24
#: And for each cell of text, of which there is a copy while it is read.
_TEXT_CELL = 24
#: How often a text of a log is held at the same time: as it is read, cut, trimmed, and in the table of the bundle.
_TEXTS = 4
#: What a file that was read only in part may need beyond what its first rows suggest.
_MARGIN = 1.25
#: How sure an estimate is: never too low, from the first part of a file, or never too high.
Bound = Literal["up to", "about", "at least"]
#: What is read in batches, see `engine.importing.large`.
_BATCHES = "give a row for each example with columns such as exit0.correct and exit0.cost_usd as .parquet or .csv, which is read in batches"
#: Memory for each example of arrays, for each value of logits and probabilities, and for each other value, beyond the array itself.
_EXAMPLE, _LOGIT, _VALUE = 300, 16, 32


#: Memory of an import in batches, in bytes: of any, for each column, and for each column of long text. A batch and the sample that the
#: bundle keeps have a fixed number of rows.
_IN_BATCHES, _COLUMN_IN_BATCHES, _LONG_TEXT_IN_BATCHES = 128 * 2**20, 10 * 2**20, 256 * 2**20


@dataclass(frozen=True)
class Declared:
    """An array as a file declares it. shape: of its axes;  width: bytes of each value"""

    shape: tuple[int, ...]
    width: int

    @property
    def size(self) -> int:
        return prod(self.shape)


def in_words(size: float) -> str:
    """A size in bytes as people read it: 4 GiB, 1.5 GiB, 300 MiB, 12 bytes."""
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:,.1f}".removesuffix(".0") + f" {name}"
    return counted(round(size), "byte")


def memory_for_log(rows: int, columns: int, texts: int = 0, text: int = 0) -> int:
    """In bytes. texts: how many of the columns hold text;  text: bytes of all their cells"""
    return rows * (_ROW + _CELL * columns + _TEXT_CELL * texts) + _TEXTS * text


def memory_for_arrays(arrays: Mapping[str, Declared], examples: int) -> int:
    """In bytes. arrays: those that are imported, by name, one for all exits or one for each"""
    needed = examples * _EXAMPLE
    for name, array in arrays.items():
        beyond = _LOGIT if name.rpartition(".")[2] in ("logits", "probs") else 0 if name == "images" else _VALUE
        needed += array.size * (array.width + beyond)
    return needed


def check_batches(name: str, columns: int, texts: int, most: int) -> None:
    """Raise UserError if the import of a file that is read in batches needs more than `most` bytes. texts: how many columns of long text"""
    needed = _IN_BATCHES + _COLUMN_IN_BATCHES * columns + _LONG_TEXT_IN_BATCHES * texts
    if needed > most:
        size = f"takes up to {in_words(needed)} of memory for {counted(columns, 'column')}, more than the {in_words(most)} allowed"
        remedy = f"give fewer columns, or raise the limit with --most-memory {in_option(needed)}"
        raise UserError(f"{name} is read in batches, which {size}; {remedy}.")


def check_arrays(name: str, arrays: Mapping[str, Declared], most: int) -> None:
    """Raise UserError if the import of these arrays needs more than `most` bytes. name: of the file"""
    one_each = [array.shape[0] for key, array in arrays.items() if key in ("labels", "ids", "split") and array.shape]
    of_exits = [array.shape[1] for key, array in arrays.items() if len(array.shape) > 1 and key not in ("labels", "ids", "split", "images")]
    examples = max([*one_each, *of_exits], default=0)
    size = f"{counted(len(arrays), 'array')} of {counted(sum(array.size for array in arrays.values()), 'value')}"
    check_needed(name, size, memory_for_arrays(arrays, examples), most)


def check_needed(name: str, declares: str, needed: int, most: int) -> None:
    """Raise UserError if an import needs more than `most` bytes. declares: the size of the file `name` in words"""
    announce(needed)
    if needed > most:
        raise too_costly(name, declares, needed, most)


@dataclass(frozen=True)
class PartRead:
    """What was read so far of a file that states no sizes. rows, columns, needed: of this part;  share: of the whole file, in (0, 1]"""

    rows: int
    columns: int
    needed: int
    share: float

    def check(self, name: str, most: int) -> None:
        """Raise UserError if this part alone needs more than `most` bytes. What the whole file needs is estimated from it."""
        announce(self.needed)
        if self.needed > most:
            rows, needed = (round(number / self.share) for number in (self.rows, self.needed))
            rows = int(float(f"{rows:.2g}"))
            raise too_costly(name, f"about {counted(rows, 'row')} of {counted(self.columns, 'column')}", needed, most, "about")


def too_costly(name: str, declares: str, needed: int, most: int, bound: Bound = "up to") -> UserError:
    """The error for a file whose import needs more than `most` bytes."""
    size = f"{declares}, whose import takes {bound} {in_words(needed)} of memory, more than the {in_words(most)} allowed"
    return UserError(f"{name} has {size}; {remedy(needed, bound)}.")


def remedy(needed: int, bound: Bound = "up to") -> str:
    """What to do about a file that needs so many bytes."""
    size = in_option(ceil(_MARGIN * needed) if bound == "about" else needed)
    limit = f"raise the limit with --most-memory{' to at least' if bound == 'at least' else ''} {size}"
    return f"give fewer rows, {limit}, or {_BATCHES}"


def in_option(size: int) -> str:
    """A size in bytes, rounded up, as `--most-memory` takes it."""
    for unit, suffix in ((2**30, "G"), (2**20, "M"), (2**10, "K")):
        if size > 4 * unit:
            return f"{-(-size // unit)}{suffix}"
    return str(size)


_listener: ContextVar[Callable[[int], None] | None] = ContextVar("listener", default=None)


def announce(needed: int) -> None:
    """Tell the listener what an import needs, in bytes: it may take longer, the more that is."""
    if (listener := _listener.get()) is not None:
        listener(needed)


@contextmanager
def listen(listener: Callable[[int], None]) -> Generator[None]:
    """Call a listener with every estimate of the imports inside, in bytes."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
