"""Training on a task of a few seconds: it learns, it resumes, it refuses invalid input."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.cascades.base import Cascade, Stage
from engine.cascades.msdnet import MSDNetShape, msdnet
from engine.cascades.resnet import ResNetShape, resnet
from engine.cascades.whitening import whiten
from engine.datasets.base import Images
from engine.errors import UserError
from engine.recipes import Recipe, RecipeConfig, Training
from engine.runtime.inputs import to_tensor
from engine.runtime.weights import load_weights, provenance_of
from engine.splits import Split
from engine.storage.files import sha256_of
from engine.storage.sealed import read_sealed
from engine.training import loop as training
from engine.training.loop import exits_loss, learning_rate, train_recipe, with_settings


class Bars:
    """Three classes: a bright bar at the top, in the middle, or at the bottom of a noisy image."""

    name, class_names, image_size, shippable = "bars", ("top", "middle", "bottom"), (16, 16), True
    requested: list[int] = []

    def ids(self, split):
        starts = {Split.TRAIN: 0, Split.FIT: 1000, Split.CALIBRATION: 2000, Split.TEST: 3000}
        return np.arange(starts[split], starts[split] + 240)

    def take(self, ids):
        self.requested.extend(ids.tolist())
        labels = (ids * 7 % 3).astype(np.int64)
        pixels = np.random.default_rng(0).integers(0, 120, (len(ids), 16, 16, 3), dtype=np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            image[2 + 5 * label : 4 + 5 * label] += 100
        return Images(pixels, labels)

    def digest(self):
        return "bars-1"


def bars(**settings):
    shape = MSDNetShape(classes=3, stem=8, base=(8, 8), growth=(8, 8), layers=(1, 1), scales=(2, 1), hidden=16)
    settings = {"epochs": 4, "batch_size": 20, "validation": 40, "shift": 1, "average": 0.9, **settings}
    return Recipe(RecipeConfig("bars", "Bars", "Bars.", Training(**settings)), Bars, lambda: msdnet(shape))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted")
    return train_recipe(bars(), None, "cpu", out)


def curve(weights):
    return [json.loads(line) for line in weights.with_name("bars.curve.jsonl").read_text().splitlines()]


def test_every_exit_learns(uninterrupted):
    rows = curve(uninterrupted)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert min(rows[-1]["accuracy"]) > 0.8


def test_the_weights_file_records_its_provenance(uninterrupted):
    network = bars().cascade()
    about = load_weights(network, uninterrupted)
    assert about["settings"]["epochs"] == 4 and about["data_digest"] == "bars-1"
    assert about["validation_accuracy"] == curve(uninterrupted)[-1]["accuracy"]
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())


def test_it_leaves_no_checkpoint_behind(uninterrupted):
    assert sorted(path.name for path in uninterrupted.parent.iterdir()) == ["bars.curve.jsonl", "bars.safetensors"]


def test_it_reads_only_the_train_split(uninterrupted):
    assert max(Bars.requested) < 1000


@pytest.mark.parametrize("stops", [(1,), (2, 3)])
def test_a_killed_and_restarted_training_ends_with_the_same_weights(uninterrupted, tmp_path, monkeypatch, stops):
    whole_epoch = training.TrainingRun.epoch
    left = list(stops)

    def dies(run, epoch, learn, progress):
        loss = whole_epoch(run, epoch, learn)
        if left and epoch == left[0]:
            left.pop(0)
            raise KeyboardInterrupt  # after the epoch, before its checkpoint: this epoch is lost
        return loss

    monkeypatch.setattr(training.TrainingRun, "epoch", dies)
    for _ in stops:
        with pytest.raises(KeyboardInterrupt):
            train_recipe(bars(), None, "cpu", tmp_path)
    torch.rand(3)  # random numbers drawn elsewhere make no difference
    assert sha256_of(train_recipe(bars(), None, "cpu", tmp_path)) == sha256_of(uninterrupted)


def stopped(tmp_path, monkeypatch, **settings):
    """The checkpoint of a training that was killed in its second epoch."""
    whole_epoch = training.TrainingRun.epoch
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.TrainingRun, "epoch", lambda run, epoch, learn, progress: 1 / 0 if epoch else whole_epoch(run, epoch, learn))
        try:
            train_recipe(bars(**settings), None, "cpu", tmp_path)
        except ZeroDivisionError as error:
            raise KeyboardInterrupt from error
    return tmp_path / "bars.partial" / "checkpoint.safetensors"


def test_a_checkpoint_of_other_settings_is_refused(tmp_path, monkeypatch):
    checkpoint = stopped(tmp_path, monkeypatch)
    with pytest.raises(UserError) as caught:
        train_recipe(bars(), 3, "cpu", tmp_path)
    assert str(checkpoint) in str(caught.value) and "epochs 4 instead of 3" in str(caught.value)
    assert checkpoint.is_file()


def test_a_damaged_checkpoint_is_refused(tmp_path, monkeypatch):
    checkpoint = stopped(tmp_path, monkeypatch, distillation=0.5, exit_weights=(1.0, 2.0))
    _, about = read_sealed(checkpoint)
    assert len(about["curve"]) == 1
    checkpoint.write_bytes(checkpoint.read_bytes()[:-3])
    with pytest.raises(UserError, match="checkpoint.safetensors cannot be read"):
        train_recipe(bars(distillation=0.5, exit_weights=(1.0, 2.0)), None, "cpu", tmp_path)


def test_the_learning_rate_rises_and_falls():
    settings = Training(epochs=1, learning_rate=1.0, warm_up=0.2)
    rates = [learning_rate(done / 100, settings) for done in range(101)]
    assert rates[0] == 0 and rates[20] == 1 and rates[-1] < 1e-9
    assert np.all(np.diff(rates[:21]) > 0) and np.all(np.diff(rates[20:]) < 0)


def test_the_loss_is_the_weighted_mean_over_exits():
    logits, labels = torch.randn(3, 8, 5), torch.randint(0, 5, (8,))
    alone = [torch.nn.functional.cross_entropy(one_exit, labels).item() for one_exit in logits]
    unweighted = Training(epochs=1, label_smoothing=0.0)
    assert exits_loss(logits, labels, unweighted).item() == pytest.approx(np.mean(alone))
    weighted = Training(epochs=1, label_smoothing=0.0, exit_weights=(1.0, 0.0, 3.0))
    assert exits_loss(logits, labels, weighted).item() == pytest.approx((alone[0] + 3 * alone[2]) / 4)


def test_distillation_trains_early_exits_to_agree_and_leaves_the_last_alone():
    logits, labels = torch.randn(2, 8, 5, requires_grad=True), torch.randint(0, 5, (8,))
    exits_loss(logits, labels, Training(epochs=1, distillation=1.0, exit_weights=(1.0, 0.0))).backward()
    assert torch.count_nonzero(logits.grad[0]) > 0 and torch.count_nonzero(logits.grad[1]) == 0
    pull = logits.detach()[0].softmax(1) - logits.detach()[1].softmax(1)
    assert torch.allclose(logits.grad[0], pull / 8, atol=1e-6)


def test_muon_learns_and_resumes_too(tmp_path, monkeypatch):
    uninterrupted = train_recipe(bars(optimizer="muon"), None, "cpu", tmp_path / "uninterrupted")
    assert min(curve(uninterrupted)[-1]["accuracy"]) > 0.8
    stopped(tmp_path, monkeypatch, optimizer="muon")
    assert sha256_of(train_recipe(bars(optimizer="muon"), None, "cpu", tmp_path)) == sha256_of(uninterrupted)


def other(**settings):
    """A recipe whose network is that of `bars` except for its second exit."""
    made = bars(start_from="bars", **settings)

    def cascade():
        network = made.cascade()
        network.stages[1].head.hidden = torch.nn.Linear(network.stages[1].head.hidden.in_features, 9)
        network.stages[1].head.out = torch.nn.Linear(9, 3)
        return network

    return replace(made.configured(name="other"), cascade=cascade)


def test_a_training_may_begin_with_the_weights_of_another(uninterrupted, tmp_path):
    shutil.copy(uninterrupted, tmp_path)
    weights = train_recipe(other(), 1, "cpu", tmp_path)
    about = load_weights(other().cascade(), weights)
    assert about["began_with"] == sha256_of(uninterrupted)
    first = json.loads(weights.with_name("other.curve.jsonl").read_text())
    assert first["accuracy"][0] > curve(uninterrupted)[0]["accuracy"][0]  # the earlier training helps at once


def test_finished_weights_are_trained_further(uninterrupted, tmp_path):
    shutil.copy(uninterrupted, tmp_path)
    again = with_settings(bars(), start_from="bars", learning_rate=1e-3, seed=1)
    weights = train_recipe(again, 1, "cpu", tmp_path)
    facts = provenance_of(weights)
    assert facts["began_with"] == sha256_of(uninterrupted) != sha256_of(weights)
    settings = {"start_from": "bars", "learning_rate": 1e-3, "seed": 1, "epochs": 1}
    assert {name: facts["settings"][name] for name in settings} == settings
    assert min(curve(weights)[0]["accuracy"]) > max(curve(uninterrupted)[0]["accuracy"])  # it did not start from scratch


def test_frozen_weights_do_not_change(uninterrupted, tmp_path):
    shutil.copy(uninterrupted, tmp_path)
    weights = train_recipe(other(frozen=True), 2, "cpu", tmp_path)
    before, after = read_sealed(uninterrupted)[0], read_sealed(weights)[0]
    taken = {name for name, tensor in after.items() if name in before and before[name].shape == tensor.shape}
    assert {name for name in after if not name.startswith("stages.1.head")} < taken
    assert {name for name in taken if torch.equal(before[name], after[name])} == taken
    assert json.loads(weights.with_name("other.curve.jsonl").read_text().splitlines()[-1])["accuracy"][1] > 0.5  # the new head learned


def test_initial_weights_that_are_missing_or_do_not_fit_are_refused(uninterrupted, tmp_path, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    with pytest.raises(UserError, match="begins with the weights of bars, which are not at .*; train bars first"):
        train_recipe(other(), 1, "cpu", tmp_path / "out")
    shutil.copy(uninterrupted, tmp_path)
    elsewhere = replace(other(), cascade=lambda: Cascade([Stage(torch.nn.Identity(), torch.nn.Identity())]))
    with pytest.raises(UserError, match="No weights in .* have a name and shape of this network"):
        train_recipe(elsewhere, 1, "cpu", tmp_path)


def test_a_whitening_layer_is_computed_from_the_training_images_without_the_held_out(tmp_path):
    shape = ResNetShape(classes=3, widths=(8, 8), blocks=(0, 0))
    weights = train_recipe(replace(bars(), cascade=lambda: resnet(shape)), 1, "cpu", tmp_path)
    network, expected = resnet(shape), resnet(shape)
    load_weights(network, weights)
    learned_from = to_tensor(torch.from_numpy(Bars().take(Bars().ids(Split.TRAIN)).pixels))[:-40]
    whiten(expected, learned_from)
    kernel, expected_kernel = (cascade.stages[0].trunk[0][0].kernel for cascade in (network, expected))
    assert torch.allclose(kernel, expected_kernel, rtol=1e-3, atol=1e-3)  # saved in half precision
