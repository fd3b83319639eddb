"""Run the network of a recipe over its data set and write a bundle. Resumes after an interruption."""

import argparse
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands.arguments import (
    cluster_of,
    positive,
    recipe_of,
    takes_cluster,
    takes_cuda_graphs,
    takes_device,
    takes_precision,
    takes_recipe,
)
from engine.commands.progress import progress_bar

if TYPE_CHECKING:
    from engine.cluster.session import ClusterOptions
    from engine.runtime.schedulers import Scheduler

#: What an interrupted run has done is kept.
RESUMES = True


def arguments(command: argparse.ArgumentParser) -> None:
    takes_recipe(command)
    takes_device(command)
    takes_precision(command)
    takes_cuda_graphs(command)
    command.add_argument("--batch-size", type=positive, default=50, metavar="N", help="examples per batch (default: 50)")
    command.add_argument("--limit", type=positive, metavar="N", help="use at most N examples of each split")
    command.add_argument("--outputs-only", action="store_true", help="keep no images or texts; the page reads them from the data set")
    command.add_argument("--out", type=Path, metavar="DIR", help="folder of the bundle (default: data/bundles/RECIPE)")
    command.add_argument("--replace", action="store_true", help="put the bundle in the place of another recipe's")
    shards = "where to keep what is computed until all is: an address of object storage, such as s3://BUCKET/FOLDER, or a folder"
    command.add_argument("--shards", metavar="URL", help=f"{shards} (default: beside the bundle)")
    takes_cluster(command)


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.runtime.compute import compute
    from engine.runtime.host_memory import take_memory_in_bulk

    take_memory_in_bulk()
    recipe = recipe_of(given)
    progress = progress_bar("examples")
    with scheduler(cluster_of(given)) as by:
        folder = compute(
            recipe,
            given.device,
            given.batch_size,
            given.limit,
            given.out,
            progress,
            given.dtype,
            given.cuda_graphs,
            given.outputs_only,
            scheduler=by,
            shards_at=given.shards,
            replace=given.replace,
        )
    if not given.json:
        print(f"Bundle written to {folder}.")
    return {"recipe": recipe.name, "bundle": str(folder)}


def scheduler(options: "ClusterOptions | None") -> "AbstractContextManager[Scheduler]":
    """Who computes the shards: this process, or the workers of a cluster, which end with the context."""
    if options is None:
        from engine.runtime.schedulers import Local

        return nullcontext(Local())
    from engine.cluster.shard_scheduler import RayScheduler

    return RayScheduler(options)
