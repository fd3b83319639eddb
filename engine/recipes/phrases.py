"""The texts that come with Offramp, written by its own grammar, and their network."""

from typing import TYPE_CHECKING

from engine.datasets import DATASETS
from engine.recipes.catalogue import Recipe, RecipeConfig, Training, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade


def _transformer() -> "Cascade":
    from engine.cascades.transformer import TransformerShape, transformer
    from engine.datasets.phrases import Phrases

    data = Phrases()
    return transformer(TransformerShape(len(data.class_names), data.vocabulary, width=96, layers=(1, 1, 2)))


@register
def phrases() -> Recipe:
    config = RecipeConfig(
        name="phrases",
        title="Phrases, transformer encoder",
        description="A small transformer encoder with exits after layers 1, 2 and 4, on short reviews that praise one of five things.",
        training=Training(epochs=5, batch_size=128, learning_rate=2e-3, average=0.99),
    )
    return Recipe(config, DATASETS["phrases"].build, cascade=_transformer)
