"""Time the stages of a recipe, and compare its cascade at several budgets with its full network."""

import argparse
from typing import TYPE_CHECKING, Any

from engine.commands.arguments import positive, recipe_of, sizes, takes_cuda_graphs, takes_device, takes_precision, takes_recipe

if TYPE_CHECKING:
    from engine.measuring.measure import Measurement


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


def run(given: argparse.Namespace) -> dict[str, Any]:
    recipe = recipe_of(given)  # first: where it is a mistake, PyTorch need not be there
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
