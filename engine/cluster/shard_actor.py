"""A worker of a run: a process that holds the network and computes the shards that it is given. An actor, as Ray calls it."""

import socket
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

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
        torch.set_num_threads(threads)
        load_extensions()  # which runs may be made of
        self._job: Any = None
        self._worker: ShardWorker | None = None

    def environment(self, device: str) -> Environment:
        return Environment.here(pick_device(device))

    def compute(self, job: list[Any], shard: int, after: int | None) -> None:
        """Compute a shard. It is written when this call has returned for a later shard, or for one that no other follows.

        job:   the run, its provenance and its store, pickled and compressed, in a list; or the reference to them, which is in a list so
               that they are fetched once and not for each shard
        after: the next shard of the job that this worker will be given, or None
        """
        worker = self._worker_of(job[0])
        worker.compute(shard, after)
        if after is None:
            worker.flush()

    def _worker_of(self, job: Any) -> ShardWorker:
        if self._worker is None or job != self._job:
            ray = ray_module()
            packed = job if isinstance(job, bytes) else ray.get(job)
            run, provenance, store = ray.cloudpickle.loads(zlib.decompress(packed))
            check_same(run, provenance, store)
            self._job, self._worker = job, ShardWorker(run, store)
        return self._worker


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
