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


@register
def camvid() -> Recipe:
    data = DATASETS["camvid"]
    config = RecipeConfig(
        name="camvid",
        title="CamVid, encoder-decoder",
        description="An encoder-decoder with four exits, each of which gives the class of every pixel of a frame that a car's camera took.",
        training=Training(epochs=75, batch_size=8, label_smoothing=0.0, shift=12, jitter=0.2, validation=15),
    )
    return Recipe(config, data.build, cascade=partial(_segmenter, data.classes))


@register
def cityscapes() -> Recipe:
    data = DATASETS["cityscapes"]
    config = RecipeConfig(
        name="cityscapes",
        title="Cityscapes, encoder-decoder",
        description="The network of camvid on Cityscapes, which must be in the folder of the data sets.",
        training=Training(epochs=40, batch_size=16, label_smoothing=0.0, shift=24, jitter=0.2, validation=200),
    )
    return Recipe(config, data.build, cascade=partial(_segmenter, data.classes))
