"""Every benchmark runs to the end on a small input, started from another folder. The measurements are not checked.

Those that open the page or measure a process have processes of their own; the others run in this one.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import page_loading, versions
from engine.bundle.bundle import write_bundle
from tests import synthetic
from tests.scripts import run_script
from tests.sentences import assert_one_sentence
from tests.thorough import variants

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SMALL = {
    "cascade": ["doodles", "--rounds", "1", "--seconds", "0", "--batch-sizes", "1,4", "--examples", "16"],
    "compute": ["doodles", "--limit", "10", "--rounds", "1"],
    "compute_scale": ["--examples", "40", "80"],
    "eenet": ["--examples", "200", "--rounds", "1"],
    "gain": ["scenes", "--policies", "maxprob", "--budgets", "0.5"],
    "importing": ["--examples", "300", "--only", "bool correct.npz"],
    "malformed": ["--files", "6"],
    "large_log": ["--examples", "300", "--points", "3", "--policies", "maxprob"],
    "memory": ["--few", "60", "--many", "120", "--only", "compute"],
    "precision": ["doodles", "--examples", "8"],
    "scale": ["--examples", "300", "--points", "3"],
    "sweep": ["--examples", "300", "--rounds", "1"],
    "tables": ["--only", "bags"],
}
IN_A_BROWSER = {
    "page": ["--only", *variants(["loading", "steps"], "steps"), "--moves", "1", "--loads", "1", "--examples", "300", "--bundle", "tiny"],
    "page_memory": ["--quick"],
}
#: A part of the last line of each report.
ENDS_WITH = {
    "cascade": "A share above 100%",
    "compute": "of the bare loop",
    "compute_scale": "80 examples take",
    "eenet": "one budget",
    "gain": "reads the labels",
    "importing": "bool correct.npz",
    "malformed": "times as fast as one for each file",
    "large_log": "than such a log has: none",
    "memory": "compute ",
    "precision": "float16 ",
    "scale": "times the memory",
    "sweep": "free_thresholds, 101 budgets",
    "tables": "| bag of features | alpha rule |",
    "page": "300 examples: CPU ms of the main thread, p95",
    "page_memory": "when the visitor has left",
}
NO_PROGRAMS = {"report", "options", "peak_memory", "former_eenet", "dashboard", "versions", "page_loading", "page_steps"}
#: These download gigabytes, so only their error messages are tested.
NEEDS_THE_NETWORK = {"first_minute", "page_during_setup"}


#: Tested in tests/engine/cluster/test_cluster.py, where there is a cluster.
ON_A_CLUSTER = {"cluster"}


def start(name: str, options: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OFFRAMP_DATA", "PYTHON"))}
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=110)


def assert_ran(done: subprocess.CompletedProcess[str], name: str) -> None:
    assert done.returncode == 0, done.stderr
    assert ENDS_WITH[name] in done.stdout.strip().splitlines()[-1]


def test_none_is_left_out() -> None:
    assert (
        {path.stem for path in BENCHMARKS.glob("*.py")} - NO_PROGRAMS - NEEDS_THE_NETWORK - ON_A_CLUSTER
        == {*SMALL, *IN_A_BROWSER}
        == set(ENDS_WITH)
    )


@pytest.mark.parametrize("name", variants(list(SMALL), *(name for name in SMALL if name not in ("scale", "memory"))))
def test_a_benchmark_runs(name: str, tmp_path: Path) -> None:
    if name == "memory":
        assert_ran(start(name, SMALL[name], tmp_path), name)
    else:
        assert_ran(run_script(BENCHMARKS / f"{name}.py", SMALL[name], tmp_path), name)


@pytest.mark.parametrize("name", variants(list(IN_A_BROWSER), "page"))
def test_a_page_benchmark_runs(name: str, chromium_path: str, tmp_path: Path) -> None:
    options = IN_A_BROWSER[name]
    if name == "page":  # a small bundle opens at once
        write_bundle(synthetic.draft(synthetic.outputs(examples=300), "tiny"), tmp_path / "bundles" / "tiny")
        options = [*options, "--data", str(tmp_path)]
    assert_ran(start(name, options, tmp_path), name)


@pytest.mark.parametrize(
    ("name", "options", "mentions"),
    [
        ("cascade", ["--seconds", "few"], ["few", "python benchmarks/cascade.py --help"]),
        ("compute", ["doodle"], ["doodle", "cifar10-resnet"]),
        ("first_minute", ["--folder", "nowhere"], ["nowhere", "existing"]),
        ("page_during_setup", ["--datasets", "nowhere"], ["nowhere", "existing"]),
        ("scale", ["--examples", "0"], ["'0'", "at least 1"]),
        ("memory", ["--few", "2"], ["'2'", "at least 3"]),
        ("page", ["--bundle", "doodle"], ["doodle", "cifar10-resnet"]),
        ("page", ["--against", "nowhere"], ["nowhere", "a branch, a tag or a commit"]),
        ("page_memory", ["--root", "nowhere"], ["nowhere", "app/serve.py"]),
        ("precision", ["--examples", "0"], ["'0'", "at least 1"]),
        ("large_log", ["--policies", "maxprop"], ["maxprop", "maxprob"]),
        ("sweep", ["--rounds", "-1"], ["--rounds"]),
        ("tables", ["--only", "bag"], ["'bag'", "bags"]),
    ],
)
def test_invalid_input_is_explained_in_one_sentence(name: str, options: list[str], mentions: list[str], tmp_path: Path) -> None:
    started = start(name, options, tmp_path) if name == "tables" else run_script(BENCHMARKS / f"{name}.py", options, tmp_path)
    assert (started.returncode, started.stdout) == (2, "")
    assert_one_sentence(started.stderr.rstrip("\n"), *mentions)


def test_the_checkout_of_an_earlier_version_is_removed_even_after_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    (tmp_path / "file").write_text("before")
    for command in ("init", "add file", "-c user.name=a -c user.email=a@b commit --message=before"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "file").write_text("after")
    with pytest.raises(KeyboardInterrupt), versions.checkout("HEAD") as before:
        assert (before.root / "file").read_text() == "before"
        assert str(before.root) in (versions.git("worktree", "list") or "")
        raise KeyboardInterrupt
    assert not before.root.exists()
    assert len((versions.git("worktree", "list") or "").splitlines()) == 1
    assert (tmp_path / "file").read_text() == "after"


def test_repeated_websocket_messages_count_once_if_the_compression_window_holds_them() -> None:
    message = np.random.default_rng(0).bytes(5000)
    traffic = page_loading.Traffic(messages=[message, message])
    assert traffic.websocket() == 10_000
    traffic.extension = "permessage-deflate; server_max_window_bits=15"
    assert 5000 < traffic.websocket() < 5500
    traffic.extension = "permessage-deflate; server_max_window_bits=12"  # 4,096 bytes
    assert 9900 < traffic.websocket() < 10_100
