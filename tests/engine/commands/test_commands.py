"""The command line: only documents on stdout, user errors in one sentence on stderr, and the documented exit codes."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main
from engine.bundle.bundle import LOGITS, TABLE, write_bundle
from engine.commands import COMMANDS
from engine.commands.progress import log_on_stderr, progress_bar
from engine.policies import POLICIES
from engine.recipes import RECIPES
from tests.engine.policies.tied import tied_outputs
from tests.sentences import assert_one_sentence
from tests.synthetic import draft, outputs

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    write_bundle(draft(outputs(examples=90, exits=3, classes=4)), data / "bundles" / "tiny")
    write_bundle(draft(outputs(examples=90, exits=2, recorded="confidence"), id="sure", images=[]), data / "bundles" / "sure")
    return data


@pytest.fixture
def data(pristine, tmp_path, monkeypatch):
    """A data folder with two small bundles."""
    folder = shutil.copytree(pristine, tmp_path / "data")
    monkeypatch.setenv("OFFRAMP_DATA", str(folder))
    return folder


def damaged(data: Path, file: str = TABLE) -> None:
    path = data / "bundles" / "tiny" / file
    good = path.read_bytes()
    path.write_bytes(good[:50] + bytes([good[50] ^ 1]) + good[51:])


def stdout_of(capsys, *arguments: str) -> str:
    """The output of a command that succeeds."""
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def document(capsys, *arguments: str) -> dict:
    out = stdout_of(capsys, *arguments, "--json")
    assert out.count("\n") == 1 and out.endswith("\n")
    return json.loads(out)


def mistake(capsys, *arguments: str) -> str:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.endswith("\n")
    return printed.err[:-1]


def run(data: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OFFRAMP_DATA": str(data), "PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "engine", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


# As a program


def test_list_as_a_program(data):
    ran = run(data, "list", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [bundle["id"] for bundle in json.loads(ran.stdout)["bundles"]] == ["sure", "tiny"]


def test_sweep_as_a_program(data):
    ran = run(data, "sweep", "tiny", "--policy", "maxprob", "--budgets", "0.4,1", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [point["budget"] for point in json.loads(ran.stdout)["points"]] == [0.4, 1.0]


def test_a_user_error_as_a_program(data):
    damaged(data)
    ran = run(data, "verify", "tiny")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert_one_sentence(ran.stderr[:-1], TABLE, "tiny")


def test_a_closed_pipe_is_not_an_error(data):
    environment = {**os.environ, "OFFRAMP_DATA": str(data)}
    command = f"{sys.executable} -m engine sweep tiny --policy maxprob --points 800 | head -n 1"
    ran = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    problems = [line for line in ran.stderr.splitlines() if not line.startswith("[")]  # a slow computer shows progress
    assert problems == [] and "tiny bundle" in ran.stdout


# list


def test_list_describes_bundles_recipes_and_policies(data, capsys):
    listed = document(capsys, "list")
    tiny = next(bundle for bundle in listed["bundles"] if bundle["id"] == "tiny")
    assert {key: tiny[key] for key in ("exits", "classes", "examples", "title")} == {
        "exits": 3,
        "classes": 4,
        "examples": 90,
        "title": "A tiny bundle",
    }
    assert set(tiny["units"]) == {"macs", "latency_ms"}
    assert {"static", "maxprob", "entropy", "oracle"} <= set(tiny["policies"]) <= set(POLICIES)
    sure = next(bundle for bundle in listed["bundles"] if bundle["id"] == "sure")
    assert "maxprob" in sure["policies"] and "entropy" not in sure["policies"]
    assert [recipe["name"] for recipe in listed["recipes"]] == list(RECIPES) and listed["broken"] == []
    settings = {recipe["name"]: recipe["training"] for recipe in listed["recipes"]}
    assert settings["imagenet-family"] is None
    assert settings["cifar10-bof"]["start_from"] == "cifar10-resnet" and len(settings["cifar10-bof"]["exit_weights"]) == 5
    assert [policy["name"] for policy in listed["policies"]] == list(POLICIES)


def test_an_unknown_data_set_is_not_downloaded(data, capsys):
    assert_one_sentence(mistake(capsys, "download", "cifar11"), "cifar11", "cifar10, cifar100, fashion-mnist, svhn")


def test_a_recipe_without_its_images_tells_how_to_get_them(data, capsys, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATASETS", str(data / "nothing"))
    assert_one_sentence(mistake(capsys, "train", "cifar10-resnet"), str(data / "nothing"), "python -m engine download cifar10")


def test_list_as_text(data, capsys):
    out = stdout_of(capsys, "list")
    for word in ("tiny", "sure", "3 exits, 4 classes, 90 examples", *RECIPES, *POLICIES):
        assert word in out
    ends = {line.split()[1]: line.partition("; needs ")[2] for line in out.splitlines() if line.startswith("policy")}
    assert ends["static"] == "" and ends["entropy"] == "the probability of every class" and ends["energy"] == "raw logits"
    assert ends["bof_alpha"] == ends["risk_control"] == "a confidence"
    assert ends["router"] == "a number known before any model runs, separate models" and "labels" in ends["oracle"]


def test_list_shows_broken_bundles_beside_whole_ones(data, capsys):
    damaged(data, LOGITS)
    listed = document(capsys, "list")
    assert [bundle["id"] for bundle in listed["bundles"]] == ["sure"]
    (broken,) = listed["broken"]
    assert broken["id"] == "tiny"
    assert_one_sentence(broken["problem"], LOGITS)
    assert "broken" in stdout_of(capsys, "list")


def test_list_without_bundles(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "none"))
    assert document(capsys, "list")["bundles"] == []


# sweep


@pytest.mark.parametrize("way", [lambda data: "tiny", lambda data: str(data / "bundles" / "tiny")], ids=["by id", "by path"])
def test_sweep_prints_the_document_of_the_sweep(data, capsys, way):
    swept = document(capsys, "sweep", way(data), "--policy", "entropy", "--budgets", "0.4,0.5,1.0", "--unit", "latency_ms")
    assert {key: swept[key] for key in ("bundle", "policy", "unit", "split")} == {
        "bundle": "tiny",
        "policy": "entropy",
        "unit": "latency_ms",
        "split": "test",
    }
    assert [point["budget"] for point in swept["points"]] == [0.4, 0.5, 1.0]
    assert swept["full"]["cost"] == pytest.approx(2.8)
    for point in swept["points"]:
        assert set(point) >= {"budget", "planned_cost", "cost", "accuracy", "shares", "knob"}
        assert sum(point["shares"]) == pytest.approx(1) and len(point["shares"]) == 3


def test_sweep_spreads_points_evenly(data, capsys):
    budgets = [point["budget"] for point in document(capsys, "sweep", "tiny", "--policy", "static", "--points", "5")["points"]]
    assert budgets == pytest.approx([4 / 19 + i / 4 * 15 / 19 for i in range(5)])
    assert len(document(capsys, "sweep", "tiny", "--policy", "static")["points"]) == 21


def test_sweep_on_another_split(data, capsys):
    splits = ("fit", "calibration", "test")
    by_split = {split: document(capsys, "sweep", "tiny", "--policy", "static", "--split", split) for split in splits}
    assert [swept["split"] for swept in by_split.values()] == list(by_split)
    assert len({swept["full"]["accuracy"] for swept in by_split.values()}) > 1


def test_sweep_as_text_shows_the_same_numbers(data, capsys):
    arguments = ("sweep", "tiny", "--policy", "maxprob", "--budgets", "0.4,0.8")
    points, out = document(capsys, *arguments)["points"], stdout_of(capsys, *arguments)
    full, (head, *lines) = document(capsys, *arguments)["full"], out.splitlines()[3:]
    assert "accuracy" in head and len(lines) == 2
    for point, row in zip(points, (re.sub(r"[\[\],]", " ", line).split() for line in lines), strict=True):
        assert row[0] == f"{point['budget']:.3f}" and row[3] == f"{point['cost']:.3f}" and row[4] == f"{point['accuracy']:.2%}"
        assert row[5:7] == [f"{100 * end:.1f}" for end in point["interval"]]
        printed = [Decimal(f"{100 * accuracy:.2f}") for accuracy in (point["accuracy"], full["accuracy"])]
        assert row[7] == f"{printed[0] - printed[1]:+.2f}", "the difference of the printed numbers"
        assert row[8:10] == [f"{100 * end:+.1f}" for end in point["difference_interval"]]
        assert row[10:] == [f"{share:.1%}" for share in point["shares"]]


def test_a_sweep_of_graded_quality_is_not_called_accurate(data, capsys):
    made = outputs(examples=90, exits=2)
    graded = replace(made, judged=np.random.default_rng(0).random((2, 90), dtype=np.float32))
    write_bundle(draft(graded, id="graded", images=[]), data / "bundles" / "graded")
    out = stdout_of(capsys, "sweep", "graded", "--policy", "static", "--points", "2")
    assert "mean quality at" in out and "accuracy" not in out


def test_the_default_unit_without_macs_is_the_first_of_the_bundle(data, capsys):
    timed = outputs(examples=90, exits=2)
    write_bundle(draft(replace(timed, stage_cost={"energy_mj": timed.stage_cost["macs"]}), id="timed"), data / "bundles" / "timed")
    assert document(capsys, "sweep", "timed", "--policy", "static")["unit"] == "energy_mj"


# verify


def test_verify(data, capsys):
    assert document(capsys, "verify", "tiny") == {"bundle": "tiny", "whole": True, "examples": 90}
    assert "tiny is intact: 3 exits, 90 examples" in stdout_of(capsys, "verify", str(data / "bundles" / "tiny"))


# User errors

MISTAKES = {
    "no command": ([], ["COMMAND"]),
    "an unknown command": (["fly"], ["'fly'", "sweep"]),
    "an unknown option": (["list", "--loud"], ["--loud"]),
    "no policy": (["sweep", "tiny"], ["--policy"]),
    "an unknown policy": (["sweep", "tiny", "--policy", "magic"], ["'magic'; choose one of", "maxprob"]),
    "a policy by its title": (["sweep", "tiny", "--policy", "MSDNet: Top probability"], ["'MSDNet: Top probability'", "give maxprob,"]),
    "a policy by a part of its title": (["sweep", "tiny", "--policy", "top probability"], ["“MSDNet: top probability” give maxprob,"]),
    "a misspelt policy": (["sweep", "tiny", "--policy", "max-prb"], ["'max-prb'", "give maxprob,"]),
    "an empty policy": (["sweep", "tiny", "--policy", ""], ["There is no policy ''; choose one of: static,"]),
    "an unknown bundle": (["sweep", "huge", "--policy", "maxprob"], ["'huge'", "sure, tiny"]),
    "an unknown bundle to verify": (["verify", "huge"], ["'huge'", "sure, tiny"]),
    "budgets that are text": (["sweep", "tiny", "--policy", "maxprob", "--budgets", "much"], ["'much'", "0.3,0.5"]),
    "budgets with a gap": (["sweep", "tiny", "--policy", "maxprob", "--budgets", "0.3,,0.5"], ["'0.3,,0.5'"]),
    "no budgets": (["sweep", "tiny", "--policy", "maxprob", "--budgets", ""], ["''"]),
    "a budget of 0": (["sweep", "tiny", "--policy", "maxprob", "--budgets", "0"], ["share of the full network's cost", "0.5"]),
    "a budget that is NaN": (["sweep", "tiny", "--policy", "maxprob", "--budgets", "nan"], ["share of the full network's cost"]),
    "an infinite budget": (["sweep", "tiny", "--policy", "maxprob", "--budgets", "1e999"], ["share of the full network's cost"]),
    "a negative budget": (["sweep", "tiny", "--policy", "maxprob", "--budgets=-0.5"], ["share of the full network's cost"]),
    "a budget out of reach": (["sweep", "tiny", "--policy", "maxprob", "--budgets", "0.01"], ["0.01", "at least 0.211"]),
    "budgets and points": (["sweep", "tiny", "--policy", "maxprob", "--budgets", "0.5", "--points", "3"], ["--points", "--budgets"]),
    "no points": (["sweep", "tiny", "--policy", "maxprob", "--points", "0"], ["'0'", "at least 1"]),
    "points in another script": (["sweep", "tiny", "--policy", "maxprob", "--points", "²"], ["'²'", "at least 1"]),
    "points beyond a billion": (["sweep", "tiny", "--policy", "maxprob", "--points", "1" + "0" * 23], ["below a billion"]),
    "too many points": (["sweep", "tiny", "--policy", "maxprob", "--points", "20000"], ["20,000", "at most 10,000"]),
    "a budget in percent": (["sweep", "tiny", "--policy", "maxprob", "--budgets", "25"], ["25 times", "give 0.25"]),
    "a file name that is too long": (["import", "a" * 300 + ".npz", "--id", "x"], ["There is no file"]),
    "half a point": (["sweep", "tiny", "--policy", "maxprob", "--points", "2.5"], ["'2.5'"]),
    "an unknown unit": (["sweep", "tiny", "--policy", "maxprob", "--unit", "joules"], ["'joules'", "latency_ms"]),
    "an unknown split": (["sweep", "tiny", "--policy", "maxprob", "--split", "train"], ["'train'", "calibration"]),
    "a policy that cannot run": (["sweep", "sure", "--policy", "entropy"], ["entropy", "maxprob"]),
    "an unknown recipe to compute": (["compute", "cats"], ["'cats'", "doodles"]),
    "an unknown recipe to train": (["train", "cats"], ["'cats'", "doodles"]),
    "no weights": (["compute", "doodles"], ["no weights for doodles", "python -m engine train doodles"]),
    "an empty batch": (["compute", "doodles", "--batch-size", "0"], ["'0'", "at least 1"]),
    "epochs that are text": (["train", "doodles", "--epochs", "many"], ["'many'"]),
    "an unknown device": (["train", "doodles", "--device", "toaster"], ["'toaster'", "cpu"]),
}


@pytest.mark.parametrize("json_too", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_user_error_is_reported_in_one_sentence(data, capsys, name, json_too):
    arguments, mentions = MISTAKES[name]
    flags = ["--json"] if json_too and arguments else []
    assert_one_sentence(mistake(capsys, *arguments, *flags), *mentions)


def test_a_bundle_is_no_recipe(data, capsys):
    write_bundle(draft(outputs(examples=90, exits=2), id="mine", provenance={"imported_from": "mine.npz"}), data / "bundles" / "mine")
    mentions = ("The bundle 'mine' is imported and holds outputs without a network, which", "give a recipe, see `list`")
    assert_one_sentence(mistake(capsys, "measure", "mine"), *mentions, "`measure`", "stage_cost_latency_ms")
    assert_one_sentence(mistake(capsys, "train", "mine"), *mentions, "`train`")
    assert_one_sentence(mistake(capsys, "measure", "tiny"), "'tiny' is a bundle and not a recipe", "the options with which it was computed")


def test_a_sweep_prints_the_notes_of_its_budgets(data, capsys):
    write_bundle(draft(tied_outputs("constant first exit", 900, 5, 4, seed=0), id="tied", images=[]), data / "bundles" / "tied")
    arguments = ["sweep", "tied", "--policy", "maxprob", "--budgets", "0.3,0.9"]
    notes = [point["note"] for point in document(capsys, *arguments)["points"]]
    assert any(notes)
    printed = stdout_of(capsys, *arguments)
    for budget, note in zip(("0.300", "0.900"), notes, strict=True):
        assert not note or f"{budget}: {note}" in printed or note in printed


def test_a_damaged_bundle_is_reported_in_one_sentence(data, capsys):
    damaged(data)
    for arguments in (["verify", "tiny"], ["sweep", "tiny", "--policy", "maxprob"]):
        assert_one_sentence(mistake(capsys, *arguments), TABLE, "bundle tiny", "checksum")


def test_a_folder_that_is_not_a_bundle_is_refused(data, capsys, tmp_path):
    assert_one_sentence(mistake(capsys, "verify", str(tmp_path)), "bundle.json is missing")


def test_an_invalid_bundle_name_is_refused(data, capsys):
    weights = data / "weights" / "doodles.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"")
    assert_one_sentence(mistake(capsys, "compute", "doodles", "--out", str(data / "My Bundle")), "'My Bundle' cannot name a bundle")


# Bugs and interrupts


def test_bugs_are_not_hidden(data, monkeypatch):
    monkeypatch.setattr("engine.bundle.library.read_bundle", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["verify", "tiny"])


@pytest.mark.parametrize(
    ("command", "then"),
    [(["compute", "doodles-msdnet"], "to continue"), (["verify", "tiny"], "to start from the beginning")]
    + [(["import", "a.npz", "--id", "a"], "to start from the beginning")],
)
def test_an_interrupt_tells_whether_the_command_continues(command, then, data, monkeypatch, capsys):
    def interrupted(given):
        raise KeyboardInterrupt

    monkeypatch.setattr(COMMANDS[command[0]], "run", interrupted)
    assert main(command) == 130
    assert_one_sentence(capsys.readouterr().err[:-1], f"run the same command again {then}")


@pytest.mark.parametrize("command", ["list", "download", "train", "compute", "sweep", "verify", "import"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"python -m engine {command}" in capsys.readouterr().out


def test_progress_goes_to_stderr_with_a_line_per_tenth(capsys):
    seconds = iter(range(0, 1000, 2))
    show = progress_bar("images", clock=lambda: next(seconds))
    for done in range(101):
        show(done, 100)
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert printed.out == "" and len(lines) == 11 and "\r" not in printed.err
    assert lines[2].endswith("20 of 100 images, 0.5 a second, 3 min left")
    assert lines[-1].endswith("100 of 100 images, 0.5 a second")


def test_a_share_of_the_work_is_in_per_cent(capsys):
    seconds = iter([0.0, 10.0, 20.0])
    show = progress_bar("the sweep of entropy", clock=lambda: next(seconds), share=True)
    for done in (0, 1000, 2000):
        show(done, 2000)
    states = [line.split("] ")[1] for line in capsys.readouterr().err.splitlines()]
    assert states == ["0% of the sweep of entropy", "50% of the sweep of entropy, 10 s left", "100% of the sweep of entropy"]


def test_the_speed_counts_only_what_this_run_did(capsys):
    seconds = iter([0.0, 10.0])
    show = progress_bar("steps", clock=lambda: next(seconds))
    show(9_000, 20_000)
    show(10_000, 20_000)
    assert capsys.readouterr().err.splitlines()[-1].endswith("100 a second, 2 min left")


def test_quick_work_shows_no_progress(capsys):
    seconds = iter([0.0, 1.0, 2.9, 0.0, 3.0, 4.0])
    for shown in (0, 2):
        show = progress_bar("steps", clock=lambda: next(seconds), after=3.0)
        for done in range(3):
            show(done, 2)
        assert len(capsys.readouterr().err.splitlines()) == shown


def test_on_a_terminal_the_bar_is_redrawn_and_lines_of_the_log_replace_it(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    seconds = iter([0.0, 0.01, 1.0, 1.01])
    show = progress_bar("steps", clock=lambda: next(seconds))
    with log_on_stderr():
        for done in range(3):
            show(done, 3)
        logging.getLogger("offramp.training").info("one epoch is done")
        show(3, 3)
    printed = capsys.readouterr().err
    states = [state.split("] ")[-1].split(",")[0].strip() for state in printed.split("\r")]
    assert states[1:] == [
        "0 of 3 steps",
        "2 of 3 steps",
        "one epoch is done",
        "3 of 3 steps",
    ]
    assert printed.count("\n") == 2 and not logging.getLogger("offramp").handlers


def test_a_score_policy_can_be_calibrated(data, capsys):
    swept = document(capsys, "sweep", "tiny", "--policy", "maxprob", "--calibrated", "--points", "3")
    assert swept["policy"] == "maxprob_calibrated"
    assert "nothing to calibrate" in mistake(capsys, "sweep", "tiny", "--policy", "static", "--calibrated")
