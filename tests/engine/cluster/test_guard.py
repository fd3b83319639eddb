"""What is left of a cluster is ended, and its folder removed, however the command ended; sentences say what happened."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.cluster import guard, session
from engine.cluster.guard import is_running, remove_abandoned
from engine.cluster.session import Connection
from engine.errors import UserError
from tests.sentences import assert_one_sentence

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show the processes of a cluster")

#: A command whose cluster is one process, which writes a log, and that ends as `how` says.
COMMAND = """
import os, signal, subprocess, sys, time
from engine.cluster.guard import Guard
home, how = sys.argv[1:]
with Guard(home) as guard, open(home + "/log", "w") as log:
    raylet = subprocess.Popen(["sleep", "60"], stdout=log)
    guard.watch({"raylet": raylet.pid})
    print(raylet.pid, flush=True)
    if how == "raylet":
        raylet.kill()
        time.sleep(3 * 0.5)
    if how != "well":
        os._exit(1)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def raylet(home: Path) -> Generator[subprocess.Popen[bytes]]:
    """A process that writes into a folder."""
    with open(home / "log", "w") as log:
        process = subprocess.Popen(["sleep", "60"], stdout=log)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("how", "mentions"),
    [("well", []), ("killed", ["it was killed", "same command again"]), ("raylet", ["raylet ended", "same command again"])],
)
def test_however_a_command_ends_nothing_is_left(how: str, mentions: list[str], home: Path) -> None:
    done = subprocess.run([sys.executable, "-c", COMMAND, home, how], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert not is_running(int(done.stdout)) and not home.exists()
    if mentions:
        assert_one_sentence(done.stderr.rstrip("\n"), *mentions)
    else:
        assert done.stderr == ""


def test_abandoned_folders_are_removed(home: Path, raylet: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    old, watched = home.with_name("old"), home.with_name("watched")
    for folder in (old, watched):
        folder.mkdir()
    remove_abandoned([old])
    assert old.is_dir(), "a folder that is new may get a process yet"
    monkeypatch.setattr(guard, "YOUNG", -1.0)
    with guard.Guard(str(watched)):
        remove_abandoned([old, home, watched])
        assert not old.exists() and home.is_dir() and watched.is_dir()
    os.kill(raylet.pid, signal.SIGKILL)
    while is_running(raylet.pid):
        time.sleep(0.01)
    remove_abandoned([home])
    assert not home.exists()


def test_the_user_of_a_cluster_that_ended_reads_a_sentence(raylet: subprocess.Popen[bytes]) -> None:
    connection = Connection(sys, own={"gcs_server": os.getpid(), "raylet": raylet.pid})
    connection.check()
    raylet.kill()
    while is_running(raylet.pid):
        time.sleep(0.01)
    with pytest.raises(UserError) as refused:
        connection.check()
    assert_one_sentence(str(refused.value), "process raylet ended", "same command again")


def test_workers_may_end_shortly_before_the_cluster(raylet: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "FOLLOWS_WITHIN", 0.05)
    connection = Connection(sys, own={"ray::DashboardAgent": os.getpid(), "raylet": raylet.pid})
    connection.check_after_loss()
    monkeypatch.setattr(session, "FOLLOWS_WITHIN", 30.0)
    ending = threading.Timer(0.2, raylet.kill)
    ending.start()
    with pytest.raises(UserError) as refused:
        connection.check_after_loss()
    ending.join()
    assert_one_sentence(str(refused.value), "process raylet ended", "same command again")


def test_all_processes_that_ended_are_named() -> None:
    assert_one_sentence(guard.lost(["raylet", "gcs_server", "ray::DashboardAgent"]), "processes gcs_server, ray::DashboardAgent and raylet")
