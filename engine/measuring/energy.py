"""Energy: the joules that a GPU spends on each stage, from the board's own counter.

NVML, NVIDIA's management library, counts the energy of a board since its driver was loaded, in millijoules, from the Volta generation on.
So the whole board is measured, including memory and idle power, over windows of seconds, because the counter changes only a few times a
second. Without such a counter, energy is not reported. The counter is read with the package nvidia-ml-py, which nothing else needs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cascades.base import Cascade
from engine.errors import UserError
from engine.measuring.stage_times import each_stage, synchronise

Clock = Callable[[], float]
_AT_ONCE = 16  # runs between two readings of the clock, so that waiting for the device leaves only negligible gaps


class Counter(Protocol):
    """Counts energy from an arbitrary starting point."""

    def joules(self) -> float: ...


@dataclass(frozen=True, eq=False)
class StageEnergy:
    """Joules per image. batch_sizes: (sizes,);  stage: (sizes, stages), trunk and head;  full: (sizes,), the full network alone."""

    batch_sizes: tuple[int, ...]
    stage: NDArray[np.float64]
    full: NDArray[np.float64]


class GpuCounter:
    """The counter of one board. nvml: the module pynvml or an equivalent;  uuid: the board's UUID as reported by CUDA."""

    def __init__(self, nvml: Any, uuid: str) -> None:
        self.nvml = nvml
        nvml.nvmlInit()
        # Not by index: CUDA may list other boards than NVML, and in another order.
        self.board = nvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")

    def joules(self) -> float:
        return self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.board) / 1e3


def _uuid(device: torch.device) -> str:
    return str(torch.cuda.get_device_properties(device).uuid)


def energy_counter(
    device: torch.device, load: Callable[[str], Any] = import_module, uuid: Callable[[torch.device], str] = _uuid
) -> Counter:
    """The energy counter of a device. Raises UserError with the reason if it has none."""
    if device.type != "cuda":
        raise UserError(f"Energy was not measured: only NVIDIA GPUs count it, and this ran on {device.type}.")
    try:
        nvml = load("pynvml")
    except ImportError:
        raise UserError("Energy was not measured: the package nvidia-ml-py is missing; run `pip install nvidia-ml-py`.") from None
    try:
        counter = GpuCounter(nvml, uuid(device))
        counter.joules()
    except nvml.NVMLError as problem:
        raise UserError(f"Energy was not measured: this GPU's driver provides no energy counter ({problem}).") from problem
    return counter


@torch.inference_mode()
def stage_energy(
    cascade: Cascade,
    image_size: tuple[int, int],
    device: torch.device,
    batch_sizes: Sequence[int],
    counter: Counter,
    seconds: float,
    clock: Clock = time.perf_counter,
) -> StageEnergy:
    """Measure the energy of every stage and of the full network at every batch size, on noise.

    seconds: length of each window.  Raises UserError if the counter does not change.
    """
    stage_joules, full_joules = np.empty((len(batch_sizes), len(cascade.stages))), np.empty(len(batch_sizes))

    def joules(run: Callable[[], object]) -> float:
        return joules_each(run, counter, lambda: synchronise(device), seconds, clock)

    for i, size in enumerate(batch_sizes):
        images = torch.empty(0)
        for k, (stage, before, _) in enumerate(each_stage(cascade, image_size, device, size)):
            images = before[0] if k == 0 else images
            stage_joules[i, k] = joules(lambda stage=stage, before=before: stage(before)) / size
        full_joules[i] = joules(lambda images=images: cascade.forward_exit(images, len(cascade.stages) - 1)) / size
    return StageEnergy(tuple(batch_sizes), stage_joules, full_joules)


def joules_each(
    run: Callable[[], object], counter: Counter, wait: Callable[[], None], seconds: float, clock: Clock = time.perf_counter
) -> float:
    """Joules of one run, averaged over a window of `seconds` of repeated runs, after a quarter of that time as warm-up."""

    def repeat(seconds: float) -> int:
        begun, times = clock(), 0
        while times == 0 or clock() - begun < seconds:
            for _ in range(_AT_ONCE):
                run()
            wait()
            times += _AT_ONCE
        return times

    repeat(seconds / 4)
    before = counter.joules()
    times = repeat(seconds)
    spent = counter.joules() - before
    if not spent > 0:
        raise UserError(f"Energy was not measured: this GPU's energy counter did not change for {seconds:g} seconds.")
    return spent / times
