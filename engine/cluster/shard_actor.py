"""A worker of a run: a process that holds the network and computes the shards that it is given. An actor, as Ray calls it."""

import socket
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from engine.cluster.session import ray_module
from engine.errors import UserError
from engine.extensions import load_extensions
from engine.runtime.compute_run import ComputeRun, Environment
from engine.runtime.devices import pick_device
from engine.runtime.host_memory import take_memory_in_bulk
from engine.runtime.shard_worker import ShardWorker
from engine.runtime.shards import ShardStore


class ShardActor:
    """threads: for arithmetic on the CPU"""

    def __init__(self, threads: int) -> None:
        take_memory_in_bulk()
        import torch

        torch.set_num_threads(threads)
        self._job: Any = None

    def environment(self, device: str) -> Environment:
        return Environment.here(pick_device(device))

    def compute(self, job: list[Any], shard: int, after: int | None) -> None:
        """Compute a shard. It is written when this call has returned for a later shard, or for one that is the last.

        job:   the reference to the pickled run and its store, in a list, so that it is fetched once and not for each shard
        after: the next shard that this worker will be given, or None
        """
        self._job = job[0]
        self._worker.compute(shard, after)
        if after is None:
            self._worker.flush()

    @cached_property
    def _worker(self) -> ShardWorker:
        ray = ray_module()
        load_extensions()  # which the run may be made of
        run, provenance, store = ray.cloudpickle.loads(ray.get(self._job))
        check_same(run, provenance, store)
        return ShardWorker(run, store)


def check_same(run: ComputeRun, provenance: Mapping[str, Any], store: ShardStore) -> None:
    """Raises UserError if this process would compute another bundle than the one whose provenance is given, or does not see its shards."""
    here = replace(run, environment=Environment.here(pick_device(run.device))).provenance()
    different = next((name for name in here if here[name] != provenance.get(name)), None)
    if different is not None:
        raise UserError(
            f"The worker on {socket.gethostname()} would compute another bundle: {different} is {str(here[different])[:100]} there and"
            f" {str(provenance.get(different))[:100]} elsewhere; use nodes with the same software, data and kind of device."
        )
    if not store.is_of(run.key()):
        raise UserError(
            f"The worker on {socket.gethostname()} does not see {store}; put the bundle in a folder that all nodes share, with --out, or"
            " its shards in object storage, with --shards."
        )
