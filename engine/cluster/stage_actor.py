"""A worker of a pool: a process that holds some stages of a cascade. An actor, as Ray calls it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cluster.session import ray_module
from engine.extensions import load_extensions
from engine.policies.core.base import Rule
from engine.recipes import Recipe
from engine.runtime.devices import pick_device
from engine.runtime.executor import online_rule_of
from engine.runtime.host_memory import take_memory_in_bulk
from engine.runtime.inputs import Inputs
from engine.runtime.part_of_cascade import Left, first_stages, other_stages
from engine.runtime.survivors import Survivors
from engine.runtime.trained import trained_network


@dataclass(frozen=True, eq=False)
class CascadeJob:
    """What the workers of both pools need to know. boundary: the first stage of the second pool"""

    recipe: Recipe
    rule: Rule
    boundary: int
    device: str
    dtype: str
    batch_size: int


class StageActor:
    """Holds some stages. threads: for arithmetic on the CPU"""

    def __init__(self, threads: int) -> None:
        take_memory_in_bulk()
        torch.set_num_threads(threads)
        load_extensions()  # which the recipe and the rule may be made of

    def begin(self, job: bytes, is_second: bool, device: str) -> None:
        """Load the stages before the boundary, or the others. Raises UserError without weights, or if the rule cannot stop a network.

        job: a pickled `CascadeJob`
        """
        self.job: CascadeJob = ray_module().cloudpickle.loads(job)
        self.device = pick_device(device)
        exits = len(self.job.recipe.cascade().stages)
        stages = range(self.job.boundary, exits) if is_second else range(self.job.boundary)
        self.cascade = trained_network(self.job.recipe, self.device, self.job.dtype, stages)
        self.online_rule = online_rule_of(self.job.rule, self.cascade)
        self.dataset = self.job.recipe.dataset()

    def first(
        self, places: NDArray[np.int64], ids: NDArray[np.int64], before: Mapping[str, NDArray[np.float32]]
    ) -> tuple[tuple[Left, int], list[Survivors]]:
        """Run examples through the stages before the boundary. Returns those that left with the number of the others, and the others."""
        job = self.job
        left, survivors = first_stages(
            self.cascade, self.online_rule, places, ids, before, self._inputs, self.device, job.batch_size, job.boundary
        )
        return (left, sum(map(len, survivors))), survivors

    def _inputs(self, ids: NDArray[np.int64]) -> Inputs:
        return self.dataset.take(ids).inputs

    def others(self, references: list[Any]) -> tuple[Left, int, float]:
        """Run survivors through the other stages. Returns where they left, their bytes, and the seconds of fetching them."""
        begun = time.perf_counter()
        survivors = [batch for batches in ray_module().get(references) for batch in batches]
        seconds, nbytes = time.perf_counter() - begun, sum(batch.nbytes for batch in survivors)
        left = other_stages(self.cascade, self.online_rule, survivors, self.device, self.job.batch_size, self.job.boundary)
        return left, nbytes, seconds
