"""Images as networks take them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(pixels: NDArray[np.uint8] | Tensor, device: torch.device | str | None = None) -> Tensor:
    """Pixels (batch, height, width, 3) uint8 -> float images (batch, 3, height, width) in [0, 1], in channels_last memory without a copy.

    device: where they go, by default where they are
    """
    there = torch.as_tensor(pixels)
    if device is not None:
        there = there.to(device, non_blocking=True)
    return there.permute(0, 3, 1, 2).float() / 255
