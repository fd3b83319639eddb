"""A multi-scale dense network for small images.

After Huang, Chen, Li, Wu, van der Maaten, Weinberger: "Multi-Scale Dense Networks for Resource Efficient Image
Classification", ICLR 2018, section 4. Two of its ideas make early exits work:

* Maps at several **scales** are computed side by side, so even the first exit sees a coarse map that a classifier can use.
* **Dense** connections pass on every map, so an early exit does not spoil the features that later exits need.

Three things differ, all for the sake of small machines. Layers are few and wide, without a 1x1 bottleneck (many small
convolutions are slow). Exits pool before they classify (every image that reaches an exit pays for it, whether it leaves
there or not). Each stage computes all of its scales (the paper's "lazy" skipping would tie stages together).

Without a stem, images that are already small are processed at full size before anything is halved: a frozen layer
whitens the image in place of the first convolution, the finest scale begins with max pooling instead of a stride, and
exits mix the mean over all positions with the maximum.

Shapes are written (batch, channels, height, width). Scale 0 is the finest, and each further scale has half the side length.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.cascades.base import Cascade, Stage, State
from engine.cascades.layers import Opening, convolution, mixed_pooling
from engine.cascades.whitening import WHITENED, PatchWhitening


@dataclass(frozen=True)
class MSDNetShape:
    """The shape of an MSDNet. `layers` and `scales` have one entry per stage."""

    classes: int
    stem: int | None  # channels of the first convolution, of stride 2; None: the image is whitened, see above
    base: tuple[int, ...]  # channels each scale begins with, finest first
    growth: tuple[int, ...]  # channels each layer adds to each scale, finest first
    layers: tuple[int, ...]  # dense layers in each stage; the first stage may consist of the stem alone
    scales: tuple[int, ...]  # scales that each stage keeps, the coarsest; the finest are dropped, at most one per stage
    hidden: int = 128  # width of the classifiers' hidden layer

    def __post_init__(self) -> None:
        if len(self.base) != len(self.growth) or len(self.layers) != len(self.scales):
            raise ValueError(f"base and growth need one entry per scale, layers and scales one entry per stage: {self}")
        # at most one per stage, down to a single scale: otherwise maps would be computed that nothing reads
        drops = [a - b for a, b in pairwise((len(self.base), *self.scales))]
        if not set(drops) <= {0, 1} or self.scales[-1] != 1:
            raise ValueError(f"scales must fall from {len(self.base)} to 1 by at most one per stage: {self.scales}")
        if any(layers < (index > 0 or drop) for index, (layers, drop) in enumerate(zip(self.layers, drops, strict=True))):
            raise ValueError(f"every stage needs a layer, except a first stage that is only the stem: {self.layers}")


class Normalise(nn.Module):
    """Scales pixels from [0, 1] to [-2, 2]. It is part of the network, so weights always come with the scaling they expect."""

    def forward(self, state: State) -> State:
        (images,) = state
        return ((images - 0.5) * 4.0,)


class Stem(nn.Module):
    """The image at every scale: (images,) -> one map per scale. (The paper's first layer.)

    (batch, 3, 64, 64) -> (batch, base[0], 16, 16), (batch, base[1], 8, 8), (batch, base[2], 4, 4); the same for a
    whitened (batch, 3, 32, 32), except that the finest map is 15 x 15.
    """

    def __init__(self, stem: int | None, base: tuple[int, ...]) -> None:
        super().__init__()
        self.first = convolution(3, stem, stride=2) if stem else PatchWhitening()
        finest = convolution(stem, base[0], stride=2) if stem else Opening(WHITENED, base[0])
        self.down = nn.ModuleList([finest, *(convolution(a, b, stride=2) for a, b in pairwise(base))])

    def forward(self, state: State) -> State:
        (images,) = state
        features = self.first(images)
        maps = []
        for down in self.down:
            features = down(features)
            maps.append(features)
        return tuple(maps)


class Squeeze(nn.Module):
    """Halves the channels at every scale. (The paper's transition between blocks.)"""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.maps = nn.ModuleList(convolution(c, c // 2, size=1) for c in channels)

    def forward(self, state: State) -> State:
        return tuple(squeeze(features) for squeeze, features in zip(self.maps, state, strict=True))


class Growth(nn.Module):
    """One scale of a dense layer: keeps its map and adds channels, half of them from the next finer scale if there is one.

    (batch, channels, height, width) and (batch, finer, 2 height, 2 width) -> (batch, channels + growth, height, width)
    """

    def __init__(self, channels: int, growth: int, finer: int) -> None:
        super().__init__()
        below = growth // 2 if finer else 0
        self.same = convolution(channels, growth - below)
        self.down = convolution(finer, below, stride=2) if finer else None

    def forward(self, features: Tensor, finer: Tensor | None) -> Tensor:
        added = [self.same(features)]
        if self.down is not None:
            added.append(self.down(finer))
        return torch.cat((features, *added), dim=1)


class DenseLayer(nn.Module):
    """Every scale grows: channels[s] -> channels[s] + growth[s].

    drop: 1 if the finest scale ends here (it still feeds the next coarser one), 0 if all scales continue
    """

    def __init__(self, channels: tuple[int, ...], growth: tuple[int, ...], drop: int) -> None:
        super().__init__()
        self.drop = drop
        finer = (0, *channels[:-1])
        self.scales = nn.ModuleList(Growth(*of_scale) for of_scale in list(zip(channels, growth, finer, strict=True))[drop:])
        self.channels = tuple(c + g for c, g in zip(channels, growth, strict=True))[drop:]

    def forward(self, state: State) -> State:
        finer = (None, *state[:-1])
        return tuple(grow(*maps) for grow, *maps in zip(self.scales, state[self.drop :], finer[self.drop :], strict=True))


class Head(nn.Module):
    """An exit: the coarsest map pooled over all positions, then a small classifier. State -> (batch, classes).

    mixed: pool with a learned mixture of max and average, otherwise with the average
    """

    def __init__(self, channels: int, hidden: int, classes: int, mixed: bool) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.tensor(0.5)) if mixed else None
        self.hidden = nn.Linear(channels, hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, state: State) -> Tensor:
        coarsest = state[-1]
        pooled = coarsest.mean(dim=(2, 3)) if self.mix is None else mixed_pooling(coarsest, 1, self.mix)  # (batch, channels)
        return self.out(torch.relu(self.hidden(pooled)))


def msdnet(shape: MSDNetShape) -> Cascade:
    """The network as a chain of stages, for float images (batch, 3, height, width) in [0, 1]."""
    stages = []
    channels = shape.base
    for index, (layers, keep) in enumerate(zip(shape.layers, shape.scales, strict=True)):
        trunk: list[nn.Module] = [Stem(shape.stem, shape.base)] if index == 0 else []
        if index == 0 and shape.stem:
            trunk.insert(0, Normalise())
        drop = len(channels) - keep
        if drop:
            trunk.append(Squeeze(channels))
            channels = tuple(c // 2 for c in channels)
        for _ in range(layers):
            layer = DenseLayer(channels, shape.growth[-len(channels) :], drop)
            trunk.append(layer)
            channels, drop = layer.channels, 0
        stages.append(Stage(nn.Sequential(*trunk), Head(channels[-1], shape.hidden, shape.classes, mixed=shape.stem is None)))
    return Cascade(stages)
