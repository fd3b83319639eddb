"""Decoding in a separate process whose memory is capped, for formats that do not tell how much they need."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.logs.table import Table
from engine.importing.readers.npz import read_npz
from engine.importing.schema import Given

_ROOT = Path(__file__).resolve().parents[3]
_LIBRARIES = 2**30  # address space that Python, numpy and Arrow take before they read anything
#: What a decoder writes: arrays, or the columns of a table. It prints the names of ignored columns, one per line.
ARRAYS, COLUMNS = "arrays.npz", "columns.arrow"


def too_much(name: str, most: int) -> str:
    return (
        f"{name} is damaged or unpacks to more than the {most:,} bytes allowed; write it again, with fewer rows or float16 if it is large."
    )


def decode(decoder: str, path: Path, most: int) -> Given:
    """Run a module of `engine.importing.readers` on a file. Raises UserError with the last line that it prints on stderr if it refuses.

    The module calls `decoder_main`.
    """
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.run(
            [sys.executable, "-m", f"engine.importing.readers.{decoder}", str(path.absolute()), folder, str(most)],
            cwd=_ROOT,
            env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
        )
        if child.returncode == 2:
            raise UserError(child.stderr.splitlines()[-1])  # libraries may have printed warnings above
        if child.returncode != 0:
            raise UserError(too_much(printable(path.name), most))
        ignored = tuple(child.stdout.splitlines())
        if (columns := Path(folder) / COLUMNS).is_file():
            with pa.OSFile(str(columns)) as file:
                return Given({}, ignored, Table(printable(path.name), pa.ipc.open_file(file).read_all(), ignored))
        return Given(read_npz(Path(folder) / ARRAYS, most).arrays, ignored)


def write_columns(data: pa.Table, folder: Path) -> None:
    with pa.OSFile(str(folder / COLUMNS), "wb") as file, pa.ipc.new_file(file, data.schema) as writer:
        writer.write_table(data)


def cap_memory(most: int) -> None:
    """Limit the memory of this process to what decoding `most` bytes takes, where the system allows it."""
    try:
        import resource

        limit = _LIBRARIES + 3 * most
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # Arrow's copy, numpy's copy and one more column
    except (ImportError, ValueError, OSError):
        pass  # a system without such limits: only the sizes that the file states are checked


def decoder_main(read: Callable[[Path, Path, int], list[str]], writer: str, arguments: list[str]) -> int:
    """The main function of a decoder. With exit code 2, the last line on stderr is the message for the user.

    read:   (file, folder to write to, most bytes) -> names of ignored columns
    writer: what writes such files, for messages
    """
    source, target, most = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    cap_memory(most)
    name = printable(source.name)
    try:
        ignored = read(source, target, most)
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except MemoryError:
        print(too_much(name, most), file=sys.stderr)
        return 2
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as problem:
        reason = printable(str(problem), 120)
        print(f"{name} is damaged or not a valid {source.suffix.lower()} file ({reason}); write it again with {writer}.", file=sys.stderr)
        return 2
    sys.stdout.write("\n".join(ignored))
    return 0
