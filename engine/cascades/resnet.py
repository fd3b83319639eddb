"""A residual network for small pictures, with exits after any of its blocks.

The trunk is after He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016, in its form for 32x32 pictures (no
early downsampling, the side halves and the width grows from group to group), but wide and shallow rather than deep.

Two kinds of exits, `head`:
* "pooled", in the style of Shallow-Deep Networks (Kaya, Hong, Dumitras, ICML 2019): a learned mixture of max and average pooling, then one
  linear layer. Pooling to 4x4 positions, and one mixing weight an exit that starts at a half, are our choice.
* "convolved", after the exits in the code of EENet (Ilhan et al., WACV 2024): three 3x3 convolutions, the first to a quarter of the
  channels, average pooling, one linear layer. Stronger, and dear where maps are large.

Shapes are written (batch, channels, height, width).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade, Stage, State
from engine.cascades.msdnet import Normalise, convolution
from engine.errors import UserError

HEADS = ("pooled", "convolved")


@dataclass(frozen=True)
class ResNetShape:
    """What a residual network looks like. `widths` and `blocks` have one entry a group; the side halves from group to group."""

    classes: int
    widths: tuple[int, ...]  # channels
    blocks: tuple[int, ...]  # residual blocks, of two convolutions each
    exits: tuple[int, ...] = ()  # blocks after which one may leave, counted from 1; the end of the network is always an exit
    head: str = "pooled"
    pool: int = 4  # positions a side that an early pooled exit keeps

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) or min(*self.widths, *self.blocks, self.classes, self.pool) < 1:
            raise ValueError(f"widths and blocks need one entry a group, all at least 1: {self}")
        if self.head not in HEADS:
            raise ValueError(f"head is {self.head!r}; it must be one of {HEADS}")
        last = sum(self.blocks)
        if any(a >= b for a, b in pairwise((0, *self.exits, last))):
            given = ",".join(map(str, self.exits))
            raise UserError(f"Early exits come after blocks 1 to {last - 1}, in rising order, each once; {given} are not such a list.")


class Block(nn.Module):
    """Two convolutions around which the map is handed on: (batch, inputs, h, w) -> (batch, outputs, h / stride, w / stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, stride=stride)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(self.norm.weight)  # a new block changes nothing: deep networks learn sooner
        self.hand_on = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 or inputs != outputs else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(self.norm(self.second(self.first(features))) + self.hand_on(features))


class OnMap(nn.Sequential):
    """Layers that work on the state's map, its first tensor, and hand on whatever else is in it. State -> State"""

    def forward(self, state: State) -> State:
        return super().forward(state[0]), *state[1:]


class PooledHead(nn.Module):
    """A learned mixture of max and average pooling, then a linear layer. State -> (batch, classes)"""

    def __init__(self, channels: int, side: int, classes: int) -> None:
        super().__init__()
        self.side = side
        self.mix = nn.Parameter(torch.tensor(0.5))  # 0: average, 1: max
        self.out = nn.Linear(channels * side * side, classes)

    def forward(self, state: State) -> Tensor:
        mean, peak = F.adaptive_avg_pool2d(state[0], self.side), F.adaptive_max_pool2d(state[0], self.side)
        return self.out((mean + self.mix * (peak - mean)).flatten(1))


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
    """The trunk, cut at the exits: for each stage what it computes, State -> State, and the channels it ends with."""
    done: list[tuple[nn.Sequential, int]] = []
    inputs, block = shape.widths[0], 0
    before, layers = [Normalise()], [convolution(3, inputs)]
    for group, (width, blocks) in enumerate(zip(shape.widths, shape.blocks, strict=True)):
        for index in range(blocks):
            layers.append(Block(inputs, width, stride=2 if group and not index else 1))
            inputs, block = width, block + 1
            if block in (*shape.exits, sum(shape.blocks)):
                done.append((nn.Sequential(*before, OnMap(*layers)), width))
                before, layers = [], []
    return done


def resnet(shape: ResNetShape) -> Cascade:
    """The network as a chain of stages, for float images (batch, 3, height, width) in [0, 1].

    The last exit is pooled to one position, as in the network without early exits.
    """
    *early, (end, channels) = pieces(shape)
    stages = [Stage(trunk, _early_head(shape, width)) for trunk, width in early]
    return Cascade([*stages, Stage(end, PooledHead(channels, 1, shape.classes))])


def _early_head(shape: ResNetShape, channels: int) -> nn.Module:
    if shape.head == "convolved":
        return ConvolvedHead(channels, shape.classes)
    return PooledHead(channels, shape.pool, shape.classes)
