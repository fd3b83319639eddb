"""The precision in which a network computes. Scores are always computed in float32 or finer.

Half precision uses torch's autocast: convolutions and matrix products in 16 bits, sensitive operations in 32. Weights stay as they are.
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
    """The same stages, computing in `dtype` on `device`. Raises UserError for an unknown dtype."""
    if dtype not in DTYPES:
        raise UserError(f"There is no precision {dtype!r}; choose one of: {', '.join(DTYPES)}.")
    if dtype == FULL:
        return cascade
    number = getattr(torch, dtype)
    return cascade.with_parts(lambda part: Lowered(part, number, device))
