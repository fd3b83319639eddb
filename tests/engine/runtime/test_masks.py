"""Images with masks go through training, compute and the executor as images do."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.bundle.bundle import Bundle, read_bundle
from engine.cascades.macs import stage_macs
from engine.cascades.segmenter import SegmenterShape, segmenter
from engine.datasets.base import IGNORED, MaskedImages
from engine.errors import UserError
from engine.masks.features import FEATURES, SCORES, summarize_masks
from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY, Overlap, pixel_counts
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.core.base import Rule
from engine.policies.core.features import SummaryFeature
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule
from engine.recipes import Recipe, RecipeConfig, Training, catalogue, weights_path
from engine.runtime import compute as computing
from engine.runtime.compute import compute
from engine.runtime.executor import execute
from engine.runtime.inputs import to_tensor
from engine.runtime.masks import MaskStore
from engine.runtime.trained import trained_network
from engine.runtime.weights import save_weights
from engine.splits import Split
from engine.sweep import run_sweep
from engine.training.examples import UNCOUNTED, targets
from engine.training.loop import train_recipe
from tests.sentences import assert_one_sentence

SIDE, PER_SPLIT, SHARD, ODD = 16, 30, 40, 7
SHAPE = SegmenterShape(3, half=4, quarter=6, eighth=8)


@dataclass(frozen=True)
class Spots:
    """A bright and a dark spot on grey, with noise. The last column of pixels does not count."""

    per_split: int = PER_SPLIT
    shippable: bool = True
    name = "spots"
    class_names = ("ground", "bright", "dark")
    image_size, has_masks = (SIDE, SIDE), True

    def ids(self, split: Split) -> NDArray[np.int64]:
        return np.arange(self.per_split) + 10_000 * list(Split).index(split)

    def take(self, ids: NDArray[np.int64]) -> MaskedImages:
        pixels, masks = np.empty((len(ids), SIDE, SIDE, 3), np.uint8), np.zeros((len(ids), SIDE, SIDE), np.uint8)
        for image, mask, id in zip(pixels, masks, ids, strict=True):
            rng = np.random.default_rng(int(id))
            for number in (1, 2):
                y, x = rng.integers(0, SIDE - 5, 2)
                mask[y : y + 5, x : x + 5] = number
            level = np.array([120, 200, 40])[mask]
            image[:] = (level[..., None] + rng.normal(0, rng.uniform(5, 60), (SIDE, SIDE, 3))).clip(0, 255)
            mask[:, -1] = IGNORED
        return MaskedImages(pixels, masks, {"id": np.asarray(ids, np.float32)})

    def digest(self) -> str:
        return "5907"


SPOTS = Spots()
SETTINGS = Training(epochs=2, batch_size=16, learning_rate=1e-2, average=0.5, validation=20, label_smoothing=0.0)
RECIPE = Recipe(RecipeConfig("spots", "Spots", "A test.", SETTINGS), lambda: SPOTS, lambda: segmenter(SHAPE))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OFFRAMP_DATA", str(tmp_path_factory.mktemp("masks")))
        patch.setattr(computing, "SHARD", SHARD)
        patch.setitem(catalogue._recipes, "spots", RECIPE)
        torch.manual_seed(0)
        untrained = segmenter(SHAPE)
        for parameter in untrained.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.4)  # so that every exit gives another mask
        save_weights(untrained, weights_path("spots"), "spots", {})
        yield read_bundle(compute("spots", device="cpu", batch_size=ODD))


@pytest.fixture(scope="module")
def expected(bundle: Bundle) -> NDArray[np.uint8]:
    """The masks of all examples at every exit, computed in one batch."""
    with torch.inference_mode():
        logits = trained_network(RECIPE, torch.device("cpu"))(to_tensor(SPOTS.take(bundle.outputs.ids).pixels))
    return logits.argmax(dim=2).numpy().astype(np.uint8)


def test_the_bundle_has_the_overlap_and_what_the_masks_tell(bundle: Bundle, expected: NDArray[np.uint8]) -> None:
    outputs, truth = bundle.outputs, SPOTS.take(bundle.outputs.ids).masks
    counts = [pixel_counts(masks, truth, 3, IGNORED) for masks in expected]
    overlap = Overlap(*(np.stack(arrays) for arrays in zip(*counts, strict=True)))
    assert outputs.overlap is not None and outputs.is_graded and outputs.logits is None and outputs.classes == 3
    np.testing.assert_allclose(outputs.overlap.union, overlap.union, atol=1)  # a pixel between two classes may round to either
    np.testing.assert_allclose(outputs.quality, overlap.mean_iou(), atol=0.02)
    assert (
        outputs.qualities.keys() == {MEAN_IOU, PIXEL_ACCURACY} and tuple(outputs.scores) == SCORES and tuple(outputs.features) == FEATURES
    )
    assert not outputs.features["changed_pixels"][0].any() and outputs.features["changed_pixels"][1:].any(axis=1).all()
    np.testing.assert_allclose(outputs.features["changed_pixels"][1:], (expected[1:] != expected[:-1]).mean(axis=(2, 3)), atol=0.01)
    assert outputs.cost_in("macs").tolist() == list(stage_macs(segmenter(SHAPE), (SIDE, SIDE)).stage)
    np.testing.assert_array_equal(outputs.factors["id"], outputs.ids)


def test_people_see_test_images_with_their_masks(bundle: Bundle, expected: NDArray[np.uint8]) -> None:
    outputs, masks = bundle.outputs, bundle.masks
    assert masks is not None and bundle.images is not None
    test = outputs.split == str(Split.TEST)
    assert set(masks.ids) == set(outputs.ids[test].tolist()) and all(id in bundle.images for id in masks.ids)
    truth = SPOTS.take(outputs.ids).masks
    for row in np.flatnonzero(test)[::7]:
        of_example = masks[int(outputs.ids[row])]
        np.testing.assert_array_equal(of_example.truth, truth[row])
        assert (of_example.exits != expected[:, row]).mean() < 0.01


def test_another_quality_can_be_swept(bundle: Bundle) -> None:
    outputs = bundle.outputs.with_quality(PIXEL_ACCURACY)
    assert outputs.overlap is not None
    np.testing.assert_array_equal(outputs.quality, outputs.overlap.pixel_accuracy())
    assert run_sweep(POLICIES["random_mix"], outputs, [1.0]).full.accuracy == pytest.approx(outputs.test().quality[-1].mean())
    with pytest.raises(UserError) as caught:
        outputs.with_quality("dice")
    assert_one_sentence(str(caught.value), "'dice'", MEAN_IOU, PIXEL_ACCURACY)


def receive(received: dict[int, NDArray[np.uint8]], ids: NDArray[np.int64], masks: NDArray[np.uint8]) -> None:
    received.update(zip(ids.tolist(), masks, strict=True))


def test_what_needs_classes_refuses_masks(bundle: Bundle) -> None:
    with pytest.raises(UserError) as caught:
        RECIPE.image_dataset()
    assert_one_sentence(str(caught.value), "spots gives masks")
    assert_one_sentence(POLICIES["ztw"].unavailable_reason(bundle.outputs) or "", POLICIES["ztw"].title)


def rules(outputs: Outputs) -> dict[str, Rule]:
    gates = run_sweep(POLICIES["bolukbasi"], outputs, [0.6]).rules[0]
    return {
        "mean confidence": ThresholdRule(RecordedScore("maxprob"), np.median(outputs.scores["maxprob"][:-1], axis=1), {}, 0.0),
        "learned gates": gates,
    }


@pytest.mark.parametrize(("batch_size", "group"), [(1, None), (ODD, 2), (200, None)])
def test_the_executor_takes_the_simulated_routes(bundle: Bundle, expected: NDArray[np.uint8], batch_size: int, group: int | None) -> None:
    outputs, cascade = bundle.outputs.test(), trained_network(RECIPE, torch.device("cpu"))
    rows = np.flatnonzero(bundle.outputs.split == str(Split.TEST))
    for name, rule in rules(bundle.outputs).items():
        simulated = rule.route(outputs)
        received: dict[int, NDArray[np.uint8]] = {}
        executed = execute(
            cascade,
            rule,
            outputs.ids,
            lambda ids: SPOTS.take(ids).pixels,
            batch_size=batch_size,
            group=group,
            receive_masks=partial(receive, received),
        )
        assert len(np.unique(simulated.exit)) > 1, name
        np.testing.assert_array_equal(executed.exit, simulated.exit, name)
        np.testing.assert_array_equal(executed.visited, simulated.visited, name)
        assert executed.prediction is None and received.keys() == set(outputs.ids.tolist())
        left = np.stack([received[id] for id in outputs.ids.tolist()])
        assert (left != expected[simulated.exit, rows]).mean() < 0.01


def test_a_store_forgets_and_knows_what_was_skipped() -> None:
    logits = torch.randn(3, 2, 4, 4)
    first = MaskStore.empty(5, logits, None)
    second = MaskStore.empty(5, logits, first)
    first.keep(np.array([4, 0]), logits[:2])
    second.keep(np.array([4, 1]), logits[1:])
    changed = second.logits[:, list((*SCORES, *FEATURES)).index("changed_pixels")]
    both = summarize_masks(logits).masks
    assert changed[4] == (both[0] != both[1]).float().mean() and np.isnan(changed[1])
    np.testing.assert_array_equal(second.at(np.array([1])), both[2:])
    with pytest.raises(UserError) as caught:
        first.read(SummaryFeature(3), np.array([0]))
    assert_one_sentence(str(caught.value), "masks")
    first.forget(np.array([4]))
    assert np.isnan(first.logits[4]).all() and not np.isnan(first.logits[0]).any()


@pytest.mark.parametrize("outputs_only", [False, True])
def test_a_bundle_without_examples_holds_the_masks_of_exits_alone(bundle: Bundle, tmp_path: Path, outputs_only: bool) -> None:
    private = replace(RECIPE, dataset=lambda: Spots(shippable=outputs_only))
    made = read_bundle(compute(private, device="cpu", limit=8, out=tmp_path / "private", outputs_only=outputs_only))
    assert made.images is None and made.outputs.overlap is not None
    assert made.masks is not None and bundle.masks is not None and len(made.masks) == 8
    for id in made.masks.ids:
        assert made.masks[id].lacks_truth and not bundle.masks[id].lacks_truth
        np.testing.assert_array_equal(made.masks[id].exits, bundle.masks[id].exits)


def test_training_learns_and_pixels_that_do_not_count_are_left_out(tmp_path: Path) -> None:
    weights = train_recipe(replace(RECIPE, dataset=lambda: Spots(per_split=52)), 2, "cpu", tmp_path)
    curve = (tmp_path / "spots.curve.jsonl").read_text().splitlines()
    first, last = json.loads(curve[0]), json.loads(curve[-1])
    assert weights.is_file() and last["loss"] < 0.9 * first["loss"] and 0 < min(last["accuracy"]) <= max(last["accuracy"]) <= 1
    masks = torch.tensor([[[0, 2, IGNORED]]], dtype=torch.uint8)
    assert targets(masks).tolist() == [[[0, 2, UNCOUNTED]]] and targets(torch.tensor([IGNORED])).tolist() == [IGNORED]
