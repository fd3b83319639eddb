"""Bag-of-Features exits on the trunk of the residual network: every exit speaks the same language, so one classifier serves them all.

After Passalis, Raitoharju, Tefas, Gabbouj: "Efficient Adaptive Inference leveraging Bag-of-Features-based Early Exits", MMSP 2020, and
"Efficient adaptive inference for deep convolutional neural networks using hierarchical early exits", Pattern Recognition 105, 2020. Of
these the abstracts were read (additive histogram spaces that refine from exit to exit, reuse of the classification layer). The logistic
form of the similarity is the one on which re-implementations agree; dividing by the number of exits so far is our choice of the two
variants seen, and so is training trunk and exits together.

Each exit k counts how much of each of `words` codewords its feature map holds: a histogram h_k. It has a codebook of its own, of the same
size, so all histograms lie in one space; H_k, the mean of h_1 ... h_k, is what the one linear classifier reads. So an exit adds the
parameters of its codebook and no others. Later exits build on the earlier histograms: these are part of the trunk, and so is their cost.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade, Stage, State
from engine.cascades.resnet import ResNetShape, pieces

EPSILON = 5e-16  # a position that resembles no word at all belongs to none


@dataclass(frozen=True)
class BofShape:
    """trunk: the residual network, whose own heads are not made;  words: codewords a codebook, M;  regions: histograms a side of the map"""

    trunk: ResNetShape
    words: int = 64
    regions: int = 1

    def __post_init__(self) -> None:
        if min(self.words, self.regions) < 1:
            raise ValueError(f"words and regions must be at least 1: {self}")


class Codebook(nn.Module):
    """(batch, channels, height, width) -> histograms (batch, words * regions**2), each region's >= 0 and of sum 1."""

    def __init__(self, channels: int, words: int, regions: int) -> None:
        super().__init__()
        self.words = nn.Conv2d(channels, words, 1)
        self.slope = nn.Parameter(torch.tensor(1.0))
        self.offset = nn.Parameter(torch.tensor(0.0))
        self.regions = regions

    def forward(self, features: Tensor) -> Tensor:
        found = self.words(features)
        found = found.to(torch.promote_types(found.dtype, torch.float32))  # half precision would round the histograms
        # The logistic form, (tanh(z) + 1) / 2, written so that small similarities keep their digits: their ratios are what counts below.
        similar = torch.sigmoid(2 * (self.slope * found + self.offset))
        member = similar / (similar.sum(dim=1, keepdim=True) + EPSILON)
        return F.adaptive_avg_pool2d(member, self.regions).flatten(1)


class Refine(nn.Module):
    """Adds exit k's histogram to the mean of those before: (map, H_{k-1}) -> (map, H_k). The first state is the map alone."""

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
    """The one classifier. State (map, H_k) -> (batch, classes)

    Entries of a histogram are about 1 / words; a learned scale that starts at `words` keeps its gradients alive.
    """

    def __init__(self, shape: BofShape) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(shape.words)))
        self.out = nn.Linear(shape.words * shape.regions**2, shape.trunk.classes)

    def forward(self, state: State) -> Tensor:
        return self.out(self.scale * state[1])


class Reuse(nn.Module):
    """Another exit's classifier once more, without parameters of its own."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self._of = (classifier,)  # in a tuple, torch does not see it: it is counted, moved and saved once, where it belongs

    def forward(self, state: State) -> Tensor:
        return self._of[0](state)


def bof(shape: BofShape) -> Cascade:
    """The network as a chain of stages, for float images (batch, 3, height, width) in [0, 1]. The last exit is one of them."""
    trunk = [
        nn.Sequential(*piece, Refine(Codebook(channels, shape.words, shape.regions), k))
        for k, (piece, channels) in enumerate(pieces(shape.trunk), start=1)
    ]
    classifier = Classifier(shape)
    heads = [classifier, *(Reuse(classifier) for _ in trunk[1:])]
    return Cascade([Stage(piece, head) for piece, head in zip(trunk, heads, strict=True)])
