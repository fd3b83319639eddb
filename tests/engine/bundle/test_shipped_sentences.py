"""The shipped outputs on SST-2 and AG News: all official test texts, none of the texts themselves, and the documented accuracies."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from engine.__main__ import main
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.datasets import DATASETS
from engine.paths import bundles_folder, datasets_folder
from engine.recipes import RECIPES
from engine.splits import Split


@dataclass(frozen=True)
class Expected:
    """tuning: examples in fit and calibration;  accuracy: at least, of the last exit;  policy: loses at most half a point at this budget"""

    name: str
    test: int
    tuning: tuple[int, int]
    accuracy: float
    policy: str
    budget: float


SHIPPED = (
    Expected("sst2-minilm", 1_821, (936, 936), 0.89, "eenet", 0.5),
    Expected("ag-news-minilm", 7_600, (1_500, 1_500), 0.905, "bolukbasi", 0.25),
)


@pytest.fixture(scope="module", params=SHIPPED, ids=lambda expected: expected.name)
def expected(request: pytest.FixtureRequest) -> Expected:
    return request.param


@pytest.fixture(scope="module")
def bundle(expected: Expected) -> Bundle:
    return open_bundle(str(bundles_folder() / expected.name))


def test_it_holds_outputs_on_all_official_test_texts_and_no_text(expected: Expected, bundle: Bundle) -> None:
    outputs = bundle.outputs
    assert outputs.test().examples == expected.test
    assert tuple(outputs.tuning(split).examples for split in (Split.FIT, Split.CALIBRATION)) == expected.tuning
    assert bundle.texts is None and bundle.images is None and bundle.reads_texts
    assert sum(path.stat().st_size for path in (bundles_folder() / expected.name).iterdir()) < 2_000_000


def test_it_was_made_by_its_recipe(expected: Expected, bundle: Bundle) -> None:
    made = RECIPES[expected.name]
    assert bundle.title == made.config.title and bundle.exit_names == ("Exit 1", "Exit 2", "Exit 3", "Exit 4")
    dataset = DATASETS[str(bundle.provenance["dataset"])].build()
    assert bundle.class_names == dataset.class_names
    if (datasets_folder() / "text").is_dir():
        assert bundle.provenance["dataset_digest"] == dataset.digest()


def test_every_text_has_its_own_cost_and_later_exits_are_more_accurate(expected: Expected, bundle: Bundle) -> None:
    test = bundle.outputs.test()
    cost = test.mean_static_cost("macs") / test.full_cost("macs")
    np.testing.assert_allclose(cost, [1 / 6, 2 / 6, 4 / 6, 1], atol=0.01)
    pieces = test.factors["word_pieces"]
    assert len(np.unique(test.cascade_cost("macs")[-1])) == len(np.unique(pieces)) > 30
    accuracy = test.correct.mean(axis=1)
    assert (np.diff(accuracy[:3]) > 0).all() and accuracy[-1] > accuracy.max() - 0.005
    assert accuracy[-1] >= expected.accuracy


def test_a_learned_policy_loses_half_a_point_at_most(expected: Expected, bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(bundles_folder() / expected.name)
    assert main(["sweep", folder, "--policy", expected.policy, "--budgets", str(expected.budget), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (point,) = document["points"]
    assert point["cost"] <= expected.budget + 0.005
    assert point["accuracy"] >= document["full"]["accuracy"] - 0.005
