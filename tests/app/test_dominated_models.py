"""Models that an import left out are read from the provenance, which others may have written."""

from dataclasses import replace
from typing import Any

import pytest

from app.dominated_models import MOST, dominated_models
from engine.bundle.bundle import Bundle
from engine.splits import Split
from tests.browser.logs import import_log


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return import_log(tmp_path_factory.mktemp("log"), "missing-cells")


def listing(bundle: Bundle, dominated: Any) -> Bundle:
    return replace(bundle, provenance={**bundle.provenance, "dominated": dominated})


def test_they_cost_more_than_the_best_single_model_and_are_no_better(bundle: Bundle) -> None:
    [model] = dominated_models(bundle, "price")
    calibration = bundle.outputs.part(Split.CALIBRATION)
    assert model.name == "worse" and model.name not in bundle.exit_names
    assert model.cost == pytest.approx(bundle.provenance["dominated"][0]["cost"]["price"] / calibration.full_cost("price"))
    assert model.cost > 1 and model.quality < calibration.quality[calibration.full].mean()


@pytest.mark.parametrize(
    "listed",
    [
        "worse",
        ["worse"],
        [{"name": 3, "cost": {"price": 9.0}, "quality": 0.5}],
        [{"name": "worse", "cost": 9.0, "quality": 0.5}],
        [{"name": "worse", "cost": {"usd": 9.0}, "quality": 0.5}],
        *([{"name": "worse", "cost": {"price": cost}, "quality": 0.5}] for cost in (-1.0, float("nan"), float("inf"), "9")),
        *([{"name": "worse", "cost": {"price": 9.0}, "quality": quality}] for quality in (-0.1, 1.1, float("nan"), None)),
    ],
)
def test_what_is_not_as_an_import_writes_it_is_passed_over(bundle: Bundle, listed: Any) -> None:
    assert dominated_models(listing(bundle, listed), "price") == []


def test_names_are_printable_and_the_list_is_short(bundle: Bundle) -> None:
    listed = [{"name": f"{k}\x00\u202e", "cost": {"price": 9.0}, "quality": 0.5} for k in range(MOST + 5)]
    models = dominated_models(listing(bundle, listed), "price")
    assert len(models) == MOST and all(model.name.isprintable() for model in models)
