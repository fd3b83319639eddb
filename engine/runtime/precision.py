"""Precision: the numbers a network computes in. Whatever they are, scores are made of float32 or finer.

Half precision goes by torch's autocast: convolutions and matrices in 16 bits, what is delicate in 32. Weights stay as they are.
"""

import torch
from torch import Tensor, nn

from engine.cascades.base import Cascade, State
from engine.errors import UserError

FULL = "float32"
DTYPES = (FULL, "bfloat16", "float16")


class Lowered(nn.Module):
    """A trunk or a head that computes in half precision."""

    def __init__(self, part: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.part, self.dtype, self.device_type = part, dtype, device.type

    def forward(self, state: State) -> State | Tensor:
        with torch.autocast(self.device_type, self.dtype):
            return self.part(state)


def in_precision(cascade: Cascade, dtype: str, device: torch.device) -> Cascade:
    """The same stages, computing in `dtype` on `device`. Raises UserError if that cannot be."""
    if dtype not in DTYPES:
        raise UserError(f"There is no precision {dtype!r} here; choose one of: {', '.join(DTYPES)}.")
    if dtype == FULL:
        return cascade
    number = getattr(torch, dtype)
    return cascade.with_parts(lambda part: Lowered(part, number, device))
