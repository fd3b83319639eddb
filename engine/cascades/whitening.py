"""A first layer that is computed from the images instead of being trained: it whitens small patches.

After Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498, 2024 (frozen patch whitening, there after David
Page, "How to Train Your ResNet", 2018). Neighbouring pixels are highly correlated, and a network with random kernels first has to learn
to ignore that. The principal directions of all patches, each divided by its standard deviation, give features of equal strength from the
first step. In the code of that work, 21 epochs are then enough instead of 35.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COLOURS, SIDE = 3, 2  # a patch
WHITENED = 2 * COLOURS * SIDE**2  # channels: every direction and its opposite, because the ReLU passes only positive values

#: Added to every variance, so that directions in which images hardly vary, which are noise, are not amplified.
NOISE = 3e-5


class PatchWhitening(nn.Module):
    """Images in [0, 1], (batch, 3, height, width) -> (batch, WHITENED, height - 1, width - 1), at least 0.

    Until `learn` is called, the directions are random. They are saved with the weights, but training does not change them.
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
        """Compute the directions from the patches of these images, (batch, 3, height, width) in [0, 1]."""
        patches = F.unfold(images.cpu(), SIDE).transpose(1, 2).flatten(0, 1).double()  # (patches, 12)
        variances, directions = torch.linalg.eigh(patches.T.cov())  # (12,), (12, 12): one direction per column
        white = (directions / (variances + NOISE).sqrt()).T  # (12, 12): one direction per row
        mean = white @ patches.mean(dim=0)  # (12,)
        self.kernel.copy_(torch.cat((white, -white)).view_as(self.kernel))
        self.bias.copy_(torch.cat((-mean, mean)))


def whiten(network: nn.Module, images: Tensor) -> None:
    """Compute the directions of every whitening layer in the network. images: (batch, 3, height, width) in [0, 1]"""
    for module in network.modules():
        if isinstance(module, PatchWhitening):
            module.learn(images)
