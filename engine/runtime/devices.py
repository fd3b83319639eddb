"""Which device to run on, and what to call it where a number is shown."""

import platform
from pathlib import Path

import torch

from engine.errors import UserError


def pick_device(wanted: str = "auto") -> torch.device:
    """The device of that name; `auto` takes the best one available. Raises UserError if it is unknown or not available here."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, here in there.items() if here))
    if wanted.split(":")[0] not in there:
        raise UserError(f"There is no device {wanted!r}; choose auto, {', '.join(there)}.")
    if not there[wanted.split(":")[0]]:
        raise UserError(f"The device {wanted!r} is not available here; choose auto or cpu.")
    try:
        return torch.device(wanted)
    except RuntimeError:
        raise UserError(f"There is no device {wanted!r}; a number may follow the colon, as in cuda:0.") from None


def device_name(device: torch.device) -> str:
    """What a person calls the device: the GPU's name, or the processor's with the threads in use."""
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
