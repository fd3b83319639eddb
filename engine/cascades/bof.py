"""Bag-of-Features exits on the trunk of the residual network: all exits produce histograms in one space and share one classifier.

After Passalis, Raitoharju, Gabbouj, Tefas: "Efficient Adaptive Inference leveraging Bag-of-Features-based Early Exits", MMSP 2020, and
Passalis, Raitoharju, Tefas, Gabbouj: "Efficient adaptive inference for deep convolutional neural networks using hierarchical early exits",
Pattern Recognition 105, 2020. Read in the abstracts: additive histogram spaces that are refined from exit to exit, and reuse of the
classification layer. The logistic form of the similarity is the one on which re-implementations agree. Dividing by the number of exits so
far is our choice of the two variants seen, and so is training the trunk and the exits together.

Exit k measures how much its feature map contains of each of `words` codewords: a histogram h_k. Each exit has its own codebook, all of the
same size, so all histograms are in one space. The shared linear classifier reads H_k, the mean of h_1 ... h_k, so an exit adds only the
parameters of its codebook. Later exits build on the earlier histograms, which are therefore part of the trunk, and so is their cost.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade, Stage, State
from engine.cascades.resnet import ResNetShape, pieces

EPSILON = 5e-16  # a position that resembles no codeword at all is assigned to none


@dataclass(frozen=True)
class BofShape:
    """trunk: the residual network, built without its heads;  words: codewords per codebook, M;  regions: histograms per side of the map"""

    trunk: ResNetShape
    words: int = 64
    regions: int = 1

    def __post_init__(self) -> None:
        if min(self.words, self.regions) < 1:
            raise ValueError(f"words and regions must each be at least 1: {self}")


class Codebook(nn.Module):
    """(batch, channels, height, width) -> histograms (batch, words * regions**2); in each region, entries are >= 0 and sum to 1."""

    def __init__(self, channels: int, words: int, regions: int) -> None:
        super().__init__()
        self.words = nn.Conv2d(channels, words, 1)
        self.slope = nn.Parameter(torch.tensor(1.0))
        self.offset = nn.Parameter(torch.tensor(0.0))
        self.regions = regions

    def forward(self, features: Tensor) -> Tensor:
        products = self.words(features)
        products = products.to(torch.promote_types(products.dtype, torch.float32))  # half precision would round the histograms
        # The logistic form, (tanh(z) + 1) / 2, written so that small similarities keep their digits: only their ratios matter below.
        similarity = torch.sigmoid(2 * (self.slope * products + self.offset))
        membership = similarity / (similarity.sum(dim=1, keepdim=True) + EPSILON)
        return F.adaptive_avg_pool2d(membership, self.regions).flatten(1)


class Refine(nn.Module):
    """Adds exit k's histogram to the mean of the earlier ones: (map, H_{k-1}) -> (map, H_k). The first state is only the map."""

    def __init__(self, codebook: Codebook, k: int) -> None:
        super().__init__()
        self.codebook = codebook
        self.k = k

    def forward(self, state: State) -> State:
        features, *before = state
        histogram = self.codebook(features)
        if before:
            histogram = before[0] + (histogram - before[0]) / self.k
        return features, histogram


class Classifier(nn.Module):
    """The shared classifier. State (map, H_k) -> (batch, classes)

    Histogram entries are about 1 / words. A learned scale that starts at `words` keeps the gradients from vanishing.
    """

    def __init__(self, shape: BofShape) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(shape.words)))
        self.out = nn.Linear(shape.words * shape.regions**2, shape.trunk.classes)

    def forward(self, state: State) -> Tensor:
        return self.out(self.scale * state[1])


class Reuse(nn.Module):
    """Another exit's classifier, reused without parameters of its own."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self._of = (classifier,)  # torch does not look into tuples: the classifier is counted, moved and saved once, by its owner

    def forward(self, state: State) -> Tensor:
        return self._of[0](state)


def bof(shape: BofShape) -> Cascade:
    """The network as a chain of stages, for float images (batch, 3, height, width) in [0, 1]. The last exit is a histogram exit too."""
    trunk = [
        nn.Sequential(*piece, Refine(Codebook(channels, shape.words, shape.regions), k))
        for k, (piece, channels) in enumerate(pieces(shape.trunk), start=1)
    ]
    classifier = Classifier(shape)
    heads = [classifier, *(Reuse(classifier) for _ in trunk[1:])]
    return Cascade([Stage(piece, head) for piece, head in zip(trunk, heads, strict=True)])
