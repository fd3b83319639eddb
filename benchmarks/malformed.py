"""Ten thousand files that are nearly valid, through one reused worker: each must be imported or refused in one sentence.

    python benchmarks/malformed.py [--files N] [--first SEED]

Prints how many were imported and refused, how many workers it took, files a second against starting a worker for each, and the memory that
the worker took at most. Exits with 1 if the outcome of any file is something else.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.tables import conditions
from engine.importing.readers.separate_process import ImportTask, Worker
from tests.engine.importing.malformed import OPTIONS, changed_file
from tests.engine.importing.test_malformed import MOST, memory_of, outcome

FRESH = 10  # files for which a worker of its own is started, for comparison


def main() -> int:
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--files", type=int, default=10_000)
    command.add_argument("--first", type=int, default=100_000, help="seed of the first file")
    given = command.parse_args()
    counts, workers, failures = Counter[str](), set[int | None](), list[str]()
    seconds = 0.0
    with tempfile.TemporaryDirectory() as name, Worker() as worker, memory_of(worker) as peaks:
        folder = Path(name)
        for seed in range(given.first, given.first + given.files):
            path = changed_file(folder, seed)
            began = time.perf_counter()
            try:
                refusal = outcome(worker, path, OPTIONS[seed % len(OPTIONS)])
                counts["refused" if refusal else "imported"] += 1
            except Exception as problem:
                failures.append(f"seed {seed}, {path.name}: {problem}")
            seconds += time.perf_counter() - began
            workers.add(worker.pid)
            path.unlink()
        began = time.perf_counter()
        for seed in range(given.first, given.first + FRESH):
            with Worker() as fresh:
                outcome(fresh, changed_file(folder, seed), OPTIONS[seed % len(OPTIONS)])
        each = (time.perf_counter() - began) / FRESH
    print(f"{given.files:,} files: {counts['imported']:,} imported, {counts['refused']:,} refused, {len(failures)} neither")
    print(f"{len(workers - {None})} workers, {given.files / seconds:.0f} files a second, {each * given.files / seconds:.0f} times as many as")
    print(f"with a worker for each; {peaks[-1] / 2**20:.0f} MiB of memory at most, of which {MOST / 2**20:.0f} MiB are the limit of an import")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
