"""The pictures with masks that come with Offramp, drawn by its own code, and their network."""

from typing import TYPE_CHECKING

from engine.datasets import DATASETS
from engine.recipes.catalogue import Recipe, RecipeConfig, Training, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade


def _segmenter() -> "Cascade":
    from engine.cascades.segmenter import SegmenterShape, segmenter

    return segmenter(SegmenterShape(DATASETS["scenes"].classes))


@register
def scenes() -> Recipe:
    config = RecipeConfig(
        name="scenes",
        title="Scenes, encoder-decoder",
        description="A small encoder-decoder with four exits, each of which gives the kind of thing at every pixel of a 64x64 drawing.",
        training=Training(epochs=20, batch_size=64, label_smoothing=0.0, validation=1000),
    )
    return Recipe(config, DATASETS["scenes"].build, cascade=_segmenter)
