"""The command `speedup`: its text and its document hold the same numbers, and mistakes are explained in a sentence."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.__main__ import main
from engine.analysis import speed_up
from engine.analysis.speed_up import COMPARED, full_accuracy, speed_ups
from engine.bundle.bundle import write_bundle
from engine.bundle.library import open_bundle
from engine.policies import POLICIES, policy
from tests.sentences import assert_one_sentence
from tests.synthetic import draft, outputs

GRADED = replace(
    outputs(examples=90, exits=2, recorded="confidence"), judged=np.linspace(0.2, 0.9, 180).reshape(2, 90).astype(np.float32), labels=None
)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A data folder with bundles that keep logits of eight classes, confidences only, and a quality."""
    folder = tmp_path_factory.mktemp("data")
    write_bundle(draft(outputs(exits=3, classes=8, examples=150), images=[]), folder / "bundles" / "tiny")
    write_bundle(draft(outputs(exits=2, classes=8, examples=90, recorded="confidence"), id="sure", images=[]), folder / "bundles" / "sure")
    write_bundle(draft(replace(GRADED, prediction=None, classes=0), id="graded", images=[]), folder / "bundles" / "graded")
    return folder


@pytest.fixture(autouse=True)
def data(bundles, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATA", str(bundles))


def printed(capsys, *arguments: str) -> str:
    assert main(["speedup", *arguments]) == 0
    out, err = capsys.readouterr()
    assert all(line.startswith("[") for line in err.splitlines())  # a slow computer shows progress
    return out


@pytest.mark.parametrize(("top", "policies"), [(1, ["maxprob"]), (5, ["random_mix", "bolukbasi"])])
def test_the_document_holds_the_numbers_of_the_engine(capsys, top, policies):
    command = ["tiny", "--policy", *policies, "--losses", "1,3", "--top", str(top), "--unit", "latency_ms"]
    document = json.loads(printed(capsys, *command, "--json"))
    judged = open_bundle("tiny").outputs.top(top)
    assert [entry["policy"] for entry in document["policies"]] == policies
    for entry in document["policies"]:
        results = speed_ups(policy(entry["policy"]), judged, [0.01, 0.03], "latency_ms")
        assert entry["points"] == [result.as_json() for result in results]
    assert (document["bundle"], document["unit"], document["top"]) == ("tiny", "latency_ms", top)
    assert (document["examples"], document["calibration_examples"]) == (50, 50)
    assert document["full"]["accuracy"] == full_accuracy(judged).estimate


def test_the_text_shows_the_same_numbers(capsys):
    command = ["tiny", "--policy", "random_mix", "--top", "5"]
    (entry,) = json.loads(printed(capsys, *command, "--json"))["policies"]
    text = printed(capsys, *command)
    assert "top-5 accuracy" in text and "50 calibration examples" in text and "50 test examples" in text
    for point in entry["points"]:
        low, high = point["speed_up_interval"]
        assert f"{100 * point['allowed_loss']:.2f} {point['speed_up']:8.2f}x [{low:.2f}, {high:.2f}]" in text
        assert f"{100 * point['loss']:.2f} [{100 * point['loss_interval'][0]:.2f}" in text


def test_by_default_the_compared_policies_that_can_run_are_shown(capsys, monkeypatch):
    monkeypatch.setattr(speed_up, "COMPARED", ("random_mix", "entropy", "maxprob"))
    assert [entry["policy"] for entry in json.loads(printed(capsys, "sure", "--json"))["policies"]] == ["random_mix", "maxprob"]
    assert set(COMPARED) <= set(POLICIES)


def test_a_graded_quality_is_not_called_accurate(capsys):
    assert json.loads(printed(capsys, "graded", "--policy", "random_mix", "--json"))["top"] is None
    assert "mean quality at" in printed(capsys, "graded", "--policy", "random_mix")


@pytest.mark.parametrize(
    ("arguments", "mentions"),
    [
        (["huge"], ["'huge'", "tiny"]),
        (["tiny", "--policy", "magic"], ["'magic'", "maxprob"]),
        (["sure", "--policy", "entropy"], ["entropy", "maxprob"]),
        (["tiny", "--losses", "few"], ["'few'", "--losses"]),
        (["tiny", "--losses", "0.5,100"], ["100 points", "for example 0.5"]),
        (["tiny", "--losses", "nan"], ["nan points", "for example 0.5"]),
        (["tiny", "--top", "0"], ["'0'", "at least 1"]),
        (["tiny", "--top", "8"], ["Top-8", "8 classes", "1 to 7"]),
        (["sure", "--top", "5"], ["Top-5", "probabilities of every class"]),
        (["graded", "--top", "5"], ["Top-5", "needs labels of classes"]),
        (["tiny", "--unit", "joules"], ["'joules'", "latency_ms"]),
        (["tiny", "--quality", "dice"], ["'dice'"]),
    ],
)
def test_a_mistake_is_explained_in_one_sentence(capsys, arguments, mentions):
    assert main(["speedup", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert_one_sentence(err.strip(), *mentions)


def test_an_allowed_loss_is_reported_once(capsys):
    printed_rows = printed(capsys, "tiny", "--policy", "maxprob", "--losses", "1,1,2,1").splitlines()
    assert [row.split()[0] for row in printed_rows[-2:]] == ["1.00", "2.00"] and printed_rows[-3].startswith("  allowed")
