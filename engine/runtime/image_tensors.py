"""Images in the form that networks expect."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(pixels: NDArray[np.uint8] | Tensor, device: torch.device | str | None = None) -> Tensor:
    """Pixels (batch, height, width, 3) uint8 -> float images (batch, 3, height, width) in [0, 1], channels_last without a copy.

    device: the device of the result, by default that of the pixels
    """
    images = torch.as_tensor(pixels)
    if device is not None:
        images = images.to(device, non_blocking=True)
    return images.permute(0, 3, 1, 2).float() / 255
