"""Ten thousand files that are nearly valid, through one reused worker: each must be imported or refused in one sentence.

    python benchmarks/malformed.py [--files 10000] [--first 100000] [--save]

Reports how many were imported and refused, how many workers it took, how much faster that is than a worker for each file, and the most
memory that a worker took. A file with any other outcome is named by its seed, and the exit code is 1.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/malformed.py`

import torch

from benchmarks.options import run
from benchmarks.report import Report
from engine.commands.arguments import positive
from engine.importing.readers.separate_process import Worker
from tests.engine.importing.malformed import OPTIONS, changed_file
from tests.engine.importing.outcomes import MOST, memory_of, outcome


def main() -> None:
    report = Report("malformed")
    parser = report.arguments(__doc__)
    parser.add_argument("--files", type=positive, default=10_000, metavar="N", help="how many files (default: 10000)")
    parser.add_argument("--first", type=positive, default=100_000, metavar="SEED", help="seed of the first one (default: 100000)")
    given = parser.parse_args()
    report.begin(torch.device("cpu"), f"at most {MOST / 2**20:.0f} MiB of memory for an import")
    counts, workers, failures = Counter[str](), set[int | None](), list[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Worker() as worker, memory_of(worker) as peaks:
            reused = 0.0
            for seed in range(given.first, given.first + given.files):
                path = changed_file(folder, seed)
                began = time.perf_counter()
                try:
                    refusal = outcome(worker, path, OPTIONS[seed % len(OPTIONS)])
                    counts["refused" if refusal else "imported"] += 1
                except Exception as problem:
                    failures.append(f"seed {seed}, {path.name}: {problem}")
                reused += time.perf_counter() - began
                workers.add(worker.pid)
                path.unlink()
        few = min(given.files, 5)
        fresh = 0.0
        for seed in range(given.first, given.first + few):
            path = changed_file(folder, seed)
            began = time.perf_counter()
            with Worker() as worker:
                outcome(worker, path, OPTIONS[seed % len(OPTIONS)])
            fresh += time.perf_counter() - began
    report.say(
        f"{given.files:,} files: {counts['imported']:,} imported, {counts['refused']:,} refused, {len(failures)} with another outcome"
    )
    report.say(*failures)
    speed = (fresh / few) / (reused / given.files)
    report.say(
        f"{len(workers - {None})} workers, {speed:.0f} times as fast as one for each file; {peaks[-1] / 2**20:.0f} MiB of memory at most"
    )
    report.keep(given.save)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
