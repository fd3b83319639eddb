"""Whole shards as tasks on workers that hold the network.

Each worker has the shard that it computes and the next one, whose inputs it reads meanwhile. What is done is what the store has: a worker
that ends is replaced, those of its shards that are not in the store go to others, and a run whose driver ends continues where it stopped.
"""

import logging
import zlib
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType, TracebackType
from typing import Any, Self

from engine.cluster.session import ClusterOptions, Connection, ray_session
from engine.cluster.workers import actor_class, cannot_start, end, fitting, mistake_of, resources
from engine.display_text import counted
from engine.errors import UserError
from engine.progress import Progress
from engine.runtime.compute_run import ComputeRun, Environment
from engine.runtime.schedulers import Scheduler
from engine.runtime.shards import ShardStore

logger = logging.getLogger("offramp")
#: If so many workers end at one shard, it is not tried again.
MOST_ENDS = 3
#: Bytes of a run that are sent with each shard. Ray sends at most 100 KiB in this way.
MOST_SENT = 2**16
#: Stands for a shard while a worker starts.
STARTING = -1


@dataclass(eq=False)
class Worker:
    """An actor.

    computing: the shard it is at
    held:      the shards that it was given and that may not be written yet: the last one, the one it is at, and the next one
    """

    actor: Any
    computing: int = STARTING
    held: list[int] = field(default_factory=list)

    def completed(self, shard: int) -> int | None:
        """Note that a shard is computed, and those before it are written. Returns the shard that the worker was promised."""
        if shard == STARTING:
            return None
        self.held = self.held[self.held.index(shard) :]
        if len(self.held) > 1:
            return self.held.pop()
        self.held = []  # the last one that it was promised is written when it is computed
        return None


class RayScheduler(Scheduler):
    """Computes runs on a cluster, to which it connects when the first one begins. Leaving its context ends the workers."""

    has_workers = True

    def __init__(self, options: ClusterOptions) -> None:
        self.options = options
        self.device = "auto"
        self._leaving = ExitStack()
        self._environment: Environment | None = None
        #: {what Ray calls a reference to a result that is awaited: the worker that computes it}
        self.tasks: dict[Any, Worker] = {}
        self.ready: list[Worker] = []

    def environment(self, device: str) -> Environment:
        """That of the first worker. Raises UserError if no worker can start, or if one cannot use the device."""
        self._each = resources(self.ray, self.options, device)
        if device == "auto" and not self._each.gpus:
            device = "cpu"
        if self._environment is None or device != self.device:
            self.device = device
            self._end_workers()
            self._environment = self._start_workers()
        return self._environment

    def _start_workers(self) -> Environment:
        """Start all workers. Returns what the first one says of itself."""
        workers = fitting(self.connection, self._each)
        for _ in range(self.options.workers or workers):
            self._start_worker()
        while not (completed := self._completed()):
            pass
        (task,) = completed
        self.ready.append(self.tasks.pop(task))
        try:
            return self._result(task)
        except self.ray.exceptions.RayActorError as error:
            self.connection.check_after_loss()
            raise cannot_start(error) from error

    def compute(self, run: ComputeRun, store: ShardStore, missing: Sequence[int], progress: Progress) -> None:
        run = replace(run, device=self.device)
        packed = zlib.compress(self.ray.cloudpickle.dumps((run, run.provenance(), store)))
        # As a stored object it would be lost with the cluster, and Ray then ends this program, which could not say what happened.
        job = [packed if len(packed) <= MOST_SENT else self.ray.put(packed)]
        try:
            self._compute(job, run, store, missing, progress)
        except BaseException:
            self._end_workers()  # which may be at a shard
            raise
        unwritten = set(missing) - store.finished()
        if unwritten:
            raise RuntimeError(f"workers reported shards as written that are not in {store}: {sorted(unwritten)[:10]}")

    def _compute(self, job: list[Any], run: ComputeRun, store: ShardStore, missing: Sequence[int], progress: Progress) -> None:
        queue, unfinished, ends = deque(missing), set(missing), Counter[int]()
        while True:
            progress(len(run.examples) - run.examples_in_all(unfinished), len(run.examples))
            while self.ready and queue:
                self._submit(self.ready.pop(), job, queue.popleft(), queue)
            if not queue and all(worker.computing == STARTING for worker in self.tasks.values()):
                break
            for task in self._completed():
                worker = self.tasks.pop(task)
                shard, worker.computing = worker.computing, STARTING
                try:
                    self._result(task)
                except self.ray.exceptions.RayActorError:
                    self.connection.check_after_loss()
                    ends[shard] += 1
                    lost = self._replace(worker, store, ends)
                    queue.extendleft(reversed(lost))
                    unfinished.update(lost)
                    continue
                ends[STARTING] = 0
                unfinished.discard(shard)
                following = worker.completed(shard)
                if following is None:
                    self.ready.append(worker)
                else:
                    self._submit(worker, job, following, queue)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None) -> None:
        self._leaving.__exit__(kind, raised, traceback)

    @cached_property
    def connection(self) -> Connection:
        """The connection to the cluster, made when it is first needed."""
        connection = self._leaving.enter_context(ray_session(self.options))
        self._leaving.callback(self._end_workers)
        return connection

    @property
    def ray(self) -> ModuleType:
        return self.connection.ray

    def _end_workers(self) -> None:
        for worker in [*self.tasks.values(), *self.ready]:
            end(self.connection, worker.actor)
        self.tasks, self.ready, self._environment = {}, [], None

    def _start_worker(self) -> None:
        from engine.cluster.shard_actor import ShardActor

        worker = Worker(actor_class(self.ray, ShardActor, self._each).remote(self.options.cpus))
        self.tasks[worker.actor.environment.remote(self.device)] = worker

    def _completed(self) -> list[Any]:
        return self.connection.completed(self.tasks)

    def _result(self, task: Any) -> Any:
        try:
            return self.ray.get(task)
        except self.ray.exceptions.RayTaskError as error:
            raise mistake_of(error) from None

    def _submit(self, worker: Worker, job: list[Any], shard: int, queue: deque[int]) -> None:
        """Give a worker a shard, and hold the next one for it."""
        # The last shards go to the workers that are free first.
        after = queue.popleft() if len(queue) > len(self.tasks) + len(self.ready) else None
        worker.held += [shard] if after is None else [shard, after]
        worker.computing = shard
        self.tasks[worker.actor.compute.remote(job, shard, after)] = worker

    def _replace(self, worker: Worker, store: ShardStore, ends: Counter[int]) -> list[int]:
        """Start a worker in place of one that ended. Returns the shards that it leaves to others. Raises UserError if too many ended."""
        (shard, times), *_ = ends.most_common(1)
        if times >= MOST_ENDS:
            when = "when they started" if shard == STARTING else f"at shard {shard}"
            raise UserError(
                f"{counted(times, 'worker')} ended {when}, often because memory ran out; give fewer --workers or a smaller --batch-size."
            )
        end(self.connection, worker.actor)  # it may only be out of reach
        finished = store.finished()
        lost = [shard for shard in worker.held if shard not in finished]
        logger.info("A worker ended and is replaced; %s will be computed again.", counted(len(lost), "shard"))
        self._start_worker()
        return lost
