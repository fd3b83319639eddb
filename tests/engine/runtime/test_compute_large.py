"""Runs over many examples: the large bundle holds what the usual one would, whatever kind of example it is."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.bundle import large
from engine.bundle.bundle import Bundle, read_bundle
from engine.outputs import Outputs
from engine.recipes import catalogue, weights_path
from engine.runtime import compute as computing
from engine.runtime.compute import compute
from engine.runtime.weights import save_weights
from engine.splits import Split
from tests.engine.runtime import test_compute as dots
from tests.engine.runtime import test_masks as spots
from tests.engine.runtime import test_texts as tales

SHARD = 20


def named(name: str) -> None:
    """Register a recipe and write weights of its network."""
    recipe = {"dots": None, "spots": spots.RECIPE, "tales": tales.RECIPE}[name]
    if recipe is None:
        return dots.set_up()
    catalogue._recipes[name] = recipe
    torch.manual_seed(0)
    save_weights(recipe.cascade(), weights_path(name), name, {"by": "a test"})


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Bundle, Bundle]]:
    """The usual bundle of a recipe, and the large one."""
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))

    def made(name: str) -> tuple[Bundle, Bundle]:
        monkeypatch.setitem(catalogue._recipes, name, None)  # restored afterwards
        named(name)
        monkeypatch.setattr(computing, "SHARD", SHARD)
        usual = read_bundle(compute(name, "cpu"))
        with monkeypatch.context() as patch:
            patch.setattr(large, "MOST_TUNING", 12)
            patch.setattr(large, "MOST_SHOWN", 8)
            patch.setattr(large, "SHARD", 32)
            return usual, read_bundle(compute(name, "cpu", out=tmp_path / "large" / name))

    return made


def assert_same(one: Outputs, other: Outputs) -> None:
    """Every array, to the last bit."""
    for name in ("prediction", "labels", "ids", "split", "judged", "logits"):
        values, expected = getattr(one, name), getattr(other, name)
        assert (values is None) == (expected is None), name
        assert values is None or (values.dtype == expected.dtype and np.array_equal(values, expected)), name
    for name in ("scores", "factors", "features", "qualities", "stage_cost"):
        assert getattr(one, name).keys() == getattr(other, name).keys()
        for key, values in getattr(one, name).items():
            assert np.array_equal(values, getattr(other, name)[key]), (name, key)


@pytest.mark.parametrize("name", ["dots", "spots", "tales"])
def test_a_large_bundle_holds_what_the_usual_one_does(name: str, both: Callable[[str], tuple[Bundle, Bundle]]) -> None:
    usual, many = both(name)
    assert usual.whole is None and many.whole is not None
    assert many.examples == usual.examples > many.outputs.examples
    many.whole.check()
    start = 0
    for shard in many.whole.shards():
        assert_same(shard, usual.outputs.take(slice(start, start + shard.examples)))
        start += shard.examples
    assert start == usual.examples
    at = {id: row for row, id in enumerate(usual.outputs.ids.tolist())}
    rows = np.array([at[id] for id in many.outputs.ids.tolist()])
    assert_same(many.outputs, usual.outputs.take(rows))
    assert np.array_equal(many.top.classes, usual.top.classes[:, rows])
    if usual.texts is not None:
        assert many.texts.tolist() == usual.texts[rows].tolist()
    for seen, all_seen in ((many.images, usual.images), (many.masks, usual.masks)):
        assert (seen is None) == (all_seen is None)
        if seen is not None:
            tests = many.outputs.ids[many.outputs.split == Split.TEST].tolist()
            assert len(seen) == len(tests) == 8
    if usual.images is not None:
        assert all(many.images[id] == usual.images[id] for id in many.outputs.test().ids.tolist())
    if usual.masks is not None:
        for id in many.outputs.test().ids.tolist():
            assert np.array_equal(many.masks[id].truth, usual.masks[id].truth) and np.array_equal(
                many.masks[id].exits, usual.masks[id].exits
            )


def test_half_precision_is_decided_by_all_shards(both: Callable[[str], tuple[Bundle, Bundle]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[dots.__name__], "CLASSES", 1001)
    monkeypatch.setattr(dots.Dots, "class_names", tuple(f"class {c}" for c in range(1001)))
    monkeypatch.setattr(dots.Dots, "take", lambda self, ids: dots.Images(np.zeros((len(ids), 8, 8, 3), np.uint8), ids % 1001))
    usual, many = both("dots")
    assert usual.outputs.logits.dtype == many.outputs.logits.dtype == np.float16
    for shard in many.whole.shards():
        assert shard.logits.dtype == np.float16
