"""Choosing the device to run on, and its name beside results."""

import platform
from pathlib import Path

import torch

from engine.errors import UserError


def pick_device(wanted: str = "auto") -> torch.device:
    """The device of this name; `auto` is the best one available. Raises UserError if it is unknown or not available."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, usable in available.items() if usable))
    kind = wanted.split(":")[0]
    if kind not in available:
        raise UserError(f"There is no device {wanted!r}; choose auto, cuda, mps or cpu.")
    if not available[kind]:
        raise UserError(f"Device {wanted!r} is not available on this machine; choose auto or cpu.")
    try:
        return torch.device(wanted)
    except RuntimeError:
        raise UserError(f"There is no device {wanted!r}; only a number may follow the colon, as in cuda:0.") from None


def device_name(device: torch.device) -> str:
    """A readable name: that of the GPU, or that of the processor with the number of threads in use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"{platform.machine()} GPU"
    threads = torch.get_num_threads()
    return f"{_processor()}, {threads} thread{'s' if threads > 1 else ''}"


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
