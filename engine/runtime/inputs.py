"""Inputs in the form that networks expect: images as numbers from 0 to 1, texts without needless padding."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.datasets.base import PADDING

#: Pixels (examples, height, width, 3) uint8, or tokens (examples, words) int32.
Inputs = NDArray[np.uint8] | NDArray[np.int32]
#: What the cost of an example depends on: (height, width) of an image, (words,) of a text.
Size = tuple[int, ...]


def to_tensor(inputs: Inputs | Tensor, device: torch.device | str | None = None) -> Tensor:
    """A batch as a network takes it.

    Pixels (batch, height, width, 3) uint8 -> float images (batch, 3, height, width) in [0, 1], channels_last without a copy;
    tokens (batch, words) -> (batch, words) int64, with as many words as the longest text of the batch has

    device: the device of the result, by default that of the inputs
    """
    given = torch.as_tensor(inputs)
    if are_texts(given):
        longest = int(lengths(given).max())
        return given[:, :longest].to(device or given.device, torch.int64, non_blocking=True)
    images = given if device is None else given.to(device, non_blocking=True)
    return images.permute(0, 3, 1, 2).float() / 255


def are_texts(inputs: Inputs | Tensor) -> bool:
    return inputs.ndim == 2


def lengths(tokens: Tensor) -> Tensor:
    """The words of each text, (batch, words) -> (batch,) int64"""
    return (tokens != PADDING).sum(dim=1)


def sizes(inputs: Inputs) -> list[Size]:
    """The size of each example."""
    if are_texts(inputs):
        return [(words,) for words in (inputs != PADDING).sum(axis=1).tolist()]
    return [inputs.shape[1:3]] * len(inputs)


def largest_size(inputs: Inputs) -> Size:
    return max(sizes(inputs))


def by_length(inputs: Inputs) -> NDArray[np.int64]:
    """An order in which neighbours are of like length, so that batches need little padding; images stay as they are. (examples,)"""
    if are_texts(inputs):
        return np.argsort((inputs != PADDING).sum(axis=1), kind="stable")
    return np.arange(len(inputs))
