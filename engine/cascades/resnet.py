"""A residual network for small images, with exits between any two of its units.

After He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016, but with few wide layers instead of many narrow ones,
which CPUs and GPUs compute several times faster for the same arithmetic. A frozen layer whitens the images. Each group of units works at
half the side length of the group before it. Its first unit, the opening, convolves to the group's width and then pools. Residual blocks
follow.

There are two kinds of exits, set by `head`:
* "pooled", in the style of Shallow-Deep Networks (Kaya, Hong, Dumitras, ICML 2019): a learned mixture of max and average pooling, then one
  linear layer. Pooling to 3x3 positions, and one mixing weight per exit that starts at 0.5, are our choice.
* "convolved", after the exits in the code of EENet (Ilhan et al., WACV 2024): three 3x3 convolutions, the first to a quarter of the
  channels, average pooling, one linear layer. More accurate, but costly where maps are large.

Shapes are written (batch, channels, height, width).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.cascades.base import Cascade, Stage, State
from engine.cascades.layers import Opening, convolution, mixed_pooling
from engine.cascades.whitening import WHITENED, PatchWhitening
from engine.errors import UserError

HEADS = ("pooled", "convolved")


@dataclass(frozen=True)
class ResNetShape:
    """The shape of a residual network. `widths` and `blocks` have one entry per group. Every group first halves the side length."""

    classes: int
    widths: tuple[int, ...]  # channels
    blocks: tuple[int, ...]  # residual blocks after the opening, of two convolutions each; may be 0
    exits: tuple[int, ...] = ()  # units (openings and blocks, counted from 1) followed by an early exit; the last unit always has an exit
    head: str = "pooled"
    pool: int = 3  # positions per side that an early pooled exit keeps

    def __post_init__(self) -> None:
        sizes = (*self.widths, self.classes, self.pool)
        if len(self.widths) != len(self.blocks) or min(sizes) < 1 or min(self.blocks, default=-1) < 0:
            raise ValueError(f"widths (at least 1) and blocks (at least 0) need one entry per group: {self}")
        if self.head not in HEADS:
            raise ValueError(f"head is {self.head!r}; it must be one of {HEADS}")
        if any(a >= b for a, b in pairwise((0, *self.exits, self.units))):
            given = ",".join(map(str, self.exits))
            raise UserError(f"Early exits {given} must be different units from 1 to {self.units - 1}, in ascending order.")

    @property
    def units(self) -> int:
        return len(self.blocks) + sum(self.blocks)


class Block(nn.Module):
    """Two convolutions with a skip connection: (batch, channels, h, w) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)  # a new block is the identity, which helps deep networks learn sooner

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(self.norm(self.second(self.first(features))) + features)


class OnMap(nn.Sequential):
    """Layers applied to the state's map, its first tensor; other tensors pass through. State -> State"""

    def forward(self, input: State) -> State:
        return super().forward(input[0]), *input[1:]


class PooledHead(nn.Module):
    """A learned mixture of max and average pooling, then a linear layer. State -> (batch, classes)"""

    def __init__(self, channels: int, side: int, classes: int) -> None:
        super().__init__()
        self.side = side
        self.mix = nn.Parameter(torch.tensor(0.5))  # 0: average, 1: max
        self.out = nn.Linear(channels * side * side, classes)

    def forward(self, state: State) -> Tensor:
        return self.out(mixed_pooling(state[0], self.side, self.mix))


class ConvolvedHead(nn.Module):
    """Three convolutions, average pooling, a linear layer. State -> (batch, classes)"""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        narrow = max(1, channels // 4)
        self.layers = nn.Sequential(convolution(channels, narrow), convolution(narrow, narrow), convolution(narrow, narrow))
        self.out = nn.Linear(narrow, classes)

    def forward(self, state: State) -> Tensor:
        return self.out(self.layers(state[0]).mean(dim=(2, 3)))


def pieces(shape: ResNetShape) -> list[tuple[nn.Sequential, int]]:
    """The trunk, cut at the exits: for each stage, its layers (State -> State) and its output channels."""
    units: list[tuple[nn.Module, int]] = []
    inputs = WHITENED
    for width, blocks in zip(shape.widths, shape.blocks, strict=True):
        units.append((Opening(inputs, width), width))
        units.extend((Block(width), width) for _ in range(blocks))
        inputs = width
    ends = (*shape.exits, shape.units)
    cut = []
    for start, end in pairwise((0, *ends)):
        stem = [PatchWhitening()] if start == 0 else []
        cut.append((nn.Sequential(OnMap(*stem, *(unit for unit, _ in units[start:end]))), units[end - 1][1]))
    return cut


def resnet(shape: ResNetShape) -> Cascade:
    """The network as a chain of stages, for float images (batch, 3, height, width) in [0, 1].

    The last exit pools to one position, as in the network without early exits.
    """
    *early, (end, channels) = pieces(shape)
    stages = [Stage(trunk, _early_head(shape, width)) for trunk, width in early]
    return Cascade([*stages, Stage(end, PooledHead(channels, 1, shape.classes))])


def _early_head(shape: ResNetShape, channels: int) -> nn.Module:
    if shape.head == "convolved":
        return ConvolvedHead(channels, shape.classes)
    return PooledHead(channels, shape.pool, shape.classes)
