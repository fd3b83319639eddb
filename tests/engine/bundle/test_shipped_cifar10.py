"""The shipped outputs on CIFAR-10 keep the promises made of them: all 10,000 test images, knobs set on 5,000 calibration images."""

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.__main__ import main
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.cascades.base import Cascade
from engine.datasets.published.sets import CIFAR10_NAMES, TorchvisionSet
from engine.paths import datasets_folder
from engine.recipes import recipe, weights_path
from engine.runtime.image_tensors import to_tensor
from engine.runtime.weights import load_weights
from engine.splits import Split
from engine.storage.files import sha256_of

SHIPPED = ("cifar10-msdnet", "cifar10-resnet", "cifar10-bof", "cifar10-family")


def full_accuracy(name: str) -> float:
    test = open_bundle(name).outputs.test()
    return float(test.correct[test.full].mean())


@pytest.fixture(params=SHIPPED)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return open_bundle(request.param)


def test_every_image_of_the_official_test_set_is_there(bundle: Bundle) -> None:
    outputs = bundle.outputs
    assert outputs.test().examples == 10_000
    assert [outputs.tuning(split).examples for split in (Split.FIT, Split.CALIBRATION)] == [5_000, 5_000]
    assert bundle.class_names == CIFAR10_NAMES
    assert np.bincount(outputs.test().labels).tolist() == [1_000] * 10
    assert bundle.images is None  # they are not ours to hand on


def test_later_exits_are_better_and_dearer(bundle: Bundle) -> None:
    test = bundle.outputs.test()
    accuracy, cost = test.correct.mean(axis=1), test.static_cost("macs") / test.full_cost("macs")
    apart = cost[1:] > 1.5 * cost[:-1] if bundle.outputs.kind == "family" else np.diff(cost) > 0.05
    assert (np.diff(accuracy[:3]) > 0).all() and apart.all() and cost[0] < 0.2
    assert accuracy[-1] > accuracy.max() - 0.005


def test_weights_and_bundle_belong_together(bundle: Bundle) -> None:
    assert bundle.provenance["weights_sha256"] == sha256_of(weights_path(bundle.id))
    assert bundle.provenance["dataset"] == "cifar10" and bundle.provenance["device"]


def sweep_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["sweep", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_network_selection_is_2_8_times_cheaper_at_less_than_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    """Bolukbasi's learned gates on three networks, against the large one alone."""
    document = sweep_json(capsys, "cifar10-family", "--policy", "bolukbasi", "--budgets", "0.33")
    (point,) = document["points"]
    assert document["examples"] == 10_000
    assert 1 / point["cost"] >= 2.8
    assert point["accuracy"] > document["full"]["accuracy"] - 0.01


def test_the_dense_network_needs_two_fifths_of_itself_for_half_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    document = sweep_json(capsys, "cifar10-msdnet", "--policy", "bolukbasi", "--budgets", "0.39")
    (point,) = document["points"]
    assert point["cost"] <= 0.4
    assert point["accuracy"] >= document["full"]["accuracy"] - 0.005


@pytest.mark.parametrize("name", ["cifar10-msdnet", "cifar10-resnet", "cifar10-family"])
def test_a_full_network_gets_93_percent_right(name: str) -> None:
    assert full_accuracy(name) >= 0.93


def test_bags_of_features_are_within_a_point_of_plain_heads_on_the_same_trunk() -> None:
    assert full_accuracy("cifar10-bof") >= full_accuracy("cifar10-resnet") - 0.01


def test_recomputed_in_another_precision_the_answers_are_the_same(bundle: Bundle) -> None:
    """In float64, on the very images where they are at hand; where they are not, float64 is held against float32 on noise."""
    network = recipe(bundle.id).cascade().eval()
    load_weights(network, weights_path(bundle.id))
    test = bundle.outputs.test().take(np.arange(0, 10_000, 50))
    if (datasets_folder() / "cifar-10-batches-py").is_dir():
        images = to_tensor(TorchvisionSet("cifar10").take(test.ids).pixels, torch.device("cpu"))
        recorded = test.prediction
    else:
        images = torch.rand(test.examples, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        recorded = answers(network, images)
    assert (answers(network.double(), images.double()) == recorded).mean() >= 0.999


@torch.inference_mode()
def answers(network: Cascade, images: torch.Tensor) -> NDArray[np.int64]:
    """(exits, examples)"""
    return torch.cat([network(batch).argmax(dim=2) for batch in images.split(50)], dim=1).numpy()
