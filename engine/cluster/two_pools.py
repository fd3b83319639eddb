"""A real cascade over two pools of workers: one holds the first stages, the other holds the rest.

Small stages may run on many cheap machines and large ones on a few with GPUs. Only the examples that survive the first stages travel, in
batches, from worker to worker and not through this process; inputs are read where the first stages run. Every example takes the route that
it takes in one process. A worker that ends is replaced, and what it was given is done again.
"""

import logging
import time
from collections import deque
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cluster.session import ClusterOptions, Connection, ray_session
from engine.cluster.stage_actor import CascadeJob, StageActor
from engine.cluster.workers import actor_class, cannot_start, end, mistake_of, resources
from engine.errors import UserError
from engine.policies.core.base import Rule
from engine.recipes import Recipe, recipe
from engine.route import Route
from engine.runtime.part_of_cascade import Left
from engine.runtime.precision import FULL

logger = logging.getLogger("offramp")
#: Examples of a task of the first pool.
BLOCK = 512
#: If workers end so many times, the run is given up.
MOST_ENDS = 3


@dataclass(frozen=True)
class Pool:
    """workers: how many;  gpus: of each, or a share of one; None: one if the cluster has any and the device is not the CPU"""

    workers: int = 1
    gpus: float | None = None


@dataclass(frozen=True)
class Transfer:
    """What travelled from the first pool to the second. seconds: spent by workers on packing, fetching and unpacking it, all together"""

    examples: int
    bytes: int
    seconds: float


@dataclass(frozen=True, eq=False)
class PooledRun:
    """route: of all examples, in their order;  seconds: without the start of the workers"""

    route: Route
    transfer: Transfer
    seconds: float


def execute_in_pools(
    name: str | Recipe,
    rule: Rule,
    ids: NDArray[np.int64],
    boundary: int,
    first: Pool = Pool(),  # noqa: B008 - frozen
    second: Pool = Pool(),  # noqa: B008 - frozen
    options: ClusterOptions | None = None,
    device: str = "auto",
    dtype: str = FULL,
    batch_size: int = 32,
    before: Mapping[str, NDArray[np.float32]] | None = None,
    connection: Connection | None = None,
) -> PooledRun:
    """Run the examples `ids` (examples,) of a recipe's data set under a rule.

    boundary: the first stage of the second pool, counted from 0
    options:  of the cluster; its number of workers is that of both pools, by default
    before:   {name: (examples,)}, what is known of the examples before any stage runs, for rules that read it
    connection: to the cluster, by default one that ends with this run
    Raises UserError if the rule cannot decide in a running network, if weights are missing, or if a pool would have no stage.
    """
    source = recipe(name)
    exits = check_boundary(source, boundary)
    options = options or ClusterOptions(first.workers + second.workers)
    with ray_session(options) if connection is None else nullcontext(connection) as connected:
        job = CascadeJob(source, rule, boundary, device, dtype, batch_size)
        run = _PooledRun(connected, options, job, (first, second))
        try:
            return run.all(np.asarray(ids, np.int64), before or {}, exits)
        finally:
            run.close()


def check_boundary(source: Recipe, boundary: int) -> int:
    """The number of exits of a recipe. Raises UserError if a pool would have no stage."""
    exits = len(source.cascade().stages)
    if not 1 <= boundary < exits:
        raise UserError(f"The boundary is {boundary} and must be from 1 to {exits - 1}, so that each pool has at least one stage.")
    return exits


@dataclass(eq=False)
class _Worker:
    """An actor of a pool. work: what it does, to be done again by another if it ends"""

    actor: Any
    pool: int
    work: Any = None


class _PooledRun:
    def __init__(self, connection: Connection, options: ClusterOptions, job: CascadeJob, pools: tuple[Pool, Pool]) -> None:
        self.connection, self.options, self.job, self.pools = connection, options, job, pools
        self.ray = ray = connection.ray
        self.pickled = ray.put(ray.cloudpickle.dumps(job))
        self.tasks: dict[Any, _Worker] = {}
        self.idle: tuple[list[_Worker], list[_Worker]] = ([], [])
        self.ends = 0
        self.lefts: list[Left] = []
        #: Survivors on the way: (reference, examples)
        self.waiting: deque[tuple[Any, int]] = deque()
        self.examples, self.bytes, self.seconds = 0, 0, 0.0

    def all(self, ids: NDArray[np.int64], before: Mapping[str, NDArray[np.float32]], exits: int) -> PooledRun:
        for number, pool in enumerate(self.pools):
            for _ in range(pool.workers):
                self._start(number)
        blocks = deque(np.arange(len(ids))[start : start + BLOCK] for start in range(0, len(ids), BLOCK))
        redo: deque[list[tuple[Any, int]]] = deque()
        self._wait_for_both()
        begun = time.perf_counter()
        while True:
            while self.idle[0] and blocks and self._arriving < 4 * BLOCK:
                here = blocks.popleft()
                self._submit(self.idle[0].pop(), here, ids, before)
            is_over = not blocks and not self._busy(0)
            while self.idle[1] and (redo or self._arriving >= (1 if is_over else self.job.batch_size)):
                self._submit_others(self.idle[1].pop(), redo.popleft() if redo else self._batch())
            if is_over and not self.waiting and not redo and not self._busy(1):
                break
            for task in self.connection.completed(self.tasks):
                worker = self.tasks.pop(task)
                work, worker.work = worker.work, None
                try:
                    result = self.ray.get(task)
                except self.ray.exceptions.RayTaskError as error:
                    raise mistake_of(error) from None
                except self.ray.exceptions.RayActorError:
                    self.connection.check_after_loss()
                    self._replace(worker)
                    if work is not None:
                        (blocks if worker.pool == 0 else redo).append(work if worker.pool else work[0])
                    continue
                self.idle[worker.pool].append(worker)
                if work is None:
                    continue  # it has just started
                if worker.pool == 0:
                    left, survivors = result
                    if survivors:
                        self.waiting.append((work[1], survivors))
                    self.examples += survivors
                else:
                    left, nbytes, seconds = result
                    self.bytes, self.seconds = self.bytes + nbytes, self.seconds + seconds
                self.lefts.append(left)
                self.seconds += left.moving
        transfer = Transfer(self.examples, self.bytes, self.seconds)
        return PooledRun(_joined(self.lefts, len(ids), exits), transfer, time.perf_counter() - begun)

    def _wait_for_both(self) -> None:
        """Wait until each pool has a worker. Raises UserError if one cannot start."""
        while not all(self.idle):
            for task in self.connection.completed(self.tasks):
                worker = self.tasks.pop(task)
                try:
                    self.ray.get(task)
                except self.ray.exceptions.RayTaskError as error:
                    raise mistake_of(error) from None
                except self.ray.exceptions.RayActorError as error:
                    self.connection.check_after_loss()
                    raise cannot_start(error) from error
                self.idle[worker.pool].append(worker)

    @property
    def _arriving(self) -> int:
        return sum(examples for _, examples in self.waiting)

    def _busy(self, pool: int) -> bool:
        return any(worker.pool == pool and worker.work is not None for worker in self.tasks.values())

    def _batch(self) -> list[tuple[Any, int]]:
        """Survivors for one task of the second pool: at least a batch, if there are so many, and at most a block."""
        taken, examples = [], 0
        while self.waiting and (not taken or examples + self.waiting[0][1] <= BLOCK):
            taken.append(self.waiting.popleft())
            examples += taken[-1][1]
        return taken

    def _start(self, pool: int) -> None:
        options = ClusterOptions(cpus=self.options.cpus, gpus=self.pools[pool].gpus)
        each = resources(self.ray, options, self.job.device)
        actor = actor_class(self.ray, StageActor, each).remote(self.options.cpus)
        device = "cpu" if self.job.device == "auto" and not each.gpus else self.job.device
        self.tasks[actor.begin.remote(self.pickled, pool == 1, device)] = _Worker(actor, pool)

    def _submit(self, worker: _Worker, here: NDArray[np.int64], ids: NDArray[np.int64], before: Mapping[str, NDArray[np.float32]]) -> None:
        of_block = {name: values[here] for name, values in before.items()}
        left, survivors = worker.actor.first.options(num_returns=2).remote(here, ids[here], of_block)
        worker.work = (here, survivors)
        self.tasks[left] = worker

    def _submit_others(self, worker: _Worker, work: list[tuple[Any, int]]) -> None:
        worker.work = work
        self.tasks[worker.actor.others.remote([reference for reference, _ in work])] = worker

    def _replace(self, worker: _Worker) -> None:
        end(self.connection, worker.actor)
        self.ends += 1
        if self.ends >= MOST_ENDS:
            raise UserError("Workers ended 3 times, often because memory ran out; give fewer workers or a smaller batch size.")
        logger.info("A worker ended and is replaced; what it was given is done again.")
        self._start(worker.pool)

    def close(self) -> None:
        for worker in [*self.tasks.values(), *self.idle[0], *self.idle[1]]:
            end(self.connection, worker.actor)


def _joined(lefts: list[Left], examples: int, exits: int) -> Route:
    exit, prediction, visited = np.empty(examples, np.int64), np.empty(examples, np.int32), np.zeros((exits, examples), bool)
    seen = np.zeros(examples, np.int64)
    for left in lefts:
        exit[left.places], prediction[left.places], visited[:, left.places] = left.exit, left.prediction, left.visited
        seen[left.places] += 1
    if (seen != 1).any():
        raise AssertionError("an example left twice or never")
    return Route(exit, visited, prediction)
