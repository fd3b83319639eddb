"""The shipped outputs on CIFAR-10: all 10,000 test images, knobs set on 5,000 calibration images, and the documented accuracies."""

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
from engine.runtime.inputs import to_tensor
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


def test_the_whole_official_test_set_is_included(bundle: Bundle) -> None:
    outputs = bundle.outputs
    assert outputs.test().examples == 10_000
    assert [outputs.tuning(split).examples for split in (Split.FIT, Split.CALIBRATION)] == [5_000, 5_000]
    assert bundle.class_names == CIFAR10_NAMES
    assert np.bincount(outputs.test().labels).tolist() == [1_000] * 10
    assert bundle.images is None  # the images may not be redistributed


def test_later_exits_are_more_accurate_and_cost_more(bundle: Bundle) -> None:
    test = bundle.outputs.test()
    accuracy, cost = test.correct.mean(axis=1), test.static_cost("macs") / test.full_cost("macs")
    apart = cost[1:] > 1.5 * cost[:-1] if bundle.outputs.kind == "family" else np.diff(cost) > 0.05
    assert (np.diff(accuracy[:3]) > 0).all() and apart.all() and cost[0] < 0.2
    assert accuracy[-1] > accuracy.max() - 0.005


def test_weights_and_bundle_match(bundle: Bundle) -> None:
    assert bundle.provenance["weights_sha256"] == sha256_of(weights_path(bundle.id))
    assert bundle.provenance["dataset"] == "cifar10" and bundle.provenance["device"]


def sweep_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["sweep", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_network_selection_is_2_8_times_cheaper_within_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    """Bolukbasi's learned gates on three networks, compared with the large one alone."""
    document = sweep_json(capsys, "cifar10-family", "--policy", "bolukbasi", "--budgets", "0.33")
    (point,) = document["points"]
    assert document["examples"] == 10_000
    assert 1 / point["cost"] >= 2.8
    assert point["accuracy"] > document["full"]["accuracy"] - 0.01


def test_msdnet_at_two_fifths_of_the_cost_is_within_half_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    document = sweep_json(capsys, "cifar10-msdnet", "--policy", "bolukbasi", "--budgets", "0.39")
    (point,) = document["points"]
    assert point["cost"] <= 0.4
    assert point["accuracy"] >= document["full"]["accuracy"] - 0.005


@pytest.mark.parametrize("name", ["cifar10-msdnet", "cifar10-resnet", "cifar10-family"])
def test_a_full_network_reaches_93_percent(name: str) -> None:
    assert full_accuracy(name) >= 0.93


def test_bag_of_features_exits_are_within_a_point_of_the_same_trunk() -> None:
    assert full_accuracy("cifar10-bof") >= full_accuracy("cifar10-resnet") - 0.01


def test_float64_gives_the_same_predictions(bundle: Bundle) -> None:
    """On the images of the bundle if the data set is here; otherwise float64 is compared with float32 on noise."""
    network = recipe(bundle.id).cascade().eval()
    load_weights(network, weights_path(bundle.id))
    test = bundle.outputs.test().take(np.arange(0, 10_000, 500))
    if (datasets_folder() / "cifar-10-batches-py").is_dir():
        images = to_tensor(TorchvisionSet("cifar10").take(test.ids).pixels, torch.device("cpu"))
        recorded = test.prediction
    else:
        images = torch.rand(test.examples, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        recorded = predictions(network, images)
    assert (predictions(network.double(), images.double()) == recorded).mean() >= 0.999


@torch.inference_mode()
def predictions(network: Cascade, images: torch.Tensor) -> NDArray[np.int64]:
    """(exits, examples)"""
    return torch.cat([network(batch).argmax(dim=2) for batch in images.split(50)], dim=1).numpy()
