"""Families: separate networks, small to large, for network selection. None needs what another computed, and any may be skipped.

Trained together, on the same batches, members stay strangers: they share no parameter, and the loss is a sum of their losses.
Only distillation joins them: then the smaller ones also learn from what the largest says.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision import models

from engine.cascades.base import Cascade, Kind, Stage, State
from engine.cascades.resnet import ResNetShape, resnet
from engine.errors import UserError


def resnet_family(shapes: Sequence[ResNetShape]) -> Cascade:
    """Residual networks without early exits, in the order given, which should be from cheap to dear."""
    if any(shape.exits for shape in shapes):
        raise ValueError("a family's members have no early exits")
    return Cascade([resnet(shape).stages[0] for shape in shapes], Kind.FAMILY)


class Published(nn.Module):
    """One of torchvision's ImageNet networks without its last layer: (images,) in [0, 1] -> (features,) (batch, features)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def forward(self, state: State) -> State:
        (images,) = state
        return (self.network((images - self.mean) / self.deviation),)


class Last(nn.Module):
    """A network's own last layer as an exit: State -> (batch, classes)."""

    def __init__(self, out: nn.Linear) -> None:
        super().__init__()
        self.out = out

    def forward(self, state: State) -> Tensor:
        return self.out(state[0])


def imagenet_family(published: bool = False) -> Cascade:
    """AlexNet, GoogLeNet, ResNet-50 for 224 x 224 pictures of 1,000 classes: the family of Bolukbasi et al., ICML 2017.

    published: fetch torchvision's weights (360 MB) unless they are in its cache; else the weights are random.
    Raises UserError if they cannot be fetched.
    """
    try:
        alexnet = models.alexnet(weights=models.AlexNet_Weights.IMAGENET1K_V1 if published else None)
        # init_weights is slow, and its values are replaced anyway. The two side exits, which only help training, are left out:
        # with weights torchvision does that by itself, and would not be told to.
        own = {"weights": models.GoogLeNet_Weights.IMAGENET1K_V1} if published else {"aux_logits": False}
        googlenet = models.googlenet(transform_input=True, init_weights=False, **own)
        resnet50 = models.resnet50(weights=models.ResNet50_Weights.IMAGENET1K_V1 if published else None)
    except (OSError, RuntimeError) as error:  # no network, no room, or not the published bytes
        reason = getattr(error, "reason", error)
        raise UserError(
            f"torchvision's ImageNet weights could not be downloaded ({reason}); connect to the internet and try again."
        ) from error
    heads = [alexnet.classifier[-1], googlenet.fc, resnet50.fc]
    alexnet.classifier[-1], googlenet.fc, resnet50.fc = nn.Identity(), nn.Identity(), nn.Identity()
    networks = (alexnet, googlenet, resnet50)
    return Cascade([Stage(Published(network), Last(head)) for network, head in zip(networks, heads, strict=True)], Kind.FAMILY)
