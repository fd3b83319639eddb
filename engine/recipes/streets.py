"""Segmentation of what a camera in a car sees: CamVid and Cityscapes, and an encoder-decoder that is larger than the one for scenes."""

from functools import partial
from typing import TYPE_CHECKING

from engine.datasets import DATASETS
from engine.recipes.catalogue import Recipe, RecipeConfig, Training, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade


def _segmenter(classes: int) -> "Cascade":
    from engine.cascades.segmenter import SegmenterShape, segmenter

    return segmenter(SegmenterShape(classes, half=36, quarter=64, eighth=96, sixteenth=96))


def _recipe(name: str, title: str, description: str, training: Training) -> Recipe:
    data = DATASETS[name]
    config = RecipeConfig(name=name, title=f"{title}, encoder-decoder", description=description, training=training)
    return Recipe(config, data.build, cascade=partial(_segmenter, data.classes))


@register
def camvid() -> Recipe:
    return _recipe(
        "camvid",
        "CamVid",
        "An encoder-decoder with four exits, each of which gives the class of every pixel of a frame that a car's camera took.",
        Training(epochs=75, batch_size=8, label_smoothing=0.0, shift=12, jitter=0.2, validation=15),
    )


@register
def cityscapes() -> Recipe:
    return _recipe(
        "cityscapes",
        "Cityscapes",
        "The network of camvid on Cityscapes, which must be in the folder of the data sets.",
        Training(epochs=40, batch_size=16, label_smoothing=0.0, shift=24, jitter=0.2, validation=200),
    )
