"""Measurements have the correct shapes and add up; the times themselves are not tested."""

import json
from dataclasses import fields
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from engine.__main__ import main
from engine.bundle.bundle import read_bundle
from engine.bundle.measurements import MeasuredRun
from engine.cascades.base import Cascade, CascadeKind, Stage
from engine.cascades.macs import StageMacs, stage_macs
from engine.datasets.base import Images
from engine.errors import UserError
from engine.measuring.measure import budget_rules, full_network_cost, measure, real_runs, run_exit
from engine.measuring.save_measurements import fresh_at, save_measurements
from engine.measuring.stage_times import Effort, StageTimes, stage_times
from engine.policies.methods.static import StaticRule
from engine.recipes import Recipe, RecipeConfig, Training, catalogue, recipe, weights_path
from engine.runtime.compute import compute as computed
from engine.runtime.executor import execute
from engine.runtime.weights import save_weights
from engine.splits import BUNDLE_SPLITS, Split
from tests.sentences import assert_one_sentence

CPU = torch.device("cpu")
QUICK = Effort(warm_up=1, least=2, seconds=0.0, rounds=2, joule_seconds=0.0)


class Trunk(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, state):
        return (torch.relu(self.convolution(state[0])),)


class Head(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.out = nn.Linear(inputs, 3)

    def forward(self, state):
        return 20 * self.out(state[0].mean(dim=(2, 3)))


def cascade(kind=CascadeKind.CHAIN) -> Cascade:
    torch.manual_seed(0)
    inputs = (3, 4, 6) if kind is CascadeKind.CHAIN else (3, 3, 3)
    return Cascade([Stage(Trunk(i, o), Head(o)) for i, o in zip(inputs, (4, 6, 8), strict=True)], kind).eval()


class Noise:
    name, class_names, image_size, shippable = "noise", ("a", "b", "c"), (8, 8), True

    def ids(self, split):
        return 100 * BUNDLE_SPLITS.index(split) + np.arange(30)

    def take(self, ids):
        return Images(np.stack([pixels(1, int(id))[0] for id in ids]), ids % 3)

    def digest(self):
        return "noise-1"


def pixels(examples, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1 + rng.integers(30, 255, (examples, 1, 1, 3)), (examples, 8, 8, 3)).astype(np.uint8)


@pytest.fixture
def noise(tmp_path, monkeypatch):
    """A recipe named noise, with weights."""
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    made = Recipe(RecipeConfig("noise", "Noise", "Noise.", Training(epochs=1)), Noise, cascade)
    monkeypatch.setitem(catalogue._recipes, "noise", made)
    save_weights(cascade(), weights_path("noise"), "noise", {})


@pytest.fixture
def quick(monkeypatch):
    """The command measures as briefly as the tests do."""
    monkeypatch.setattr("engine.measuring.measure.measure", partial(measure, effort=QUICK))


@pytest.mark.parametrize("kind", CascadeKind)
def test_stages_are_timed_one_by_one(kind):
    times = stage_times(cascade(kind), (8, 8), CPU, (1, 5), QUICK)
    assert times.batch_sizes == (1, 5)
    for median, p95 in ((times.trunk, times.trunk_p95), (times.head, times.head_p95)):
        assert median.shape == p95.shape == (2, 3)
        assert (0 < median).all() and (median <= p95).all()


def test_the_full_network_pays_only_for_the_stages_it_needs():
    assert full_network_cost((1, 20, 300), (4, 50, 600), CascadeKind.CHAIN) == 321 + 600
    assert full_network_cost((1, 20, 300), (4, 50, 600), CascadeKind.FAMILY) == 900


@pytest.mark.parametrize("kind", CascadeKind)
def test_the_simple_loop_gives_the_networks_logits(kind):
    network, shown = cascade(kind), pixels(7)
    with torch.inference_mode():
        expected = network(torch.from_numpy(shown).permute(0, 3, 1, 2).float() / 255)[-1]
    np.testing.assert_allclose(run_exit(network, shown, CPU, 3, 2), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", CascadeKind)
def test_an_exit_alone_gives_its_logits_and_runs_no_other_head(kind):
    network, shown = cascade(kind), pixels(7)
    with torch.inference_mode():
        expected = network(torch.from_numpy(shown).permute(0, 3, 1, 2).float() / 255)
    ran = []
    for k, stage in enumerate(network.stages):
        stage.head.register_forward_hook(lambda *_, k=k: ran.append(k))
    for k in range(3):
        np.testing.assert_allclose(run_exit(network, shown, CPU, 3, k), expected[k], rtol=1e-4, atol=1e-5)
        assert set(ran) == {k}
        ran.clear()
    with torch.inference_mode():
        assert torch.equal(network.forward_exit(torch.zeros(1, 3, 8, 8), 2), network(torch.zeros(1, 3, 8, 8))[2])


@pytest.mark.parametrize("kind", CascadeKind)
def test_ideals_and_shares_add_up(kind):
    """With costs simple enough that everything except the seconds is easily computed by hand."""
    macs = StageMacs((90, 180, 600), (10, 20, 100))
    times = StageTimes((4,), np.array([[2.0, 1.0, 5.0]]), np.ones((1, 3)), np.array([[1.0, 1.0, 1.0]]), np.ones((1, 3)))
    network, shown = cascade(kind), Images(pixels(10), np.arange(10) % 3)
    (run,), exits = real_runs(network, {0.3: StaticRule(1, 0.0)}, shown, macs, times, CPU, 4, rounds=1)
    correct = [float((run_exit(network, shown.pixels, CPU, 4, k).argmax(axis=1) == shown.labels).mean()) for k in range(3)]
    assert [(exit.batch_size, exit.exit, exit.accuracy) for exit in exits] == [(4, k, correct[k]) for k in range(3)]
    assert exits[-1].speed_up == 1 and exits[-1].images_per_second == run.full_images_per_second
    assert run.accuracy == correct[1], "all examples left at the second exit"
    assert (run.batch_size, run.budget) == (4, 0.3)
    if kind is CascadeKind.CHAIN:  # as in a route, an exit that an example passes is paid for
        assert run.reached == (1, 1, 0)
        assert run.cost == pytest.approx(300 / 1000)
        assert run.ideal_by_macs == pytest.approx(970 / 300)
        assert run.ideal_by_times == pytest.approx(9 / 5)
    else:
        assert run.reached == (0, 1, 0)
        assert run.cost == pytest.approx(200 / 700)
        assert run.ideal_by_macs == pytest.approx(700 / 200)
        assert run.ideal_by_times == pytest.approx(6 / 2)
    assert run.speed_up == pytest.approx(run.images_per_second / run.full_images_per_second)


def test_budgets_below_the_first_exit_are_left_out():
    network, shown = cascade(), pixels(40)
    macs = stage_macs(network, (8, 8))
    first = macs.stage[0] / sum(macs.stage)
    rules = budget_rules(network, shown, np.zeros(40, int), macs, CPU, (first / 2, 0.5, 0.9))
    assert list(rules) == [0.5, 0.9]
    assert all(rule.planned_cost <= budget * sum(macs.stage) * (1 + 1e-9) for budget, rule in rules.items())


def test_a_recipe_is_measured(noise):
    measurement = measure("noise", "cpu", batch_sizes=(1, 4), examples=12, budgets=(0.5, 0.8), effort=QUICK)
    assert measurement.macs == stage_macs(cascade(), (8, 8))
    assert measurement.examples == 12
    assert [(run.batch_size, run.budget) for run in measurement.runs] == [(1, 0.5), (1, 0.8), (4, 0.5), (4, 0.8)]
    assert {run.reached[0] for run in measurement.runs} == {1.0}
    document = json.loads(json.dumps(measurement.as_json(), allow_nan=False))
    assert document["recipe"] == "noise" and document["device"].split()[-1] in ("thread", "threads") and document["policy"] == "maxprob"
    assert np.array(document["stage_ms"]["trunk"]).shape == np.array(document["stage_ms"]["head_p95"]).shape == (2, 3)
    assert len(document["macs"]["trunk"]) == len(document["macs"]["head"]) == 3
    assert "joules" not in json.dumps(document)  # energy was not measured
    assert_one_sentence(measurement.no_energy, "Energy was not measured")
    assert [(exit["batch_size"], exit["exit"]) for exit in document["exits"]] == [(size, k) for size in (1, 4) for k in range(3)]
    assert all(run["speed_up"] > 0 and run["ideal_by_macs"] > 0 and run["ideal_by_times"] > 0 for run in document["runs"])


@pytest.fixture
def bundle(noise, tmp_path):
    return computed("noise", "cpu")


class Ticking:
    """A counter that advances by one joule with every reading."""

    total = 0.0

    def joules(self):
        self.total += 1
        return self.total


def test_energy_is_measured_if_the_device_has_a_counter(noise, bundle):
    measurement = measure("noise", "cpu", (2,), 6, (0.5,), QUICK, find_counter=lambda device: Ticking())
    # one joule per window, each of sixteen runs of two images
    np.testing.assert_allclose(measurement.energy.stage, [[1 / 32] * 3])
    assert measurement.as_json()["joules"] == {"stage": measurement.energy.stage.tolist(), "full": [1 / 32]}
    assert fresh_at(measurement, 2, read_bundle(bundle).outputs.test()).costs["joules"].tolist() == [1 / 32] * 3


def test_a_measurement_is_saved_to_the_bundle(bundle, quick, capsys):
    before = read_bundle(bundle)
    command = ["measure", "noise", "--device", "cpu", "--batch-sizes", "2,3", "--examples", "6", "--save"]
    assert main([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["saved"] == {"bundle": str(bundle), "units": ["ms_batch_2", "ms_batch_3"]}
    opened = read_bundle(bundle)
    assert [(entry.device, entry.batch_size, entry.examples) for entry in opened.measured] == [(document["device"], n, 6) for n in (2, 3)]
    times = document["stage_ms"]
    for i, size in enumerate((2, 3)):
        each = (np.array(times["trunk"][i]) + np.array(times["head"][i])) / size
        np.testing.assert_allclose(opened.outputs.stage_cost[f"ms_batch_{size}"], each)
        runs = [run for run in document["runs"] if run["batch_size"] == size]
        facts = [field.name for field in fields(MeasuredRun) if field.name != "accuracy"]
        kept = [[getattr(run, fact) for fact in facts] for run in opened.measured[i].runs]
        assert kept == [[run[fact] for fact in facts] for run in runs]
        assert [exit.speed_up for exit in opened.measured[i].alone] == [e["speed_up"] for e in document["exits"] if e["batch_size"] == size]
    note = opened.unit_notes["ms_batch_2"]
    facts = ("Measured on", document["device"], "float32", "batches of 2", document["torch"], document["date"])
    assert all(fact in note for fact in facts)
    assert np.array_equal(opened.outputs.stage_cost["macs"], before.outputs.stage_cost["macs"])
    assert main(command) == 0
    assert "ms_batch_2, ms_batch_3" in capsys.readouterr().out
    assert len(read_bundle(bundle).measured) == 2


def test_saved_accuracies_cover_all_test_examples_even_if_few_were_timed(bundle):
    measurement = measure("noise", "cpu", (2,), 6, (0.5, 0.8), QUICK)
    save_measurements(measurement, bundle)
    opened = read_bundle(bundle)
    (entry,) = opened.measured
    test = opened.outputs.test()
    assert (entry.examples, entry.tested) == (6, test.examples) and test.examples > 6
    assert [exit.accuracy for exit in entry.alone] == pytest.approx(test.correct.mean(axis=1))
    # the rule that was timed, executed on all test examples
    dataset = recipe("noise").dataset()
    images = dataset.take(dataset.ids(Split.TEST))
    for run in entry.runs:
        ran = execute(cascade(), measurement.rules[run.budget], np.arange(test.examples), images.pixels.__getitem__)
        assert run.accuracy == pytest.approx(float((ran.prediction == images.labels).mean()))


def test_nothing_is_saved_to_a_bundle_of_other_weights(bundle, capsys):
    torch.manual_seed(1)
    other = cascade()
    with torch.no_grad():
        other.stages[0].head.out.bias += 1
    save_weights(other, weights_path("noise"), "noise", {})
    assert main(["measure", "noise", "--device", "cpu", "--save"]) == 2
    assert_one_sentence(capsys.readouterr().err.strip(), "noise", "compute")
    with pytest.raises(UserError):
        save_measurements(measure("noise", "cpu", (2,), 6, (0.5,), QUICK), bundle)


def test_saving_without_a_bundle_is_refused(noise, capsys):
    assert main(["measure", "noise", "--device", "cpu", "--save"]) == 2
    assert_one_sentence(capsys.readouterr().err.strip(), "no bundle of noise", "--save")


def test_measuring_on_the_command_line(noise, quick, capsys):
    command = ("measure", "noise", "--device", "cpu", "--batch-sizes", "2,3", "--examples", "6")
    assert main([*command, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "" and printed.out.count("\n") == 1
    assert json.loads(printed.out)["stage_ms"]["batch_sizes"] == [2, 3]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "thread" in text and "speed-up" in text


MISTAKES = [("nothing",), ("noise", "--batch-sizes", "0"), ("noise", "--batch-sizes", "1,x"), ("noise", "--examples", "0")]


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes_on_the_command_line_are_reported_in_one_sentence(noise, capsys, arguments):
    assert main(["measure", *arguments]) == 2
    assert_one_sentence(capsys.readouterr().err.strip())


def test_a_recipe_without_weights_is_refused(noise):
    weights_path("noise").unlink()
    with pytest.raises(UserError) as refused:
        measure("noise", "cpu", effort=QUICK)
    assert_one_sentence(str(refused.value))


@pytest.mark.parametrize("invalid", [{"batch_sizes": ()}, {"batch_sizes": (0,)}, {"examples": 0}])
def test_batch_sizes_and_examples_must_be_at_least_one(noise, invalid):
    with pytest.raises(UserError) as refused:
        measure("noise", "cpu", **{"examples": 5, "effort": QUICK, **invalid})
    assert_one_sentence(str(refused.value))
