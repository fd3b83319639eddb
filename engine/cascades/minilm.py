"""MiniLM with exits after some of its layers: a small BERT encoder for texts whose weights are published.

Layers, embeddings and initial weights are those of BERT (Devlin et al., "BERT", NAACL 2019, sections 3 and A.2; Vaswani et al., "Attention
Is All You Need", NeurIPS 2017, section 3.1): places are learned, and the sum of a layer's input and output is normalised. Its six layers
are distilled from a larger encoder (Wang et al., "MiniLM", NeurIPS 2020). An exit takes the mean over the word pieces and has one hidden
layer. There is no dropout: its random numbers would depend on how the batches were made.

As in `engine.cascades.transformer`, a text is its word pieces by number, padded at the end, and padding is masked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import Cascade, Stage, State
from engine.cascades.transformer import mean_over_words
from engine.datasets.base import PADDING
from engine.datasets.minilm_files import WEIGHTS, minilm_file
from engine.errors import UserError

SMALLEST_VARIANCE = 1e-12  # added to every variance in BERT's layer norm
INITIAL_DEVIATION = 0.02  # of random weights


@dataclass(frozen=True)
class MiniLMShape:
    """The shape of an encoder.

    vocabulary: number of word pieces, padding included
    places:     most word pieces of a text
    width:      of a word piece's state
    wide:       width of the feed-forward part
    heads:      of the attention
    layers:     number of layers before each exit, counted from the exit before it
    hidden:     width of the hidden layer of an exit
    """

    classes: int
    vocabulary: int = 30_522
    places: int = 512
    width: int = 384
    wide: int = 1536
    heads: int = 12
    layers: tuple[int, ...] = (1, 1, 2, 2)
    hidden: int = 384


class Embedding(nn.Module):
    """(tokens (batch, words),) -> (states (batch, words, width), whether there is a word (batch, words))"""

    def __init__(self, shape: MiniLMShape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.places, shape.width)
        self.norm = nn.LayerNorm(shape.width, SMALLEST_VARIANCE)

    def forward(self, state: State) -> State:
        (tokens,) = state
        return self.norm(self.words(tokens) + self.places.weight[: tokens.shape[1]]), tokens != PADDING


class Layer(nn.Module):
    """Attention and a feed-forward part; the sum of each and of the state it reads is normalised."""

    def __init__(self, shape: MiniLMShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.read, self.written = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.after_attention = nn.LayerNorm(width, SMALLEST_VARIANCE)
        self.widen, self.narrow = nn.Linear(width, shape.wide), nn.Linear(shape.wide, width)
        self.after_feeding = nn.LayerNorm(width, SMALLEST_VARIANCE)

    def forward(self, state: State) -> State:
        words, present = state
        words = self.after_attention(words + self._attended(words, present))
        return self.after_feeding(words + self.narrow(F.gelu(self.widen(words)))), present

    def _attended(self, words: Tensor, present: Tensor) -> Tensor:
        batch, length, width = words.shape
        split = self.read(words).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind()  # each (batch, heads, words, width / heads)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=present[:, None, None, :])
        return self.written(mixed.transpose(1, 2).reshape(batch, length, width))


class Head(nn.Module):
    """The mean over the words, a hidden layer, and the logits. (states, present) -> (batch, classes)"""

    def __init__(self, shape: MiniLMShape) -> None:
        super().__init__()
        self.hidden = nn.Linear(shape.width, shape.hidden)
        self.logits = nn.Linear(shape.hidden, shape.classes)

    def forward(self, state: State) -> Tensor:
        return self.logits(F.gelu(self.hidden(mean_over_words(*state))))


def minilm(shape: MiniLMShape) -> Cascade:
    """An encoder with random weights. Its input is tokens, (batch, words) int64."""
    stages = []
    for exit, count in enumerate(shape.layers):
        trunk = [*([Embedding(shape)] if exit == 0 else []), *(Layer(shape) for _ in range(count))]
        stages.append(Stage(nn.Sequential(*trunk), Head(shape)))
    for module in (module for stage in stages for module in stage.trunk.modules()):
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=INITIAL_DEVIATION)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    return Cascade(stages)


def published_minilm(shape: MiniLMShape) -> Cascade:
    """An encoder whose trunk has the published weights; its heads are random. Raises UserError if the package is not installed."""
    cascade = minilm(shape)
    load_published(cascade, minilm_file(WEIGHTS))
    return cascade


def load_published(cascade: Cascade, path: Path) -> None:
    """Load the weights of a BERT encoder with as many layers from a safetensors file. Raises UserError if they do not fit."""
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read as a safetensors file ({error}); install its package again.") from error
    modules = [module for stage in cascade.stages for module in stage.trunk.children()]
    embedding, *layers = modules
    try:
        embedding.load_state_dict(_of_embedding(tensors))
        for number, layer in enumerate(layers):
            layer.load_state_dict(_of_layer(tensors, f"encoder.layer.{number}."))
        more = f"encoder.layer.{len(layers)}.output.dense.weight" in tensors
    except (KeyError, RuntimeError) as error:
        raise UserError(f"{path} does not hold the weights of this encoder ({_first_line(error)}); install its package again.") from error
    if more:
        raise UserError(f"{path} holds the weights of an encoder with more than {len(layers)} layers; install its package again.")


def _of_embedding(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Texts are single, so the embedding of the first of two segments is part of every place."""
    first = tensors["embeddings.token_type_embeddings.weight"][0]
    return {
        "words.weight": tensors["embeddings.word_embeddings.weight"],
        "places.weight": tensors["embeddings.position_embeddings.weight"] + first,
        "norm.weight": tensors["embeddings.LayerNorm.weight"],
        "norm.bias": tensors["embeddings.LayerNorm.bias"],
    }


#: Our name of each module of a layer, and BERT's; `read` is three of BERT's.
_MODULES = {
    "written": "attention.output.dense",
    "after_attention": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "after_feeding": "output.LayerNorm",
}


def _of_layer(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    state = {}
    for kind in ("weight", "bias"):
        state |= {f"{ours}.{kind}": tensors[f"{prefix}{theirs}.{kind}"] for ours, theirs in _MODULES.items()}
        state[f"read.{kind}"] = torch.cat([tensors[f"{prefix}attention.self.{part}.{kind}"] for part in ("query", "key", "value")])
    return state


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
