"""Reads a file of many examples in a process of its own, whose memory is capped, and passes it on in batches of few rows.

`decoder.py FILE MOST describe` prints what the file holds, as JSON. `decoder.py FILE MOST rows BATCH KIND:COLUMN ...` writes the columns to
stdout, as a stream of record batches in Arrow's IPC format. MOST, BATCH: bytes and rows of a batch, at most.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute

from engine.bundle.texts import MOST_ID, MOST_TEXT
from engine.display_text import MOST_CHARACTERS, printable
from engine.errors import UserError
from engine.importing.large import rows_of_csv, rows_of_jsonl, rows_of_parquet
from engine.importing.large.described import TEXT
from engine.importing.schema import damaged

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

#: In messages.
ROWS = "65,536"
_LIBRARIES = 2**30  # address space that Python, numpy and Arrow take before they read anything
#: Longest text of a cell, by the column. One character more than is allowed, so that too long an id is noticed.
_MOST_CHARACTERS = {"id": MOST_ID + 1, "ids": MOST_ID + 1, "text": MOST_TEXT, "texts": MOST_TEXT}
#: By the ending of the file's name. Each has `described`, `batches` and `WRITER`.
FORMS: Mapping[str, ModuleType] = {".parquet": rows_of_parquet, ".csv": rows_of_csv, ".jsonl": rows_of_jsonl}


def pass_on(batches: Iterable[pa.RecordBatch], kinds: Mapping[str, str], out: IO[bytes]) -> None:
    stream: pa.ipc.RecordBatchStreamWriter | None = None
    for batch in batches:
        made = [_cut(batch[column], column) if kind == TEXT else batch[column] for column, kind in kinds.items()]
        made = pa.record_batch(made, names=list(kinds))
        if stream is None:
            stream = pa.ipc.new_stream(out, made.schema)
        stream.write_batch(made)
    if stream is not None:
        stream.close()


def _cut(values: pa.Array, column: str) -> pa.Array:
    """Text no longer than is kept."""
    return pc.utf8_slice_codeunits(values.cast(pa.large_string()), 0, _MOST_CHARACTERS.get(column, MOST_CHARACTERS))


def too_much(name: str) -> str:
    """The message for a file whose batches take more than they may."""
    return f"{name} is damaged, or {ROWS} of its rows unpack to more than can be read at a time; write it again, with shorter texts."


def cap_memory(most: int) -> None:
    """Limit the memory of this process to what decoding `most` bytes takes, where the system allows it."""
    try:
        import resource

        limit = _LIBRARIES + 3 * most
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits


def main(arguments: list[str], out: IO[bytes]) -> int:
    """With exit code 2, the last line on stderr is the message for the user."""
    path, most, task, *rest = Path(arguments[0]), int(arguments[1]), *arguments[2:]
    cap_memory(most)
    name, form = printable(path.name), FORMS[path.suffix.lower()]
    try:
        if task == "describe":
            out.write(json.dumps(asdict(form.described(path))).encode())
        else:
            kinds = {column: kind for kind, _, column in (text.partition(":") for text in rest[1:])}
            pass_on(form.batches(path, int(rest[0]), kinds), kinds, out)
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except MemoryError:
        print(too_much(name), file=sys.stderr)
        return 2
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as problem:
        print(damaged(path, problem, form.WRITER), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout.buffer))
