"""Who computes the shards of a run, and in which order. The shards themselves do not depend on it.

Here is the scheduler of one process; `engine.cluster` has one for many.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from engine.progress import Progress
from engine.runtime.compute_run import ComputeRun, Environment
from engine.runtime.devices import pick_device
from engine.runtime.shard_worker import ShardWorker
from engine.runtime.shards import ShardStore


class Scheduler(ABC):
    """Has shards computed. has_workers: whether other processes compute them"""

    has_workers = False

    @abstractmethod
    def environment(self, device: str) -> Environment:
        """Where shards will be computed. Raises UserError if that device is not there. device: as the user chose it, such as "auto" """

    @abstractmethod
    def compute(self, run: ComputeRun, store: ShardStore, missing: Sequence[int], progress: Progress) -> None:
        """Compute and write the missing shards. progress: called with the examples of finished shards and all examples"""


class Local(Scheduler):
    """One shard after the other, in this process."""

    def environment(self, device: str) -> Environment:
        return Environment.here(pick_device(device))

    def compute(self, run: ComputeRun, store: ShardStore, missing: Sequence[int], progress: Progress) -> None:
        with ShardWorker(run, store) as worker:
            for shard, after in zip(missing, [*missing[1:], None], strict=True):
                progress(shard * run.shard_size, len(run.examples))
                worker.compute(shard, after)
