"""The shipped scenes: small, made from the weights beside them, and an example of confidence that does not tell the gain."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.gain import expectation, mix_at
from engine.analysis.intervals import paired_interval
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.datasets.scenes import CLASS_NAMES, Scenes
from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY
from engine.paths import bundles_folder
from engine.policies import POLICIES
from engine.policies.core.base import Rule
from engine.recipes import recipe, weights_path
from engine.runtime.executor import execute
from engine.runtime.trained import trained_network
from engine.storage.files import sha256_of
from engine.sweep import run_sweep

BUDGETS = [0.3, 0.5, 0.7]


@pytest.fixture(scope="module")
def scenes() -> Bundle:
    return open_bundle(str(bundles_folder() / "scenes"))


def test_it_is_small_and_made_from_the_weights_beside_it(scenes: Bundle) -> None:
    weights = weights_path("scenes")
    assert weights.stat().st_size < 1e6 and sum(path.stat().st_size for path in (bundles_folder() / "scenes").iterdir()) < 3e6
    assert scenes.provenance["weights_sha256"] == sha256_of(weights) and scenes.provenance["dataset_digest"] == Scenes().digest()
    assert scenes.class_names == CLASS_NAMES and scenes.outputs.qualities.keys() == {MEAN_IOU, PIXEL_ACCURACY}


def test_every_test_picture_has_its_masks_and_they_give_the_recorded_overlap(scenes: Bundle) -> None:
    outputs, masks, images = scenes.outputs.test(), scenes.masks, scenes.images
    assert masks is not None and images is not None and outputs.overlap is not None
    assert masks.ids == outputs.ids.tolist() and all(id in images for id in masks.ids)
    true = Scenes().take(outputs.ids[:5]).masks
    for row in range(5):
        of_example = masks[int(outputs.ids[row])]
        np.testing.assert_array_equal(of_example.truth, true[row])
        both = (of_example.exits == of_example.truth) & (of_example.truth == 1)
        assert both.sum(axis=(1, 2)).tolist() == outputs.overlap.intersection[:, row, 1].tolist()


@pytest.mark.parametrize("name", [MEAN_IOU, PIXEL_ACCURACY])
def test_quality_rises_with_depth(scenes: Bundle, name: str) -> None:
    quality = scenes.outputs.with_quality(name).test().quality
    for shallow, deep in zip(quality[:-1], quality[1:], strict=True):
        assert paired_interval(deep, shallow).low > 0


@pytest.fixture(scope="module")
def rules(scenes: Bundle) -> dict[str, Sequence[Rule]]:
    """Of learned gates and of a threshold on the mean confidence, at BUDGETS."""
    return {name: run_sweep(POLICIES[name], scenes.outputs, BUDGETS).rules for name in ("bolukbasi", "single_threshold")}


@pytest.mark.parametrize("place", range(len(BUDGETS)))
def test_confidence_is_not_gain_but_gates_learn_it(scenes: Bundle, rules: dict[str, Sequence[Rule]], place: int) -> None:
    """Each is compared with the random mix at the cost that it really spends on the test pictures."""
    test = scenes.outputs.test()
    gains = {}
    for name, at_budgets in rules.items():
        own = expectation(at_budgets[place], test, "macs")
        mix, slope = mix_at(scenes.outputs, test, "macs", float(own.cost.mean()))
        assert own.cost.mean() == pytest.approx(BUDGETS[place], abs=0.03)
        gains[name] = paired_interval(own.quality - slope * own.cost, mix.quality - slope * mix.cost)
    assert gains["bolukbasi"].low > 0 and gains["single_threshold"].high < 0


def test_the_executor_takes_the_recorded_routes(scenes: Bundle, rules: dict[str, Sequence[Rule]]) -> None:
    some = scenes.outputs.test().take(np.arange(40))
    cascade, data = trained_network(recipe("scenes"), torch.device("cpu")), Scenes(workers=1)
    assert scenes.masks is not None
    rule = rules["bolukbasi"][BUDGETS.index(0.5)]
    masks: dict[int, NDArray[np.uint8]] = {}
    executed = execute(
        cascade,
        rule,
        some.ids,
        lambda ids: data.take(ids).pixels,
        batch_size=16,
        receive_masks=lambda ids, left: masks.update(zip(ids.tolist(), left, strict=True)),
    )
    simulated = rule.route(some)
    assert len(np.unique(simulated.exit)) > 1
    np.testing.assert_array_equal(executed.exit, simulated.exit)
    recorded = np.stack([scenes.masks[id].exits[exit] for id, exit in zip(some.ids.tolist(), executed.exit, strict=True)])
    assert (np.stack([masks[id] for id in some.ids.tolist()]) != recorded).mean() < 1e-3
