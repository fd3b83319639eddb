"""The command `route`: the table and the saved policy agree with the sweep, and mistakes are explained in a sentence."""

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.__main__ import main
from engine.bundle.bundle import write_bundle
from engine.bundle.library import open_bundle
from engine.policies import policy
from engine.sweep import run_sweep
from tests.sentences import assert_one_sentence
from tests.synthetic import draft, outputs


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working folder. The data folder has two bundles of one cascade, and one of a family."""
    weights = {"weights_sha256": "ab" * 32}
    write_bundle(draft(outputs(exits=3, classes=4), provenance=weights, images=[]), tmp_path / "bundles" / "tiny")
    write_bundle(draft(outputs(exits=3, classes=4, seed=9), id="new", provenance=weights, images=[]), tmp_path / "bundles" / "new")
    write_bundle(draft(outputs(exits=3, kind="family"), id="family", images=[]), tmp_path / "bundles" / "family")
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def document(capsys, *arguments: str) -> dict:
    assert main(["route", *arguments, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "" and printed.out.count("\n") == 1
    return json.loads(printed.out)


def mistake(capsys, *arguments: str) -> str:
    assert main(["route", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert_one_sentence(printed.err.strip())
    return printed.err


def test_the_table_and_the_summary_are_those_of_the_sweep(place, capsys):
    result = document(
        capsys, "tiny", "--policy", "maxprob", "--budget", "0.5", "--unit", "latency_ms", "--points", "5", "--out", "routes.csv"
    )
    made = open_bundle("tiny").outputs
    sweep = run_sweep(policy("maxprob"), made, [0.5], "latency_ms")
    rows = list(csv.DictReader((place / "routes.csv").read_text().splitlines()))
    assert [int(row["exit"]) - 1 for row in rows] == sweep.exit[0].tolist()
    assert [row["correct"] == "true" for row in rows] == sweep.is_correct[0].tolist()
    assert any(row["budget_below"] for row in rows) and any(row["budget_above"] for row in rows)
    assert result == {
        "bundle": "tiny",
        "policy": "maxprob",
        "unit": "latency_ms",
        "split": "test",
        "examples": made.test().examples,
        "budget": 0.5,
        "planned_cost": sweep.planned_cost[0],
        "cost": pytest.approx(sweep.cost[0]),
        "costs_of": "bundle",
        "accuracy": pytest.approx(sweep.accuracy[0]),
        "shares": pytest.approx(sweep.shares[0].tolist()),
        "note": "",
        "routes": "routes.csv",
        "saved_policy": None,
    }


@pytest.mark.parametrize("more", [(), ("--calibrated",)], ids=["as it is", "calibrated"])
def test_a_saved_policy_routes_another_bundle_as_it_would_have(place, capsys, more):
    first = document(capsys, "tiny", "--policy", "entropy", "--budget", "0.5", *more, "--save-policy", "policy.json")
    assert first["saved_policy"] == "policy.json" and first["routes"] is None
    second = document(capsys, "tiny", "--load-policy", "policy.json", "--out", "tiny.parquet")
    assert second["policy"] == ("entropy_calibrated" if more else "entropy")
    assert {key: second[key] for key in ("cost", "accuracy", "shares")} == {key: first[key] for key in ("cost", "accuracy", "shares")}
    new = document(capsys, "new", "--load-policy", "policy.json", "--split", "fit", "--out", "new.parquet")
    assert new["bundle"] == "new" and new["split"] == "fit" and new["note"] == ""
    assert pq.read_table(place / "new.parquet").num_rows == new["examples"]


def test_the_text_names_what_was_written(place, capsys):
    assert (
        main(["route", "tiny", "--policy", "maxprob", "--budget", "0.5", "--points", "3", "--out", "r.csv", "--save-policy", "p.json"]) == 0
    )
    printed = capsys.readouterr().out
    for words in ("at a budget of 0.5", "Accuracy", "Routes written to r.csv.", "Policy saved to p.json."):
        assert words in printed


def test_oracles_are_routed_but_not_saved(place, capsys):
    arguments = ("tiny", "--policy", "oracle", "--budget", "0.5", "--points", "3", "--out", "routes.csv")
    assert document(capsys, *arguments)["accuracy"] > 0
    (place / "routes.csv").unlink()
    assert "labels" in mistake(capsys, *arguments, "--save-policy", "policy.json")
    assert not (place / "routes.csv").exists()


def test_what_differs_from_the_saved_policy_is_noted(place, capsys):
    document(capsys, "tiny", "--policy", "maxprob", "--budget", "0.5", "--save-policy", "policy.json")
    saved = json.loads((place / "policy.json").read_text())
    names = [*saved["exit_names"][:2], "renamed"]
    (place / "policy.json").write_text(json.dumps({**saved, "weights_sha256": "cd" * 32, "exit_names": names, "unit": "usd"}))
    told = document(capsys, "tiny", "--load-policy", "policy.json", "--split", "all")
    assert "other weights" in told["note"] and "in place of renamed" in told["note"] and "may be better than on new" in told["note"]
    assert told["examples"] == open_bundle("tiny").outputs.examples and told["costs_of"] == "policy"
    assert main(["route", "tiny", "--load-policy", "policy.json"]) == 0
    printed = capsys.readouterr().out
    assert "in usd, by the mean costs saved with the policy: this bundle has macs, latency_ms only." in printed


def test_models_in_another_order_are_refused_and_graded_ones_routed(place, capsys):
    document(capsys, "family", "--policy", "static", "--budget", "1", "--save-policy", "policy.json")
    saved = json.loads((place / "policy.json").read_text())
    (place / "policy.json").write_text(json.dumps({**saved, "exit_names": saved["exit_names"][::-1]}))
    assert "in the order" in mistake(capsys, "family", "--load-policy", "policy.json")
    for exits, word in ((2, "lacks "), (4, "--models ")):
        write_bundle(draft(outputs(exits=exits, kind="family"), id="other", images=[]), place / "bundles" / "other")
        (place / "policy.json").write_text(json.dumps(saved))
        assert word in mistake(capsys, "other", "--load-policy", "policy.json")
    (place / "policy.json").write_text(json.dumps(saved))
    made = outputs(exits=3, kind="family")
    quality = np.where(made.quality, np.float32(0.75), np.float32(0.25))
    graded = replace(made, judged=quality, prediction=None, labels=None, logits=None, scores={}, recorded="confidence", classes=0)
    write_bundle(draft(graded, images=[]), place / "bundles" / "graded")
    assert document(capsys, "graded", "--load-policy", "policy.json")["accuracy"] == pytest.approx(graded.test().quality[-1].mean())


def test_mistakes_are_explained(place, capsys):
    document(capsys, "tiny", "--policy", "maxprob", "--budget", "0.5", "--save-policy", "policy.json")
    solved, loaded = ("tiny", "--policy", "maxprob", "--budget", "0.5"), ("--load-policy", "policy.json", "--out", "routes.csv")
    assert "--load-policy" in mistake(capsys, *solved, "--split", "all")
    assert "--budget" in mistake(capsys, "tiny", "--policy", "maxprob", "--out", "routes.csv")
    assert ".csv and .parquet" in mistake(capsys, *solved, "--out", "routes.txt")
    assert "cannot be written" in mistake(capsys, *solved, "--points", "3", "--out", "missing/routes.csv")
    assert "0.001" in mistake(capsys, "tiny", "--policy", "maxprob", "--budget", "0.001", "--out", "routes.csv")
    assert "too many" in mistake(capsys, *solved, "--points", "100000", "--out", "routes.csv")
    assert "missing.json" in mistake(capsys, "tiny", "--load-policy", "missing.json", "--out", "routes.csv")
    assert "separate networks" in mistake(capsys, "family", *loaded)
    for option in (
        ("--policy", "maxprob"),
        ("--budget", "0.5"),
        ("--unit", "macs"),
        ("--points", "3"),
        ("--save-policy", "x"),
        ("--calibrated",),
    ):
        assert option[0] in mistake(capsys, "tiny", *loaded, *option)
    assert not (place / "routes.csv").exists()
