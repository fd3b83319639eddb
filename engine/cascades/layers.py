"""Layers that several networks use. Shapes are written (batch, channels, height, width)."""

from torch import Tensor, nn
from torch.nn import functional as F


def convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU. A stride of 2 halves the side."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Opening(nn.Sequential):
    """Convolves, then halves the side: (batch, inputs, h, w) -> (batch, outputs, h // 2, w // 2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        kernel = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        super().__init__(kernel, nn.MaxPool2d(2), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def mixed_pooling(features: Tensor, side: int, mix: Tensor) -> Tensor:
    """A mixture of average (mix 0) and max pooling (mix 1): (batch, channels, h, w) -> (batch, channels * side * side)."""
    mean, peak = F.adaptive_avg_pool2d(features, side), F.adaptive_max_pool2d(features, side)
    return (mean + mix * (peak - mean)).flatten(1)
