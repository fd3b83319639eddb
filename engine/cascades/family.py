"""Families: separate networks, from small to large, for network selection. They share no computation, and any of them may be skipped.

Members are trained on the same batches but stay independent: they share no parameters, and the loss is a sum of their losses.
Only distillation connects them: the smaller networks then also learn from the outputs of the largest.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade, CascadeKind, Stage, State
from engine.cascades.pretrained import fetch, known_network
from engine.cascades.resnet import ResNetShape, resnet

#: From cheap to costly, by torchvision's names.
IMAGENET_FAMILY = ("alexnet", "googlenet", "resnet50")
#: Of ImageNet's colours, by which torchvision scales images.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def resnet_family(shapes: Sequence[ResNetShape]) -> Cascade:
    """Residual networks without early exits, in the order given, which should be from cheap to costly."""
    if any(shape.exits for shape in shapes):
        raise ValueError("members of a family must not have early exits")
    return Cascade([resnet(shape).stages[0] for shape in shapes], CascadeKind.FAMILY)


class Published(nn.Module):
    """A network with published weights and without its last layer: (images,) in [0, 1] -> (features,) (batch, features)."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, network: nn.Module, mean: Sequence[float] = MEAN, deviation: Sequence[float] = DEVIATION, side: int | None = None
    ) -> None:
        """
        mean, deviation: of each colour channel, as in the network's training
        side: of the images that the network gets, which are resized first; None: as they are
        """
        super().__init__()
        self.network = network
        self.side = side
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1), persistent=False)

    def forward(self, state: State) -> State:
        (images,) = state
        if self.side is not None and images.shape[2:] != (self.side, self.side):
            images = F.interpolate(images, size=(self.side, self.side), mode="bicubic", antialias=True)
        return (self.network((images - self.mean) / self.deviation),)


class Last(nn.Module):
    """A network's own last layer as an exit: State -> (batch, classes)."""

    def __init__(self, out: nn.Linear) -> None:
        super().__init__()
        self.out = out

    def forward(self, state: State) -> Tensor:
        return self.out(state[0])


def imagenet_family(published: bool = False) -> Cascade:
    """AlexNet, GoogLeNet and ResNet-50 for 224 x 224 images of 1,000 classes: the family of Bolukbasi et al., ICML 2017.

    published: use torchvision's weights, downloaded (360 MB) unless they are in its cache; otherwise the weights are random.
    Raises UserError if they cannot be downloaded.
    """
    members = [known_network(name) for name in IMAGENET_FAMILY]
    networks = [known.make(known.published_outputs) for known in members]
    if published:
        for known, network in zip(members, networks, strict=True):
            known.fill(network, fetch(known))
    heads = [Last(known.drop_last_layer(network)) for known, network in zip(members, networks, strict=True)]
    return Cascade([Stage(Published(network), head) for network, head in zip(networks, heads, strict=True)], CascadeKind.FAMILY)
