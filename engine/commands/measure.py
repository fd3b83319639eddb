"""Time the stages of a recipe, and compare its cascade at several budgets with its full network, or with itself over two pools."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.commands.arguments import (
    cluster_of,
    positive,
    recipe_of,
    sizes,
    takes_cluster,
    takes_cuda_graphs,
    takes_device,
    takes_precision,
    takes_recipe,
)
from engine.display_text import counted
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.cluster.measure_pools import PooledMeasurement
    from engine.cluster.session import ClusterOptions
    from engine.measuring.measure import Measurement
    from engine.recipes import Recipe


def arguments(command: argparse.ArgumentParser) -> None:
    takes_recipe(command)
    takes_device(command)
    takes_precision(command)
    takes_cuda_graphs(command)
    command.add_argument("--batch-sizes", type=sizes, default=[1, 32, 256], metavar="A,B,...", help="images per batch (default: 1,32,256)")
    command.add_argument("--examples", type=positive, default=512, metavar="N", help="number of test images (default: 512)")
    command.add_argument(
        "--save", action="store_true", help="add the results to the recipe's bundle, in place of earlier ones of this device"
    )
    takes_cluster(command)
    pools = "with --cluster: run so many stages on the --workers (default: 1), the others on a second pool, and measure what travels"
    command.add_argument("--boundary", type=positive, metavar="K", help=pools)
    command.add_argument("--second-workers", type=positive, metavar="N", help="workers of the second pool (default: 1)")


def run(given: argparse.Namespace) -> dict[str, Any]:
    recipe = recipe_of(given)  # first: where it is a mistake, PyTorch need not be there
    options = cluster_of(given)
    if options is not None:
        return _run_in_pools(given, recipe, options)
    for option in ("boundary", "second_workers"):
        if getattr(given, option) is not None:
            raise UserError(
                f"--{option.replace('_', '-')} is for two pools of a cluster; give it together with --cluster ray, or leave it out."
            )
    from engine.measuring.measure import measure
    from engine.measuring.save_measurements import bundle_to_save_to, save_measurements
    from engine.runtime.host_memory import take_memory_in_bulk

    take_memory_in_bulk()
    folder = bundle_to_save_to(recipe) if given.save else None  # before the work, not after it
    measurement = measure(recipe, given.device, given.batch_sizes, given.examples, dtype=given.dtype, cuda_graphs=given.cuda_graphs)
    document = measurement.as_json()
    if folder is not None:
        document["saved"] = {"bundle": str(folder), "units": save_measurements(measurement, folder)}
    if not given.json:
        _print_tables(measurement)
        if folder is not None:
            print(f"Bundle {folder.name} now has costs in {', '.join(document['saved']['units'])}; `compute` would discard them.")
    return document


def _run_in_pools(given: argparse.Namespace, recipe: "Recipe", options: "ClusterOptions") -> dict[str, Any]:
    if given.boundary is None:
        raise UserError("With --cluster, two pools of workers are measured; say with --boundary how many stages the first one has.")
    for option in ("save", "cuda_graphs"):
        if getattr(given, option):
            raise UserError(f"--{option.replace('_', '-')} is for measurements on one machine; leave it or --cluster out.")
    from engine.cluster.measure_pools import measure_pools
    from engine.runtime.host_memory import take_memory_in_bulk

    take_memory_in_bulk()
    pools = options.workers or 1, given.second_workers or 1
    options = replace(options, workers=sum(pools))
    measurement = measure_pools(recipe, given.boundary, pools, options, given.device, given.batch_sizes, given.examples, given.dtype)
    if not given.json:
        _print_pools(measurement)
    return measurement.as_json()


def _print_pools(measurement: "PooledMeasurement") -> None:
    first, second = measurement.pools
    stages = counted(measurement.boundary, "stage")
    print(f"{measurement.recipe}: {stages} on {counted(first, 'worker')}, the others on {counted(second, 'worker')}.")
    print("  batch  budget   examples   travel         MB   transfer s     run s   in one process s   same exits")
    for run in measurement.runs:
        moved = f"{run.examples:10,} {run.travelled:8,} {run.bytes / 1e6:10.1f} {run.transfer:12.3f}"
        print(f"{run.batch_size:7} {run.budget:7.0%} {moved} {run.seconds:9.2f} {run.alone:18.2f} {run.same:12.2%}")


def _print_tables(measurement: "Measurement") -> None:
    print(f"{measurement.recipe} on {measurement.device}, {measurement.dtype}; {measurement.examples:,} test images.")
    print("Milliseconds per batch: median, 95th percentile.")
    print("  batch  stage      trunk MACs       head MACs        trunk ms               head ms")
    times = measurement.times
    for i, size in enumerate(times.batch_sizes):
        for k, (trunk, head) in enumerate(zip(measurement.macs.trunk, measurement.macs.head, strict=True)):
            taken = f"{times.trunk[i, k]:9.3f} {times.trunk_p95[i, k]:9.3f}   {times.head[i, k]:9.3f} {times.head_p95[i, k]:9.3f}"
            print(f"{size:7} {k + 1:6} {trunk:15,} {head:15,}   {taken}")
    print("Speed-up over the full network in the same run, and as a share of the ideal speed-up by MACs and by stage times.")
    print("  batch  budget     cost   accuracy   images/s   full images/s   speed-up   of MAC ideal   of time ideal")
    for point in measurement.runs:
        rates = f"{point.images_per_second:10,.0f} {point.full_images_per_second:15,.0f}"
        shares = f"{point.speed_up / point.ideal_by_macs:14.0%} {point.speed_up / point.ideal_by_times:15.0%}"
        about = f"{point.batch_size:7} {point.budget:7.0%} {point.cost:8.1%} {point.accuracy:10.2%}"
        print(f"{about} {rates} {point.speed_up:10.2f} {shares}")
    print("Every exit run statically, without the earlier heads.")
    print("  batch   exit   accuracy   images/s   speed-up")
    for exit in measurement.exits:
        print(f"{exit.batch_size:7} {exit.exit + 1:6} {exit.accuracy:10.2%} {exit.images_per_second:10,.0f} {exit.speed_up:10.2f}")
    if measurement.energy is None:
        print(measurement.no_energy)
    else:
        print("Joules per image: every stage with its head, and the full network.")
        for size, stages, full in zip(measurement.energy.batch_sizes, measurement.energy.stage, measurement.energy.full, strict=True):
            print(f"{size:7}   {' '.join(f'{joules:10.3g}' for joules in stages)}   {full:10.3g}")
