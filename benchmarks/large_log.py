"""How long a log of a million questions and four models takes to import and to sweep, and how much memory.

    python benchmarks/large_log.py [--examples 1000000] [--models 4] [--points 21] [--policies maxprob] [--save]

The log is generated: whether each answer is correct, how confident the model was, and what it cost. It is imported twice, as Parquet in
long form: with the cost of every answer, which is higher for difficult questions, and with one cost for each model, its mean. Every policy
that learns nothing is then swept on both. Each import and each sweep has its own process. Its time is that of the work alone, without
starting Python, and its memory is the peak of the process, with libraries.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/large_log.py`

from benchmarks.options import run
from benchmarks.peak_memory import peak_memory
from benchmarks.report import Report
from engine.commands.arguments import positive

FORMS = {"by example": "a cost for every answer", "by model": "a cost for every model"}
SEED = 0


def write_log(path: Path, examples: int, models: int, form: str) -> None:
    """A log in long form. A question's difficulty decides whether an answer is correct, how confident its model is and how long it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(SEED)
    difficulty = random.random(examples)
    length = 0.5 + difficulty + 0.1 * random.random(examples)
    ids = np.arange(examples)
    with pq.ParquetWriter(path, pa.schema([(name, kind) for name, kind in COLUMNS.items()])) as file:
        for model in range(models):
            ability = 0.55 + 0.3 * model / max(1, models - 1)
            correct = random.random(examples) < np.clip(ability + 0.5 - difficulty, 0.02, 0.98)
            confidence = np.clip(ability + 0.4 - difficulty + 0.15 * random.standard_normal(examples), 0, 1)
            price = 0.001 * 4.0**model
            cost = price * (length if form == "by example" else np.full(examples, length.mean()))
            names = pa.array([f"model {model + 1}"]).take(pa.array(np.zeros(examples, dtype=np.int32)))
            file.write_table(pa.table([ids, names, correct.astype(np.int8), confidence, cost], schema=file.schema))


COLUMNS = {"query_id": "int64", "model": "string", "correct": "int8", "confidence": "double", "cost_usd": "double"}


def measured_import(log: Path, bundle: Path) -> dict[str, Any]:
    """Import the log, in a process of its own."""
    from engine.importing.importer import import_file

    start = time.perf_counter()
    imported = import_file(log, "large-log", out=bundle)
    seconds = time.perf_counter() - start
    size = sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file())
    return {"seconds": seconds, "MiB": peak_memory(), "bytes": size, "notes": imported.notes}


def measured_sweep(bundle: Path, name: str, points: int) -> dict[str, Any]:
    """Sweep one policy, in a process of its own. Reading the bundle counts for its memory but not for its time."""
    from engine.bundle.library import open_bundle
    from engine.policies import POLICIES
    from engine.sweep import run_sweep

    outputs = open_bundle(str(bundle)).outputs
    if reason := POLICIES[name].unavailable_reason(outputs):
        return {"reason": reason}
    start = time.perf_counter()
    swept = run_sweep(POLICIES[name], outputs, points, outputs.default_unit)
    return {"seconds": time.perf_counter() - start, "MiB": peak_memory(), "accuracy": float(swept.accuracy.mean())}


def in_own_process(*task: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--task", *task]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def main() -> None:
    from engine.policies import POLICIES
    from engine.policies.core.base import PolicyGroup

    unlearned = [name for name, policy in POLICIES.items() if policy.group is not PolicyGroup.LEARNED]
    report = Report("large_log")
    parser = report.arguments(__doc__)
    parser.add_argument("--examples", type=positive, default=1_000_000, metavar="N", help="questions (default: 1000000)")
    parser.add_argument("--models", type=positive, default=4, metavar="N", help="models (default: 4)")
    parser.add_argument("--points", type=positive, default=21, metavar="N", help="budgets of a sweep (default: 21)")
    about = "policies to sweep (default: all that learn nothing)"
    parser.add_argument("--policies", nargs="+", choices=unlearned, default=unlearned, metavar="NAME", help=about)
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        what, *rest = given.task
        result = measured_import(*map(Path, rest)) if what == "import" else measured_sweep(Path(rest[0]), rest[1], int(rest[2]))
        return print(json.dumps(result))
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import torch

    report.begin(torch.device("cpu"), "seconds of wall time, and peak memory of a process in MiB")
    with tempfile.TemporaryDirectory() as folder:
        compare(report, Path(folder), given)
    report.keep(given.save)


def compare(report: Report, folder: Path, given: argparse.Namespace) -> None:
    """Import and sweep both logs, and report them side by side."""
    logs = {form: (folder / f"{form}.parquet", folder / form) for form in FORMS}
    report.say(f"{given.examples:,} questions x {given.models} models, correct or not, with confidence; {given.points} budgets", "")
    report.say(f"{'':24}" + "".join(f"{about:>34}" for about in FORMS.values()) + f"{'time':>9}{'memory':>9}")
    imports = {}
    for form, (log, bundle) in logs.items():
        write_log(log, given.examples, given.models, form)
        imports[form] = in_own_process("import", str(log), str(bundle))
    report.say(row("import", imports))
    unavailable = []
    for name in given.policies:
        sweeps = {form: in_own_process("sweep", str(bundle), name, str(given.points)) for form, (_, bundle) in logs.items()}
        if any("reason" in result for result in sweeps.values()):
            unavailable.append(name)
        else:
            report.say(row(name, sweeps))
    sizes = ", ".join(f"{imports[form]['bytes'] / 1e6:.0f} MB with {about}" for form, about in FORMS.items())
    report.say("", "The last two columns are ratios of the first pair to the second.", f"The bundle: {sizes}.")
    report.say(f"Policies that need more than such a log has: {', '.join(unavailable) or 'none'}.")


def row(name: str, results: dict[str, dict[str, Any]]) -> str:
    several, one = (results[form] for form in FORMS)
    cells = "".join(f"{result['seconds']:21.2f} s {result['MiB']:7,.0f} MiB" for result in results.values())
    return f"{name:24}{cells}{several['seconds'] / one['seconds']:9.2f}{several['MiB'] / one['MiB']:9.2f}"


if __name__ == "__main__":
    run(main)
