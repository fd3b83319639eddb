"""The shipped doodles: size, accuracies, and weights that match the bundle."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.__main__ import main
from engine.analysis.factors import factor_by_exit
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.datasets.doodles import Doodles
from engine.front import concave_hull
from engine.paths import bundles_folder, data_root
from engine.policies import POLICIES
from engine.recipes import recipe, weights_path
from engine.runtime.weights import load_weights
from engine.storage.files import sha256_of
from engine.sweep import run_sweep


@pytest.fixture(scope="module")
def doodles() -> Bundle:
    return open_bundle(str(bundles_folder() / "doodles"))


def test_the_data_is_small_enough_to_ship() -> None:
    def size(folder: Path) -> int:
        listed = subprocess.run(["git", "ls-files", "-z", "."], cwd=folder, capture_output=True, text=True)
        names = listed.stdout.split("\0")[:-1]  # without the weights of recipes that were trained here
        paths = [folder / name for name in names] if listed.returncode == 0 else folder.rglob("*")
        return sum(path.stat().st_size for path in paths if path.is_file())

    assert size(data_root()) < 80e6 and size(bundles_folder() / "doodles") < 20e6


def test_the_exits_differ(doodles: Bundle) -> None:
    test = doodles.outputs.test()
    accuracy, cost = test.correct.mean(axis=1), test.cascade_cost("macs") / test.full_cost("macs")
    assert test.exits == 5 and test.examples == 5000
    assert cost[0] <= 0.15 and accuracy[0] < accuracy[-1] - 0.1
    assert (np.diff(accuracy) > 0).all() and 0.92 <= accuracy[-1] and accuracy.max() < 1


def test_half_the_cost_is_as_accurate_and_beats_a_random_mix(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "doodles", "--policy", "maxprob", "--points", "21", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    points = document["points"]
    assert all(sum(point["shares"]) == pytest.approx(1) for point in points)
    assert all(point["cost"] <= 1 for point in points)
    half = min(points, key=lambda point: abs(point["budget"] - 0.5))
    assert half["accuracy"] >= document["full"]["accuracy"] - 0.01
    result = run_sweep(POLICIES["maxprob"], open_bundle("doodles").outputs, 21)
    hull = concave_hull(result.static_cost, result.static_accuracy)
    for point in points:
        if 0.15 <= point["cost"] <= 0.75:
            assert point["accuracy"] > np.interp(point["cost"], result.static_cost[hull], result.static_accuracy[hull])


def test_harder_images_leave_later(doodles: Bundle) -> None:
    result = run_sweep(POLICIES["maxprob"], doodles.outputs, [0.2, 0.3, 0.4, 0.5, 0.6])
    difficulty, _ = factor_by_exit(result.exit, doodles.outputs.test().factors["difficulty"], 5)
    assert (np.diff(difficulty, axis=1) > 0).all()


def test_weights_data_set_and_bundle_match(doodles: Bundle) -> None:
    assert doodles.provenance["weights_sha256"] == sha256_of(weights_path("doodles"))
    assert doodles.provenance["dataset_digest"] == Doodles().digest()


def test_the_network_reproduces_the_bundle(doodles: Bundle) -> None:
    """Recomputed from the shipped weights and freshly drawn images, in batches of another size."""
    test = doodles.outputs.test().take(np.arange(400))
    images = Doodles(workers=1).take(test.ids)
    assert np.array_equal(images.labels, test.labels)
    cascade = recipe("doodles").cascade()
    load_weights(cascade, weights_path("doodles"))
    with torch.inference_mode():
        logits = cascade.eval()(torch.from_numpy(images.pixels).permute(0, 3, 1, 2).float() / 255).numpy()
    assert (logits.argmax(axis=2) == test.prediction).mean() >= 0.999
    assert np.abs(logits - test.logits).max() < 1e-2
