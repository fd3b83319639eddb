"""Energy: joules that a GPU spends on each stage, from the counter that its board keeps.

NVML, NVIDIA's management library, counts all energy of a board since its driver was loaded, in millijoules, from the Volta generation on.
So it is the whole board that is measured, memory and idle power included, over windows of seconds: the counter moves a few times a second
only. Where there is no such counter there is no number. The package nvidia-ml-py is asked for it, and is needed for nothing else.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.cascades.base import Cascade
from engine.errors import UserError
from engine.measuring.stage_times import each_stage, synchronise

Clock = Callable[[], float]
_AT_ONCE = 16  # runs between two looks at the clock, so that waiting for the device leaves no gaps to speak of


class Counter(Protocol):
    """Counts energy, from any point in time on."""

    def joules(self) -> float: ...


@dataclass(frozen=True, eq=False)
class StageEnergy:
    """Joules for one picture. batch_sizes: (sizes,);  stage: (sizes, stages), trunk and head;  full: (sizes,), the full network alone."""

    batch_sizes: tuple[int, ...]
    stage: NDArray[np.float64]
    full: NDArray[np.float64]


class GpuCounter:
    """The counter of one board. nvml: the module pynvml or what does the same;  uuid: the board's, as CUDA tells it."""

    def __init__(self, nvml: Any, uuid: str) -> None:
        self.nvml = nvml
        nvml.nvmlInit()
        # Not by number: CUDA may count other boards than NVML, and in another order.
        self.board = nvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")

    def joules(self) -> float:
        return self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.board) / 1e3


def _uuid(device: torch.device) -> str:
    return str(torch.cuda.get_device_properties(device).uuid)


def energy_counter(
    device: torch.device, load: Callable[[str], Any] = import_module, uuid: Callable[[torch.device], str] = _uuid
) -> Counter:
    """The counter of a device. Raises UserError, one sentence saying why there is none."""
    if device.type != "cuda":
        raise UserError(f"Energy was not measured: it is counted for NVIDIA GPUs alone, and this ran on {device.type}.")
    try:
        nvml = load("pynvml")
    except ImportError:
        raise UserError("Energy was not measured: that needs a package more, `pip install nvidia-ml-py`.") from None
    try:
        counter = GpuCounter(nvml, uuid(device))
        counter.joules()
    except nvml.NVMLError as problem:
        raise UserError(f"Energy was not measured: this GPU's driver offers no counter of it ({problem}).") from problem
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
    """Count what every stage and the full network spend on noise at every batch size.

    seconds: length of each window.  Raises UserError if the counter stands still.
    """
    stage_joules, full_joules = np.empty((len(batch_sizes), len(cascade.stages))), np.empty(len(batch_sizes))

    def joules(run: Callable[[], object]) -> float:
        return joules_each(run, counter, lambda: synchronise(device), seconds, clock)

    for i, size in enumerate(batch_sizes):
        images: Tensor | None = None
        for k, (stage, before, _) in enumerate(each_stage(cascade, image_size, device, size)):
            images = before[0] if images is None else images
            stage_joules[i, k] = joules(lambda stage=stage, before=before: stage(before)) / size
        full_joules[i] = joules(lambda images=images: cascade.forward_exit(images, len(cascade.stages) - 1)) / size
    return StageEnergy(tuple(batch_sizes), stage_joules, full_joules)


def joules_each(
    run: Callable[[], object], counter: Counter, wait: Callable[[], None], seconds: float, clock: Clock = time.perf_counter
) -> float:
    """Joules of one run, over as many as fill a window of so many seconds; a quarter of that goes before it, to warm up."""

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
        raise UserError(f"Energy was not measured: the counter of this GPU stood still for {seconds:g} seconds.")
    return spent / times
