"""How much memory the import of each form of file takes, beside the size of its arrays and the estimate by which costly files are refused.

    python benchmarks/importing.py [--examples 500000] [--only FORM ...] [--save]

Every form is imported by a worker of its own, whose memory the operating system reports, less what it took after a small import. The
estimate is an upper bound: a share above 1 would let a file take more than --most-memory allows, until the system refuses it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/importing.py`

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import torch
from safetensors.numpy import save_file

from benchmarks.options import run
from benchmarks.report import Report
from engine.commands.arguments import positive
from engine.importing.readers.separate_process import ImportTask, Worker
from engine.importing.templates import write_template
from tests.engine.importing.outcomes import memory_of

EXITS, CLASSES = 4, 10


def _logits(n: int, dtype: type, classes: int = CLASSES) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=n)
    logits = rng.standard_normal((EXITS, n, classes), np.float32)
    logits[:, np.arange(n), labels] += np.arange(1, EXITS + 1)[:, None]
    return {"logits": logits.astype(dtype), "labels": labels.astype(np.int8), "cost": np.arange(1, EXITS + 1)}


def _probs(n: int, dtype: type) -> dict[str, np.ndarray]:
    arrays = _logits(n, np.float32)
    logits = np.exp(arrays.pop("logits"))
    return arrays | {"probs": (logits / logits.sum(axis=-1, keepdims=True)).astype(dtype)}


def _predictions(n: int) -> dict[str, np.ndarray]:
    arrays = _logits(n, np.float32)
    logits = arrays.pop("logits")
    conf = 1 / (1 + np.exp(-logits.max(axis=-1)))
    return arrays | {"pred": logits.argmax(axis=-1).astype(np.int8), "conf": conf.astype(np.float16), "ids": np.arange(n)}


def _correct(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    quality = rng.random((EXITS, n)) < np.linspace(0.6, 0.9, EXITS)[:, None]
    return {"correct": quality, "stage_cost": np.arange(1, EXITS + 1), "factor_size": rng.random(n, np.float32)}


def _columns(arrays: Mapping[str, np.ndarray]) -> pa.Table:
    """The columns of arrays, as a Parquet file has them."""
    columns: dict[str, pa.Array] = {"label": pa.array(arrays["labels"])}
    for name in ("logits", "pred", "conf"):
        for exit, values in enumerate(arrays.get(name, ())):
            made = pa.array(values.reshape(-1))
            columns[f"exit{exit}.{name}"] = made if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(made, values.shape[1])
    return pa.table(columns | {f"exit{k}.cost": pa.array(np.full(len(arrays["labels"]), k + 1.0)) for k in range(EXITS)})


def _wide(n: int) -> pa.Table:
    correct = _correct(n)["correct"]
    columns = {f"m{k}": pa.array(correct[k]) for k in range(EXITS)}
    costs = {f"m{k}.cost": pa.array(np.full(n, 1.0 + k)) for k in range(EXITS)}
    return pa.table({"id": pa.array(np.arange(n)), **columns, **costs})


def _long(n: int, text: bool = False) -> pa.Table:
    """A row for each of four models: a quarter of the examples."""
    quarter = n // EXITS
    correct = _correct(quarter)["correct"].T.reshape(-1)
    rows = {
        "id": np.arange(quarter).repeat(EXITS),
        "model": pa.array(np.tile([f"model {k}" for k in range(EXITS)], quarter)),
        "correct": pa.array(correct.astype(np.int8)),
        "cost": np.tile(np.arange(1.0, EXITS + 1), quarter),
    }
    if text:
        texts = [f"question {i} in about sixty characters of text, as people ask" for i in range(quarter)]
        rows["text"] = pa.array(texts).take(pa.array(rows["id"]))
    return pa.table(rows)


def _jsonl(table: pa.Table, path: Path) -> None:
    table.to_pandas().to_json(path, orient="records", lines=True)


def _npz(arrays: dict[str, np.ndarray], path: Path) -> int:
    np.savez(path, **arrays)
    return sum(array.nbytes for array in arrays.values())


def _written(table: pa.Table, path: Path, write: Callable[[pa.Table, Path], object]) -> int:
    write(table, path)
    return table.nbytes


#: {form: writes such a file of about so many examples and returns the bytes of its arrays or columns}
FORMS: Mapping[str, Callable[[int, Path], int]] = {
    "float32 logits.npz": lambda n, path: _npz(_logits(n, np.float32), path),
    "float64 logits.npz": lambda n, path: _npz(_logits(n, np.float64), path),
    "float16 logits.npz": lambda n, path: _npz(_logits(n, np.float16), path),
    "float32 probs.npz": lambda n, path: _npz(_probs(n, np.float32), path),
    "int8 pred, float16 conf.npz": lambda n, path: _npz(_predictions(n), path),
    "bool correct.npz": lambda n, path: _npz(_correct(n), path),
    "float32 logits.safetensors": lambda n, path: (save_file(_logits(n, np.float32), path), EXITS * n * CLASSES * 4)[1],
    "float32 logits.parquet": lambda n, path: _written(_columns(_logits(n, np.float32)), path, pq.write_table),
    "int8 pred, float16 conf.parquet": lambda n, path: _written(_columns(_predictions(n)), path, pq.write_table),
    "wide log.parquet": lambda n, path: _written(_wide(n), path, pq.write_table),
    "wide log.csv": lambda n, path: _written(_wide(n), path, pa_csv.write_csv),
    "long log.parquet": lambda n, path: _written(_long(n), path, pq.write_table),
    "long log with texts.parquet": lambda n, path: _written(_long(n, text=True), path, pq.write_table),
    "long log with texts.csv": lambda n, path: _written(_long(n, text=True), path, pa_csv.write_csv),
    "long log with texts.jsonl": lambda n, path: _written(_long(n, text=True), path, _jsonl),
}


def measured(form: str, examples: int, folder: Path) -> str:
    """One line about a form."""
    path = folder / f"file.{form.rpartition('.')[2]}"
    declared = FORMS[form](examples, path)
    with Worker() as worker:
        if not (small := folder / "small.npz").exists():
            write_template("confidence", small)
        worker.import_file(ImportTask(small, "small", folder / "small"))
        before = 1024 * int(Path(f"/proc/{worker.pid}/status").read_text().split("VmRSS:")[1].split()[0])
        began = time.perf_counter()
        with memory_of(worker) as peaks:
            worker.import_file(ImportTask(path, "x", folder / "bundle", most=2**40))
        seconds = time.perf_counter() - began
        taken, needed = peaks[-1] - before, worker.needed
    path.unlink()
    sizes = f"{declared / 2**20:7,.0f} {taken / 2**20:9,.0f} {needed / 2**20:9,.0f}"
    return f"{form:32} {sizes} {taken / declared:8.1f} {taken / needed:8.2f} {needed / seconds / 2**20:9,.0f}"


def main() -> None:
    report = Report("importing")
    parser = report.arguments(__doc__)
    parser.add_argument("--examples", type=positive, default=500_000, metavar="N", help="of each file (default: 500000)")
    parser.add_argument("--only", nargs="+", choices=list(FORMS), default=list(FORMS), metavar="FORM", help="(default: all)")
    given = parser.parse_args()
    report.begin(torch.device("cpu"), f"{given.examples:,} examples or rows, {EXITS} exits, {CLASSES} classes; in MiB")
    report.say(f"{'form':32} {'arrays':>7} {'memory':>9} {'estimate':>9} {'/arrays':>8} {'/estim.':>8} {'MiB/s':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for form in given.only:
            report.say(measured(form, given.examples, Path(folder)))
    report.keep(given.save)


if __name__ == "__main__":
    if not os.path.isdir("/proc/self"):
        sys.exit("This benchmark reads the memory of a process from /proc, which this system lacks.")
    run(main)
