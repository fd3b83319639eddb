"""Training on a task of a few seconds: it learns, it resumes, it refuses."""

import json

import numpy as np
import pytest
import torch

from engine import train as training
from engine.cascades.msdnet import MSDNetShape, msdnet
from engine.datasets.base import Images
from engine.errors import UserError
from engine.recipes import Recipe, Training
from engine.splits import Split
from engine.train import exits_loss, learning_rate, train_recipe
from engine.weights import digest, load_weights, read_tensors


class Bars:
    """Three classes: a bright bar at the top, in the middle, at the bottom of a noisy picture."""

    name, class_names, image_size, shippable = "bars", ("top", "middle", "bottom"), (16, 16), True
    asked: list[int] = []

    def ids(self, split):
        starts = {Split.TRAIN: 0, Split.FIT: 1000, Split.CALIBRATION: 2000, Split.TEST: 3000}
        return np.arange(starts[split], starts[split] + 240)

    def take(self, ids):
        self.asked.extend(ids.tolist())
        labels = (ids * 7 % 3).astype(np.int64)
        pixels = np.random.default_rng(0).integers(0, 120, (len(ids), 16, 16, 3), dtype=np.uint8)
        for picture, label in zip(pixels, labels, strict=True):
            picture[2 + 5 * label : 4 + 5 * label] += 100
        return Images(pixels, labels)

    def digest(self):
        return "bars-1"


def bars(**settings):
    shape = MSDNetShape(classes=3, stem=8, base=(8, 8), growth=(8, 8), layers=(1, 1), scales=(2, 1), hidden=16)
    settings = {"epochs": 4, "batch_size": 20, "validation": 40, "shift": 1, "average": 0.9, **settings}
    return Recipe("bars", "Bars", "Bars.", Bars, lambda: msdnet(shape), Training(**settings))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken")
    return train_recipe(bars(), None, "cpu", out)


def curve(weights):
    return [json.loads(line) for line in weights.with_name("bars.curve.jsonl").read_text().splitlines()]


def test_it_learns_at_every_exit(unbroken):
    rows = curve(unbroken)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert min(rows[-1]["accuracy"]) > 0.8


def test_the_weights_say_where_they_come_from(unbroken):
    network = bars().cascade()
    about = load_weights(network, unbroken)
    assert about["settings"]["epochs"] == 4 and about["data_digest"] == "bars-1"
    assert about["validation_accuracy"] == curve(unbroken)[-1]["accuracy"]
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())


def test_it_leaves_no_checkpoint_behind(unbroken):
    assert sorted(path.name for path in unbroken.parent.iterdir()) == ["bars.curve.jsonl", "bars.safetensors"]


def test_it_never_looks_beyond_train(unbroken):
    assert max(Bars.asked) < 1000


@pytest.mark.parametrize("stops", [(1,), (2, 3)])
def test_killed_and_started_again_it_ends_with_the_same_weights(unbroken, tmp_path, monkeypatch, stops):
    whole_epoch = training.Run.epoch
    left = list(stops)

    def dies(run, epoch, learn):
        loss = whole_epoch(run, epoch, learn)
        if left and epoch == left[0]:
            left.pop(0)
            raise KeyboardInterrupt  # after the work, before the checkpoint: this epoch is lost
        return loss

    monkeypatch.setattr(training.Run, "epoch", dies)
    for _ in stops:
        with pytest.raises(KeyboardInterrupt):
            train_recipe(bars(), None, "cpu", tmp_path)
    torch.rand(3)  # other random numbers drawn in between change nothing
    assert digest(train_recipe(bars(), None, "cpu", tmp_path)) == digest(unbroken)


def stopped(tmp_path, monkeypatch, **settings):
    """The checkpoint of a training that was killed in its second epoch."""
    whole_epoch = training.Run.epoch
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.Run, "epoch", lambda run, epoch, learn: 1 / 0 if epoch else whole_epoch(run, epoch, learn))
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
    _, about = read_tensors(checkpoint)
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
    alone = [torch.nn.functional.cross_entropy(said, labels).item() for said in logits]
    plain = Training(epochs=1, label_smoothing=0.0)
    assert exits_loss(logits, labels, plain).item() == pytest.approx(np.mean(alone))
    weighted = Training(epochs=1, label_smoothing=0.0, exit_weights=(1.0, 0.0, 3.0))
    assert exits_loss(logits, labels, weighted).item() == pytest.approx((alone[0] + 3 * alone[2]) / 4)


def test_distillation_asks_early_exits_to_agree_and_teaches_the_last_nothing():
    logits, labels = torch.randn(2, 8, 5, requires_grad=True), torch.randint(0, 5, (8,))
    exits_loss(logits, labels, Training(epochs=1, distillation=1.0, exit_weights=(1.0, 0.0))).backward()
    assert torch.count_nonzero(logits.grad[0]) > 0 and torch.count_nonzero(logits.grad[1]) == 0
    pull = logits.detach()[0].softmax(1) - logits.detach()[1].softmax(1)
    assert torch.allclose(logits.grad[0], pull / 8, atol=1e-6)
