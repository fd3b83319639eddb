"""Stage times: how long every trunk and every head of a network takes on a device, by batch size."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cascades.base import Cascade, Step
from engine.runtime.inputs import to_tensor


@dataclass(frozen=True)
class Effort:
    """How long to measure. warm_up, least: warm-up runs and minimum timed runs of a part;  seconds: for one part at one batch size;
    rounds: of the real runs;  joule_seconds: window of the energy counter, which changes a few times a second
    """

    warm_up: int = 2
    least: int = 5
    seconds: float = 0.2
    rounds: int = 5
    joule_seconds: float = 2.0


@dataclass(frozen=True, eq=False)
class StageTimes:
    """Milliseconds per batch, median and 95th percentile over several runs, separately for trunk and head.

    batch_sizes: (sizes,);  trunk, trunk_p95, head, head_p95: (sizes, stages)
    """

    batch_sizes: tuple[int, ...]
    trunk: NDArray[np.float64]
    trunk_p95: NDArray[np.float64]
    head: NDArray[np.float64]
    head_p95: NDArray[np.float64]


@torch.inference_mode()
def stage_times(
    cascade: Cascade, image_size: tuple[int, int], device: torch.device, batch_sizes: Sequence[int], effort: Effort
) -> StageTimes:
    """Time every trunk and every head at every batch size, on noise."""
    times = np.empty((2, 2, len(batch_sizes), len(cascade.stages)))  # trunk and head; median and 95th percentile
    for i, size in enumerate(batch_sizes):
        for k, (stage, before, after) in enumerate(each_stage(cascade, image_size, device, size)):
            for part, (module, given) in enumerate(((stage.trunk, before), (stage.head, after))):
                taken = _times(lambda module=module, given=given: module(given), device, effort)
                times[part, :, i, k] = np.percentile(taken, (50, 95))
    (trunk, trunk_p95), (head, head_p95) = times
    return StageTimes(tuple(batch_sizes), trunk, trunk_p95, head, head_p95)


def each_stage(cascade: Cascade, image_size: tuple[int, int], device: torch.device, batch_size: int) -> Iterator[Step]:
    """Walk one batch of noise through every stage."""
    pixels = np.random.default_rng(0).integers(0, 256, (batch_size, *image_size, 3), dtype=np.uint8)
    return cascade.walk((to_tensor(pixels, device),))


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _times(run: Callable[[], object], device: torch.device, effort: Effort) -> list[float]:
    """Milliseconds of several runs after a warm-up."""
    for _ in range(effort.warm_up):
        run()
    taken, until = [], time.perf_counter() + effort.seconds
    while len(taken) < effort.least or time.perf_counter() < until:
        taken.append(_milliseconds(run, device))
    return taken


def _milliseconds(run: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)
    begun = time.perf_counter()
    run()
    synchronise(device)
    return 1e3 * (time.perf_counter() - begun)
