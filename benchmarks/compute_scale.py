"""How long `compute` takes on ten thousand to ten million examples, and how much memory. Memory should not grow with their number.

    python benchmarks/compute_scale.py [--examples 10000 100000 1000000 10000000] [--workers 0] [--save]

The examples are generated from their ids, images of 4 x 4 pixels and 10 classes, and the network has three stages of almost no cost, so
that what is measured is reading, writing and putting together a bundle. Half of the examples are test examples. From 200,000 of a split on,
the bundle is a large one, whose sample of at most 420,000 examples is held in memory: this is why memory rises up to a million.

Each size has a process of its own. Its memory is the peak of that process, with libraries: at the end of the computation, when the bundle
is put together, and at the end of everything. With --workers, workers of a Ray cluster compute, and the peak of the largest one is given.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/compute_scale.py`

from benchmarks.options import run
from benchmarks.peak_memory import peak_memory
from benchmarks.report import Report
from engine.commands.arguments import positive
from engine.extensions import FOLDERS

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
#: Where the recipe is, an extension that the workers load too.
EXTENSION = Path(__file__).parent / "parts" / "generated"
NAME, EXAMPLES = "generated", "GENERATED_EXAMPLES"


def measured(folder: Path, workers: int) -> dict[str, Any]:
    """Compute the recipe, in a process of its own."""
    import torch

    from engine.cluster.session import ClusterOptions
    from engine.cluster.shard_scheduler import RayScheduler
    from engine.extensions import load_extensions
    from engine.recipes import RECIPES, weights_path
    from engine.runtime.compute import compute
    from engine.runtime.host_memory import take_memory_in_bulk
    from engine.runtime.schedulers import Local
    from engine.runtime.weights import save_weights

    take_memory_in_bulk()
    torch.set_num_threads(1)
    load_extensions()
    torch.manual_seed(0)
    save_weights(RECIPES[NAME].cascade(), weights_path(NAME), NAME, {"by": "a benchmark"})
    computed = {"seconds": 0.0, "MiB": 0.0}
    begun = time.perf_counter()

    def progress(done: int, total: int) -> None:
        computed.update(seconds=time.perf_counter() - begun, MiB=peak_memory())

    with RayScheduler(ClusterOptions(workers)) if workers else nullcontext(Local()) as scheduler, largest_worker() as largest:
        bundle = compute(NAME, "cpu", 1000, out=folder / NAME, progress=progress, scheduler=scheduler)
    seconds, size = time.perf_counter() - begun, sum(file.stat().st_size for file in bundle.iterdir())
    return {"computed": computed, "seconds": seconds, "MiB": peak_memory(), "worker": largest.mebibytes, "bytes": size}


class largest_worker:  # noqa: N801 - a context
    """Watches the peak memory of the largest worker."""

    mebibytes = 0.0

    def __enter__(self) -> "largest_worker":
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            for place in Path("/proc").glob("[0-9]*"):
                with suppress(OSError, IndexError):
                    if b"ShardActor" in (place / "cmdline").read_bytes():
                        kibibytes = int((place / "status").read_text().split("VmHWM:")[1].split()[0])
                        self.mebibytes = max(self.mebibytes, kibibytes / 1024)


def in_own_process(examples: int, workers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {FOLDERS: str(EXTENSION), EXAMPLES: str(examples), "OFFRAMP_DATA": folder, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--task", folder, "--workers", str(workers)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    report = Report("compute_scale")
    parser = report.arguments(__doc__)
    listed = " ".join(map(str, SIZES))
    parser.add_argument("--examples", type=positive, nargs="+", default=SIZES, metavar="N", help=f"numbers of examples (default: {listed})")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="of a Ray cluster (default: 0, for none)")
    parser.add_argument("--task", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        return print(json.dumps(measured(given.task, given.workers)))
    import torch

    by = f"on {given.workers} workers" if given.workers else "in one process"
    report.begin(torch.device("cpu"), f"{by}; seconds of wall time, and peak memory of a process in MiB")
    report.say(f"{'examples':>12}{'seconds':>10}{'each':>10}{'computed':>14}{'all':>10}{'worker':>10}{'bundle':>10}")
    peaks = []
    for examples in given.examples:
        result = in_own_process(examples, given.workers)
        peaks.append(result["MiB"])
        worker = f"{result['worker']:.0f}" if given.workers else "-"
        report.say(
            f"{examples:12,}{result['seconds']:10.1f}{result['seconds'] / examples * 1e6:7.0f} us{result['computed']['MiB']:14.0f}"
            f"{result['MiB']:10.0f}{worker:>10}{result['bytes'] / 1e6:7.0f} MB"
        )
    report.say(f"{given.examples[-1]:,} examples take {peaks[-1] / peaks[0]:.2f} times the memory of {given.examples[0]:,}.")
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
