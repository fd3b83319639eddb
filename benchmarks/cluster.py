"""What a cluster costs: `compute` on workers compared with the same run in this process, and what travels between two pools.

    python benchmarks/cluster.py [RECIPE] [--limit 2000] [--workers 2] [--rounds 3] [--save]

local      `python -m engine compute` in this process, with one thread
cluster    the same with --cluster ray, on workers with one thread each, which have started before

Both write the same bytes, which is checked. They take turns, and the median over rounds is reported. The overhead is what the workers took
together, as a share of what the local run took: 1 would be perfect. It includes what workers that share a machine take from each other.

Then the cascade runs on the test examples, at half of the compute: in this process, and with its first stages on one worker and the others
on another. The bytes that travel are those of the examples that survive the first stages, and the seconds those of packing, fetching and
unpacking them, on both workers together.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/cluster.py`

from benchmarks.options import run
from benchmarks.report import Report
from engine.bundle.bundle import read_bundle
from engine.cluster.session import ClusterOptions, ray_session
from engine.cluster.shard_scheduler import RayScheduler
from engine.cluster.two_pools import execute_in_pools
from engine.commands.arguments import positive
from engine.policies import policy
from engine.recipes import recipe
from engine.runtime.compute import compute
from engine.runtime.executor import execute
from engine.runtime.trained import trained_network
from engine.splits import Split
from engine.sweep import run_sweep

BATCH_SIZE, BUDGET = 50, 0.5


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    report = Report("cluster")
    parser = report.arguments(__doc__)
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", default="cifar10-resnet", help="default: cifar10-resnet")
    parser.add_argument("--limit", type=positive, default=2000, metavar="N", help="examples of each split (default: 2000)")
    parser.add_argument("--workers", type=positive, default=2, metavar="N", help="default: 2")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="default: 3")
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = recipe(given.recipe)
    source.image_dataset()  # before the cluster starts
    options = ClusterOptions(max(given.workers, 2))
    with ray_session(options), tempfile.TemporaryDirectory() as folder:
        report.begin(torch.device("cpu"), f"batch {BATCH_SIZE}, median of {given.rounds} rounds")
        computing(report, given.recipe, given.limit, given.workers, given.rounds, Path(folder))
        two_pools(report, given.recipe, Path(folder) / "local" / "made")
    report.keep(given.save)


def computing(report: Report, name: str, limit: int, workers: int, rounds: int, folder: Path) -> None:
    """Compare `compute` on one worker and on all with the local run."""
    schedulers = {count: RayScheduler(ClusterOptions(count)) for count in dict.fromkeys((1, workers))}
    local: list[float] = []
    cluster: dict[int, list[float]] = {count: [] for count in schedulers}
    start = 0.0
    for count, scheduler in schedulers.items():
        with scheduler:
            start = seconds(lambda scheduler=scheduler: scheduler.environment("cpu"))
            for _ in range(rounds):
                local.append(seconds(lambda: compute(name, "cpu", BATCH_SIZE, limit, folder / "local" / "made")))
                out = folder / "cluster" / "made"
                work = lambda: compute(name, "cpu", BATCH_SIZE, limit, out, scheduler=scheduler)  # noqa: B023, E731
                cluster[count].append(seconds(work))
    same = all((folder / "local" / "made" / path.name).read_bytes() == path.read_bytes() for path in out.iterdir())
    assert same, "the bundle of the cluster differs from the local one"
    examples = read_bundle(out).outputs.examples
    base = float(np.median(local))
    report.say(f"{recipe(name).config.title}, {examples:,} examples; the first worker was ready after {start:.1f} s")
    report.say(f"local                {examples / base:9,.0f} examples/s")
    for count, taken in cluster.items():
        took = float(np.median(taken))
        plural = "s" if count > 1 else " "
        report.say(f"cluster, {count} worker{plural}   {examples / took:9,.0f} examples/s, overhead {count * took / base:.2f}")


def two_pools(report: Report, name: str, bundle: Path) -> None:
    """Compare the real cascade over two pools with the executor in this process."""
    outputs = read_bundle(bundle).outputs
    rule = run_sweep(policy("maxprob"), outputs, [BUDGET]).rules[0]
    source, ids = recipe(name), outputs.part(Split.TEST).ids.astype(np.int64)
    dataset, cascade = source.image_dataset(), trained_network(source, torch.device("cpu"))
    alone = seconds(lambda: execute(cascade, rule, ids, lambda some: dataset.take(some).pixels, batch_size=BATCH_SIZE))
    expected = execute(cascade, rule, ids, lambda some: dataset.take(some).pixels, batch_size=BATCH_SIZE)
    for boundary in range(1, outputs.exits):
        pooled = execute_in_pools(name, rule, ids, boundary, device="cpu", batch_size=BATCH_SIZE)
        transfer = pooled.transfer
        same = np.mean(pooled.route.exit == expected.exit)
        each = transfer.bytes / max(transfer.examples, 1)
        report.say(
            f"two pools, {boundary} stage{'s' * (boundary > 1)} first: {transfer.examples:,} of {len(ids):,} examples travel,"
            f" {transfer.bytes / 1e6:,.1f} MB ({each:,.0f} bytes each) in {transfer.seconds:.2f} s, {transfer.seconds / pooled.seconds:.1%}"
            f" of the run; {pooled.seconds:.1f} s, and {alone:.1f} s in one process; same exits {same:.2%}"
        )


if __name__ == "__main__":
    run(main)
