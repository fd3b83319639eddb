"""How time and memory grow with the number of examples, from ten thousand to ten million, through import, sweep and opening the page.

    python benchmarks/scale.py [--examples 10000 100000 1000000 10000000] [--exits 5] [--points 21] [--policy maxprob]
                               [--format csv] [--save]

The outputs are generated: predictions of ten classes and their confidences at every exit, in a file with one row per example.
Half of the examples are for testing, a quarter each for calibration and fit. Each stage has its own process. Its time is that of the work
alone, without starting Python: wall time, and CPU time of the process and of the one that decodes the file, which is less affected by other
programs. Its memory is the peak of the process, or of the one that decodes the file, if that takes more.

import  reads the file and writes the bundle
sweep   sets the knobs on calibration and reports on all test examples
page    opens the bundle as the page does: its sample, swept over the page's budgets, and everything that the browser fetches
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/scale.py`

from benchmarks.options import run
from benchmarks.peak_memory import peak_memory
from benchmarks.report import Report
from engine.commands.arguments import positive

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
STAGES = ("import", "sweep", "page")
CLASSES, ROWS = 10, 65_536


def write_outputs(path: Path, examples: int, exits: int) -> None:
    """The difficulty of an example decides how often it is predicted correctly and how confident the exits are."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    ability = np.linspace(0.7, 1.1, exits)[:, None]
    file: pq.ParquetWriter | pa_csv.CSVWriter | None = None
    for start in range(0, examples, ROWS):
        rows = min(ROWS, examples - start)
        random = np.random.default_rng([0, start])
        label, difficulty, luck = random.integers(0, CLASSES, rows, dtype=np.int32), random.random(rows), random.random(rows)
        correct = luck < np.clip(ability - 0.5 * difficulty, 0.02, 0.98)
        other = (label + random.integers(1, CLASSES, (exits, rows), dtype=np.int32)) % CLASSES
        noise = 0.1 * random.standard_normal((exits, rows))
        columns: dict[str, Any] = {
            "id": np.arange(start, start + rows),
            "label": label,
            "split": np.array(["fit", "calibration", "test", "test"])[random.integers(0, 4, rows)],
            "factor_difficulty": difficulty.astype(np.float32),
        }
        for k in range(exits):
            columns[f"exit{k}.pred"] = np.where(correct[k], label, other[k])
            columns[f"exit{k}.conf"] = np.clip(ability[k] - 0.5 * difficulty + noise[k], 0.1, 0.999).astype(np.float32)
            columns[f"exit{k}.cost_macs"] = np.full(rows, 1e6 * (k + 1))
        table = pa.table(columns)
        file = file or (pq.ParquetWriter if path.suffix == ".parquet" else pa_csv.CSVWriter)(path, table.schema)
        file.write_table(table)
    if file is not None:
        file.close()


def measured_import(source: Path, bundle: Path) -> str:
    from engine.importing.importer import import_file

    imported = import_file(source, bundle.name, out=bundle)
    return f"{imported.draft.outputs.examples if imported.whole is None else imported.whole.all_examples:,}"


def measured_sweep(bundle: Path, policy: str, points: str) -> str:
    from engine.__main__ import main

    sys.stdout = open(os.devnull, "w")
    try:
        main(["sweep", str(bundle), "--policy", policy, "--points", points])
    finally:
        sys.stdout = sys.__stdout__
    return ""


def measured_page(bundle: Path, policy: str) -> str:
    os.environ["OFFRAMP_DATA"] = str(bundle.parent.parent)
    from app import resources, store
    from app.explore_data import explore_data
    from app.selection import select
    from app.shown import Shown

    entry = next(entry for entry in store.listed() if entry.id == bundle.name)
    selection = select({entry.id: entry}, {"policy": policy})
    shown = Shown.of(entry, selection.policy, selection.unit)
    data = explore_data(selection, shown, 0.25)
    resources.sweep_address(entry, shown.policy, shown.sweep.unit)
    return str(len(json.dumps(data)))


def in_own_process(stage: str, *rest: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--stage", stage, *rest]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def measured(stage: str, rest: list[str]) -> dict[str, Any]:
    """One stage, in this process."""
    start, cpu = time.perf_counter(), cpu_seconds()
    match stage:
        case "import":
            measured_import(Path(rest[0]), Path(rest[1]))
        case "sweep":
            measured_sweep(Path(rest[0]), rest[1], rest[2])
        case _:
            measured_page(Path(rest[0]), rest[1])
    seconds = time.perf_counter() - start
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {"seconds": seconds, "cpu": cpu_seconds() - cpu, "MiB": max(peak_memory(), children)}


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    report = Report("scale")
    parser = report.arguments(__doc__)
    parser.add_argument(
        "--examples", nargs="+", type=positive, default=SIZES, metavar="N", help="numbers of examples (default: 10^4 to 10^7)"
    )
    parser.add_argument("--exits", type=positive, default=5, metavar="N", help="exits (default: 5)")
    parser.add_argument("--points", type=positive, default=21, metavar="N", help="budgets of the sweep (default: 21)")
    parser.add_argument("--policy", default="maxprob", metavar="NAME", help="policy to sweep (default: maxprob)")
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet", help="form of the generated file (default: parquet)")
    parser.add_argument("--stage", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        return print(json.dumps(measured(given.stage[0], given.stage[1:])))
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import torch

    report.begin(torch.device("cpu"), "seconds of wall time, in brackets of CPU time, and peak memory of a process in MiB")
    report.say(f"{given.exits} exits, {CLASSES} classes, .{given.format}; {given.policy} at {given.points} budgets", "")
    report.say(f"{'examples':>12}" + "".join(f"{stage:>32}" for stage in STAGES) + f"{'file':>12}{'bundle':>12}")
    results = {}
    for examples in sorted(given.examples):
        with tempfile.TemporaryDirectory() as folder:
            results[examples] = through_all_stages(report, Path(folder), examples, given)
    few, many = min(results), max(results)
    growth = [
        f"{stage} {results[many][stage]['cpu'] / results[few][stage]['cpu']:.1f} times the CPU time and"
        f" {results[many][stage]['MiB'] / results[few][stage]['MiB']:.2f} times the memory"
        for stage in STAGES
    ]
    report.say("", f"{many:,} examples compared with {few:,}, {many / few:,.0f} times as many: {'; '.join(growth)}.")
    report.keep(given.save)


def through_all_stages(report: Report, folder: Path, examples: int, given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    source, bundle = folder / f"outputs.{given.format}", folder / "bundles" / "large"
    write_outputs(source, examples, given.exits)
    results = {
        "import": in_own_process("import", str(source), str(bundle)),
        "sweep": in_own_process("sweep", str(bundle), given.policy, str(given.points)),
        "page": in_own_process("page", str(bundle), given.policy),
    }
    size = sum(file.stat().st_size for file in bundle.iterdir())
    cells = "".join(f"{result['seconds']:11.1f} s ({result['cpu']:5.1f}) {result['MiB']:7,.0f} MiB" for result in results.values())
    report.say(f"{examples:12,}{cells}{source.stat().st_size / 1e6:9.1f} MB{size / 1e6:9.1f} MB")
    return results


if __name__ == "__main__":
    run(main)
