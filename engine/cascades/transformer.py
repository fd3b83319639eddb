"""A transformer encoder for texts, with exits after some of its layers.

Layers are normalised before attention and before the feed-forward part (Xiong et al., "On Layer Normalization in the Transformer
Architecture", ICML 2020, section 3), so that every exit reads a sum that later layers only add to. Attention sees how far apart words are:
queries and keys are rotated by their places (Su et al., "RoFormer", arXiv 2104.09864, 2021, section 3.2). An exit takes the mean over the
words of its normalised input, and has one hidden layer. There is no dropout: its random numbers would depend on how the batches were made.

A text is its words by number, padded at the end. Padding is masked: it takes no part in attention or in a mean, so a text has the same
logits in any batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade, Stage, State
from engine.datasets.base import PADDING

ROTATION = 100.0  # ratio of the fastest rotation to the slowest; texts are short


@dataclass(frozen=True)
class TransformerShape:
    """The shape of an encoder.

    vocabulary: number of tokens, padding included
    width:      of a word's state
    heads:      of the attention
    widening:   of the feed-forward part, as a multiple of the width
    layers:     number of layers before each exit, counted from the exit before it
    hidden:     width of the hidden layer of an exit
    """

    classes: int
    vocabulary: int
    width: int = 96
    heads: int = 4
    widening: int = 4
    layers: tuple[int, ...] = (1, 1, 1, 1)
    hidden: int = 96


class Embedding(nn.Module):
    """(tokens (batch, words),) -> (states (batch, words, width), whether there is a word (batch, words))"""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.vocabulary, shape.width)

    def forward(self, state: State) -> State:
        (tokens,) = state
        return self.words(tokens), tokens != PADDING


class Layer(nn.Module):
    """Attention and a feed-forward part, each added to the state it reads."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        width, wide = shape.width, shape.width * shape.widening
        self.heads = shape.heads
        self.before_attention, self.before_feeding = nn.LayerNorm(width), nn.LayerNorm(width)
        self.read, self.written = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, wide), nn.Linear(wide, width)

    def forward(self, state: State) -> State:
        words, present = state
        words = words + self._attended(self.before_attention(words), present)
        return words + self.narrow(F.gelu(self.widen(self.before_feeding(words)))), present

    def _attended(self, words: Tensor, present: Tensor) -> Tensor:
        batch, length, width = words.shape
        split = self.read(words).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind()  # each (batch, heads, words, width / heads)
        query, key = rotated(torch.stack((query, key))).unbind()
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=present[:, None, None, :])
        return self.written(mixed.transpose(1, 2).reshape(batch, length, width))


def rotated(features: Tensor) -> Tensor:
    """Pairs of features turned by angles that grow with the word's place, at another speed for each pair. (..., words, features)"""
    length, half = features.shape[-2], features.shape[-1] // 2
    speeds = ROTATION ** -(torch.arange(half, device=features.device) / half)
    angles = torch.arange(length, device=features.device)[:, None] * speeds  # (words, pairs)
    one, other = features.unflatten(-1, (2, half)).unbind(-2)
    cosine, sine = angles.cos().to(features.dtype), angles.sin().to(features.dtype)
    return torch.cat((one * cosine - other * sine, one * sine + other * cosine), dim=-1)


class Head(nn.Module):
    """The mean over the words, a hidden layer, and the logits. (states, present) -> (batch, classes)"""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.width)
        self.hidden = nn.Linear(shape.width, shape.hidden)
        self.logits = nn.Linear(shape.hidden, shape.classes)

    def forward(self, state: State) -> Tensor:
        words, present = state
        return self.logits(F.gelu(self.hidden(mean_over_words(self.norm(words), present))))


def mean_over_words(words: Tensor, present: Tensor) -> Tensor:
    """The mean over the words of each text, without padding. (batch, words, width), (batch, words) -> (batch, width)"""
    there = present[:, :, None].to(words.dtype)
    return (words * there).sum(dim=1) / there.sum(dim=1)


def transformer(shape: TransformerShape) -> Cascade:
    """An untrained encoder. Its input is tokens, (batch, words) int64."""
    stages = []
    for place, count in enumerate(shape.layers):
        trunk = [*([Embedding(shape)] if place == 0 else []), *(Layer(shape) for _ in range(count))]
        stages.append(Stage(nn.Sequential(*trunk), Head(shape)))
    return Cascade(stages)
