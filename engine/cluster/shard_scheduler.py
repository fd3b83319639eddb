"""Whole shards as tasks on workers that hold the network.

Each worker has the shard that it computes and the next one, whose inputs it reads meanwhile. What is done is what the store has: a worker
that ends is replaced, those of its shards that are not in the store go to others, and a run whose driver ends continues where it stopped.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import Any, Self

from engine.cluster.session import ClusterOptions, ray_session
from engine.cluster.workers import PATIENCE, actor_class, cannot_start, mistake_of, resources, room, too_small
from engine.display_text import counted
from engine.errors import UserError
from engine.progress import Progress
from engine.runtime.compute_run import ComputeRun, Environment
from engine.runtime.schedulers import Scheduler
from engine.runtime.shards import ShardStore

logger = logging.getLogger("offramp")
#: A shard at which so many workers ended is not tried again.
MOST_ATTEMPTS = 3
#: Stands for a shard while a worker starts.
STARTING = -1


@dataclass(eq=False)
class Worker:
    """An actor. held: the shards it was given that may not be written yet, the oldest first;  computing: the one it is at"""

    actor: Any
    held: list[int] = field(default_factory=list)
    computing: int | None = None


class RayScheduler(Scheduler):
    """Computes on a cluster, to which it connects when it is first asked for something. Leaving its context ends the workers."""

    def __init__(self, options: ClusterOptions) -> None:
        self.options = options
        self.device = "auto"
        self._leaving = ExitStack()
        #: {what Ray calls a reference to a result that is awaited: the worker that computes it}
        self.tasks: dict[Any, Worker] = {}
        self.ready: list[Worker] = []

    def environment(self, device: str) -> Environment:
        """That of the first worker. Raises UserError if no worker can start, or if one cannot use the device."""
        self._each = resources(self.ray, self.options, device)
        self.device = "cpu" if device == "auto" and not self._each.gpus else device
        for _ in range(self.options.workers or max(1, room(self.ray, self._each))):
            self._start_worker()
        begun = time.monotonic()
        while True:
            for task in self._completed(timeout=5):
                self.ready.append(self.tasks.pop(task))
                try:
                    return self._result(task)
                except self.ray.exceptions.RayActorError as error:
                    raise cannot_start(error) from error
            if time.monotonic() > begun + PATIENCE and not room(self.ray, self._each):
                raise too_small(self.ray, self._each)

    def compute(self, run: ComputeRun, store: ShardStore, missing: Sequence[int], progress: Progress) -> None:
        run = replace(run, device=self.device)
        job = [self.ray.put(self.ray.cloudpickle.dumps((run, run.provenance(), store)))]
        queue, attempts, done = deque(missing), Counter[int](), len(run.ids) - _examples(run, missing)
        progress(done, len(run.ids))
        while True:
            while self.ready and queue:
                self._submit(self.ready.pop(), job, queue.popleft(), queue)
            if not queue and all(worker.computing is None for worker in self.tasks.values()):
                break
            for task in self._completed(timeout=1):
                worker = self.tasks.pop(task)
                shard, worker.computing = worker.computing, None
                try:
                    self._result(task)
                except self.ray.exceptions.RayActorError:
                    attempts[STARTING if shard is None else shard] += 1
                    queue.extendleft(reversed(self._lost(worker, store, attempts)))
                    self._start_worker()
                    continue
                if shard is None:  # it has just started
                    self.ready.append(worker)
                    attempts[STARTING] = 0
                    continue
                done += _examples(run, [shard])
                progress(done, len(run.ids))
                worker.held = worker.held[worker.held.index(shard) :]
                if len(worker.held) > 1:
                    self._submit(worker, job, worker.held.pop(), queue)
                else:
                    worker.held = []
                    self.ready.append(worker)
        unwritten = set(missing) - store.finished()
        if unwritten:
            raise RuntimeError(f"workers reported shards as written that are not in {store}: {sorted(unwritten)[:10]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    @cached_property
    def ray(self) -> ModuleType:
        """Ray, connected."""
        ray = self._leaving.enter_context(ray_session(self.options))
        self._leaving.callback(self._end_workers)
        return ray

    def _end_workers(self) -> None:
        for worker in [*self.tasks.values(), *self.ready]:
            with suppress(Exception):
                self.ray.kill(worker.actor)
        self.tasks, self.ready = {}, []

    @cached_property
    def _actor_class(self) -> Any:
        from engine.cluster.shard_actor import ShardActor

        return actor_class(self.ray, ShardActor, self._each)

    def _start_worker(self) -> None:
        worker = Worker(self._actor_class.remote(self.options.cpus))
        self.tasks[worker.actor.environment.remote(self.device)] = worker

    def _completed(self, timeout: float) -> list[Any]:
        completed, _ = self.ray.wait(list(self.tasks), num_returns=1, timeout=timeout)
        return completed

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

    def _lost(self, worker: Worker, store: ShardStore, attempts: Counter[int]) -> list[int]:
        """The shards that a worker which has ended leaves for others. Raises UserError if too many workers ended."""
        (shard, times), *_ = attempts.most_common(1)
        if times >= MOST_ATTEMPTS:
            when = "when they started" if shard == STARTING else f"at shard {shard}"
            raise UserError(
                f"{counted(times, 'worker')} ended {when}, often because memory ran out; give fewer --workers or a smaller --batch-size."
            )
        finished = store.finished()
        lost = [held for held in worker.held if held not in finished]
        logger.info("A worker ended and is replaced; %s will be computed again.", counted(len(lost), "shard"))
        return lost


def _examples(run: ComputeRun, shards: Iterable[int]) -> int:
    return sum(part.stop - part.start for part in map(run.examples_of, shards))
