"""What it costs to run a cascade over two pools of workers, compared with the same cascade in this process."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.cascades.macs import stage_macs
from engine.cluster.session import ClusterOptions, ray_session
from engine.cluster.two_pools import Pool, check_boundary, execute_in_pools
from engine.display_text import counted
from engine.measuring.measure import BUDGETS, budget_rules
from engine.recipes import Recipe
from engine.runtime.devices import pick_device
from engine.runtime.executor import execute
from engine.runtime.precision import FULL, in_precision
from engine.runtime.trained import trained_network
from engine.splits import Split

logger = logging.getLogger("offramp")


@dataclass(frozen=True)
class PooledBudget:
    """The cascade at one budget and batch size.

    budget:    a share of the full network's MACs
    travelled: examples that went from the first pool to the second
    bytes:     that travelled
    transfer:  seconds that workers spent on packing, fetching and unpacking it, all together
    seconds:   of the run over two pools, without the start of the workers
    alone:     of the same run in this process
    same:      the share of examples that left at the same exit with the same class as in this process
    """

    batch_size: int
    budget: float
    examples: int
    travelled: int
    bytes: int
    transfer: float
    seconds: float
    alone: float
    same: float


@dataclass(frozen=True)
class PooledMeasurement:
    """boundary: the number of stages of the first pool;  pools: the workers of each"""

    recipe: str
    boundary: int
    pools: tuple[int, int]
    runs: tuple[PooledBudget, ...]

    def as_json(self) -> dict[str, Any]:
        return {"recipe": self.recipe, "boundary": self.boundary, "pools": list(self.pools), "runs": [asdict(run) for run in self.runs]}


def measure_pools(
    source: Recipe,
    boundary: int,
    pools: tuple[int, int],
    options: ClusterOptions,
    device: str = "auto",
    batch_sizes: Sequence[int] = (32,),
    examples: int = 512,
    dtype: str = FULL,
) -> PooledMeasurement:
    """Run a recipe's trained network on `examples` test images at several budgets, with the thresholds of `maxprob` set on as many
    calibration images, in this process and over two pools. Raises UserError as `engine.cluster.two_pools.execute_in_pools` does.

    pools: workers of the first and of the second pool
    """
    check_boundary(source, boundary)
    where, dataset = pick_device(device), source.image_dataset()
    logger.info("Loading the network and the data set of %s.", source.name)
    cascade = trained_network(source, where)
    macs = stage_macs(cascade, dataset.image_size)
    cascade = in_precision(cascade, dtype, where)
    tuned, ids = dataset.take(dataset.ids(Split.CALIBRATION)[:examples]), np.asarray(dataset.ids(Split.TEST)[:examples], np.int64)
    logger.info("Setting thresholds on %s of the calibration split.", counted(len(tuned.pixels), "example"))
    rules = budget_rules(cascade, tuned.pixels, tuned.labels, macs, where, BUDGETS)
    first, second = (Pool(workers, options.gpus) for workers in pools)
    runs = []
    with ray_session(options) as connection:
        for size in batch_sizes:
            for budget, rule in rules.items():
                logger.info("Batches of %d at a budget of %.0f%%: over two pools, then in this process.", size, 100 * budget)
                pooled = execute_in_pools(source, rule, ids, boundary, first, second, options, device, dtype, size, None, connection)
                begun = time.perf_counter()
                alone = execute(cascade, rule, ids, lambda some: dataset.take(some).pixels, where, size)
                seconds = time.perf_counter() - begun
                same = (pooled.route.exit == alone.exit) & (pooled.route.prediction == alone.prediction)
                moved = pooled.transfer
                runs.append(
                    PooledBudget(
                        batch_size=size,
                        budget=budget,
                        examples=len(ids),
                        travelled=moved.examples,
                        bytes=moved.bytes,
                        transfer=moved.seconds,
                        seconds=pooled.seconds,
                        alone=seconds,
                        same=float(same.mean()),
                    )
                )
    return PooledMeasurement(source.name, boundary, pools, tuple(runs))
