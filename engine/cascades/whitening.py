"""A first layer that is worked out from the pictures instead of being learned: it whitens small patches.

After Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498, 2024 (frozen patch-whitening, there after David
Page, "How to Train Your ResNet", 2018). Neighbouring pixels say nearly the same, and a network that begins with random kernels first has
to learn to look past that. The principal directions of all patches, each divided by its standard deviation, give features of equal
strength from the first step; in the code of that work 21 epochs then do what took 35.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COLOURS, SIDE = 3, 2  # a patch
WHITENED = 2 * COLOURS * SIDE**2  # channels: every direction, and every direction reversed, for only what is above 0 is handed on

#: Directions in which pictures hardly vary are noise, so a small variance is taken for a little more.
NOISE = 3e-5


class PatchWhitening(nn.Module):
    """Pictures in [0, 1], (batch, 3, height, width), -> (batch, WHITENED, height - 1, width - 1), at least 0.

    Until `learn` is called, the directions are random. They are kept with the weights, but training leaves them alone.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        half = nn.init.orthogonal_(torch.empty(WHITENED // 2, COLOURS * SIDE**2)).view(-1, COLOURS, SIDE, SIDE)
        self.register_buffer("kernel", torch.cat((half, -half)))
        self.bias = nn.Parameter(torch.zeros(WHITENED))

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(F.conv2d(images, self.kernel, self.bias))

    @torch.no_grad()
    def learn(self, images: Tensor) -> None:
        """Take the directions from the patches of these pictures, (batch, 3, height, width) in [0, 1]."""
        patches = F.unfold(images.cpu(), SIDE).transpose(1, 2).flatten(0, 1).double()  # (patches, 12)
        variances, directions = torch.linalg.eigh(patches.T.cov())  # (12,), (12, 12): a direction a column
        white = (directions / (variances + NOISE).sqrt()).T  # (12, 12): a direction a row
        middle = white @ patches.mean(dim=0)  # (12,)
        self.kernel.copy_(torch.cat((white, -white)).view_as(self.kernel))
        self.bias.copy_(torch.cat((-middle, middle)))


def whiten(network: nn.Module, images: Tensor) -> None:
    """Let every layer of this kind in the network learn its directions. images: (batch, 3, height, width) in [0, 1]"""
    for module in network.modules():
        if isinstance(module, PatchWhitening):
            module.learn(images)
