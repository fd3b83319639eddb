"""An extension: the recipe `generated`, on as many examples as GENERATED_EXAMPLES says. Its network costs little."""

import os

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.cascades.base import Cascade, Stage
from engine.datasets.base import Images
from engine.recipes import Recipe, RecipeConfig, Training, register
from engine.splits import Split

CLASSES, SIDE = 10, 4


class Generated:
    """Noise with a trace of the class. An image depends only on its id."""

    name, class_names, image_size, shippable = "generated", tuple("0123456789"), (SIDE, SIDE), False

    def ids(self, split: Split) -> NDArray[np.int64]:
        """A quarter fit, a quarter calibration, and half test examples."""
        examples = int(os.environ["GENERATED_EXAMPLES"])
        ends = {Split.FIT: (0, examples // 4), Split.CALIBRATION: (examples // 4, examples // 2), Split.TEST: (examples // 2, examples)}
        return np.arange(*ends[split])

    def take(self, ids: NDArray[np.int64]) -> Images:
        mixed = ids.astype(np.uint64)[:, None] * np.uint64(0x9E3779B97F4A7C15) + np.arange(SIDE * SIDE * 3, dtype=np.uint64)
        pixels = ((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) >> np.uint64(56)).astype(np.uint8)
        labels = (pixels[:, 0] // 26).astype(np.int64)
        return Images(pixels.reshape(-1, SIDE, SIDE, 3), labels)

    def digest(self) -> str:
        return f"generated-{os.environ['GENERATED_EXAMPLES']}"


class Trunk(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (torch.relu(self.linear(state[0].flatten(1))),)


class Head(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.out = nn.Linear(inputs, CLASSES)

    def forward(self, state: tuple[Tensor, ...]) -> Tensor:
        return self.out(state[0])


def cascade() -> Cascade:
    widths = [SIDE * SIDE * 3, 16, 16, 16]
    return Cascade([Stage(Trunk(before, after), Head(after)) for before, after in zip(widths, widths[1:], strict=False)])


@register
def generated() -> Recipe:
    return Recipe(RecipeConfig("generated", "Generated", "Examples of almost no cost.", Training(epochs=1)), Generated, cascade)
