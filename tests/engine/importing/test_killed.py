"""An import that is killed at any moment leaves the earlier bundle or the new one, whole, and the next import ends in the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.importing.importer import import_file
from tests.thorough import KILLS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no groups of processes to kill")


def command(path: Path, folder: Path) -> list[str]:
    return [sys.executable, "-m", "engine", "import", str(path), "--id", "x", "--out", str(folder)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_file(path: Path, examples: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    labels = rng.integers(10, size=examples)
    np.savez(path, logits=rng.normal(size=(3, examples, 10)).astype(np.float32), labels=labels, cost=[1.0, 2.0, 3.0])
    return path


@dataclass(frozen=True)
class Whole:
    """Imports that were not killed: of one file, and then of another in its place.

    old, new: the files of the bundles;  seconds: that the second import took
    """

    before: Path
    after: Path
    old: dict[str, bytes]
    new: dict[str, bytes]
    seconds: float


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    before, after = write_file(folder / "before.npz", 50, 0), write_file(folder / "after.npz", 20_000, 1)
    old = contents(import_file(before, "x", out=folder / "old").folder)
    began = time.monotonic()
    subprocess.run(command(after, folder / "new"), check=True, capture_output=True)
    return Whole(before, after, old, contents(folder / "new"), time.monotonic() - began)


@pytest.mark.parametrize("kill", range(KILLS))
def test_after_a_kill_at_any_moment_the_bundle_is_whole_and_the_next_import_ends_in_the_same_bytes(whole, kill, tmp_path):
    """Each kill is in another part of the import. Every second one leaves the worker, which ends by itself."""
    folder = tmp_path / "x"
    import_file(whole.before, "x", out=folder)
    victim = subprocess.Popen(command(whole.after, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(whole.seconds * (kill + random.random()) / KILLS)
    if kill % 2:
        victim.kill()
    else:
        os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    assert not folder.exists() or contents(folder) in (whole.old, whole.new)
    done = again(command(whole.after, folder))
    assert done.returncode == 0, done.stderr
    assert contents(folder) == whole.new
    assert [path.name for path in tmp_path.iterdir()] == ["x"], "something half-written was left"


def again(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the import again; a worker whose parent was killed may still be about to end."""
    deadline = time.monotonic() + 20
    while True:
        done = subprocess.run(arguments, capture_output=True, text=True)
        if "is being written by another process" not in done.stderr or time.monotonic() > deadline:
            return done
