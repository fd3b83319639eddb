"""An extension (engine.extensions): the recipe `slow-dots`, whose data set notes in a file what is read by whom, and can be slow.

Workers of a cluster load it too, so it stands by itself. The environment variable SLOW_DOTS names the file: a line "PID FIRST_ID" for
every block of examples that is read.
"""

import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.cascades.base import Cascade, Stage
from engine.datasets.base import Images
from engine.recipes import Recipe, RecipeConfig, Training, register
from engine.splits import BUNDLE_SPLITS, Split

CLASSES, PER_SPLIT = 3, 60


def notes() -> Path:
    return Path(os.environ["OFFRAMP_DATA"]) / "notes.txt"


class SlowDots:
    """Coloured noise that depends only on the id of the example."""

    name, class_names, image_size, shippable = "slow-dots", ("red", "green", "blue"), (8, 8), True

    def ids(self, split):
        start = 1000 * [Split.TRAIN, *BUNDLE_SPLITS].index(split)
        return np.arange(start, start + PER_SPLIT)

    def take(self, ids):
        with open(notes(), "a") as file:
            file.write(f"{os.getpid()} {ids[0]}\n")
        pause = notes().with_name("pause.txt")  # seconds
        if pause.is_file():
            time.sleep(float(pause.read_text()))
        deadly = notes().with_name("deadly.txt")  # an example whose block ends the process
        if deadly.is_file() and int(deadly.read_text()) in ids:
            os._exit(1)
        labels = (ids * 5 % CLASSES).astype(np.int64)
        pixels = np.stack([np.random.default_rng(int(id)).integers(0, 150, (8, 8, 3), dtype=np.uint8) for id in ids])
        pixels[np.arange(len(ids)), :, :, labels] += 60
        return Images(pixels, labels, {"fog": (ids % 7).astype(np.float32)})

    def digest(self):
        return "slow-dots-1"


class Trunk(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, state):
        return (torch.relu(self.convolution(state[0])),)


class Head(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.out = nn.Linear(inputs, CLASSES)

    def forward(self, state):
        return self.out(state[0].mean(dim=(2, 3)))


def cascade() -> Cascade:
    return Cascade([Stage(Trunk(3, 4), Head(4)), Stage(Trunk(4, 6), Head(6)), Stage(Trunk(6, 8), Head(8))])


@register
def slow_dots() -> Recipe:
    return Recipe(RecipeConfig("slow-dots", "Slow dots", "Dots that take their time.", Training(epochs=1)), SlowDots, cascade)
