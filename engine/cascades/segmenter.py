"""An encoder-decoder for segmentation, with four exits that each give a full mask.

The encoder halves the side three times and the decoder goes back up to half the side of the picture, adding the encoder's maps of the same
size on the way, after Ronneberger, Fischer and Brox, "U-Net", MICCAI 2015 (section 2), with sums in place of concatenations to save
arithmetic. Exits stand after the encoder's map at a quarter of the side, after its deepest map, and after each step of the decoder. Each
head weighs the channels of the finest maps that its stage knows, at their own size, and stretches the logits to the size of the picture,
which costs no multiplication that is counted. The deepest map may also take in a map at half its side, so that it sees more of the picture
at once. Where the exits stand, and the widths, are our choice.

Shapes are written (batch, channels, height, width). The side of a picture must be a multiple of 8, or of 16 for a map
at a sixteenth of it.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade, Stage, State
from engine.cascades.layers import convolution
from engine.cascades.resnet import Block

#: A picture's side, as a multiple of the side of the finest map.
FINEST = 2


@dataclass(frozen=True)
class SegmenterShape:
    """The shape of an encoder-decoder. Widths are channels of the maps at a half, a quarter, an eighth and a sixteenth of the side.

    sixteenth: 0: there is no such map
    """

    classes: int
    half: int = 16
    quarter: int = 32
    eighth: int = 72
    sixteenth: int = 0


class Opening(nn.Module):
    """(images,) -> (map at a half of the side, map at a quarter)"""

    def __init__(self, shape: SegmenterShape) -> None:
        super().__init__()
        self.to_half = convolution(3, shape.half, size=5, stride=2)
        self.to_quarter = nn.Sequential(convolution(shape.half, shape.quarter, stride=2), convolution(shape.quarter, shape.quarter))

    def forward(self, state: State) -> State:
        half = self.to_half(state[0])
        return half, self.to_quarter(half)


class Deepest(nn.Module):
    """(half, quarter) -> (half, quarter, map at an eighth of the side)"""

    def __init__(self, shape: SegmenterShape) -> None:
        super().__init__()
        self.to_eighth = nn.Sequential(convolution(shape.quarter, shape.eighth, stride=2), Block(shape.eighth))
        self.context = Context(shape.eighth, shape.sixteenth) if shape.sixteenth else nn.Identity()

    def forward(self, state: State) -> State:
        half, quarter = state
        return half, quarter, self.context(self.to_eighth(quarter))


class Context(nn.Module):
    """What a map at a sixteenth of the side knows is added to the map at an eighth: (batch, eighth, h, w) -> the same shape"""

    def __init__(self, eighth: int, sixteenth: int) -> None:
        super().__init__()
        self.down = nn.Sequential(convolution(eighth, sixteenth, stride=2), Block(sixteenth))
        self.across = nn.Conv2d(sixteenth, eighth, 1)

    def forward(self, eighth: Tensor) -> Tensor:
        return eighth + stretched(self.across(self.down(eighth)), 2)


class Upward(nn.Module):
    """(..., finer, coarser) -> (..., finer): what the coarser map knows is added to the finer one, and two convolutions mix both."""

    def __init__(self, coarser: int, finer: int) -> None:
        super().__init__()
        self.across = nn.Conv2d(coarser, finer, 1)
        self.block = Block(finer)

    def forward(self, state: State) -> State:
        *others, finer, coarser = state
        return *others, self.block(finer + stretched(self.across(coarser), 2))


class MaskHead(nn.Module):
    """The logits of every pixel from the last maps of a state, the coarsest last. State -> (batch, classes, height, width)

    The logits of a coarser map are stretched and added to those of a finer one.
    """

    def __init__(self, widths: tuple[int, ...], classes: int, finest: int) -> None:
        """widths: channels of each map, the finest first;  finest: the picture's side as a multiple of the finest map's"""
        super().__init__()
        self.finest = finest
        self.weigh = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in widths)

    def forward(self, state: State) -> Tensor:
        maps = state[-len(self.weigh) :]
        logits = self.weigh[-1](maps[-1])
        for weigh, finer in zip(reversed(self.weigh[:-1]), reversed(maps[:-1]), strict=True):
            logits = weigh(finer) + stretched(logits, 2)
        return stretched(logits, self.finest)


def stretched(maps: Tensor, times: int) -> Tensor:
    """Maps stretched by linear interpolation: (batch, channels, h, w) -> (batch, channels, times * h, times * w)"""
    return F.interpolate(maps, scale_factor=times, mode="bilinear", align_corners=False)


def segmenter(shape: SegmenterShape) -> Cascade:
    """An untrained encoder-decoder, for float images (batch, 3, height, width) in [0, 1]."""
    half, quarter, eighth, classes = shape.half, shape.quarter, shape.eighth, shape.classes
    return Cascade(
        [
            Stage(Opening(shape), MaskHead((half, quarter), classes, FINEST)),
            Stage(Deepest(shape), MaskHead((half, quarter, eighth), classes, FINEST)),
            Stage(Upward(eighth, quarter), MaskHead((half, quarter), classes, FINEST)),
            Stage(Upward(quarter, half), MaskHead((half,), classes, FINEST)),
        ]
    )
