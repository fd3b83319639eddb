"""Setting up a checkout for real with tiny packages: with uv and pip, stopped, killed, offline and in the background."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from setting_up import environment
from tests.thorough import KILLS, variants
from tests.tiny_setup import UNKNOWN_HASH, TinySetup, is_one_sentence, write_wheel

SERVES = "import time\nprint('served', flush=True)\ntime.sleep(60)\n"
STOPPED = "Stopped before set-up was finished; run the same command again to continue.\n"


@pytest.fixture
def scratch(tmp_path: Path) -> TinySetup:
    """A checkout that was never started."""
    return TinySetup(tmp_path)


@dataclass(frozen=True)
class Installed:
    """A checkout where everything was installed. output: what set-up and page printed;  seconds: how long it took"""

    tiny: TinySetup
    output: str
    seconds: float


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    tiny = TinySetup(tmp_path_factory.mktemp("installed"))
    tiny.offer_uv()
    tiny.serve("import tiny_torch\nprint('served', tiny_torch.NAME)")
    begun = time.monotonic()
    started = tiny.start("--all")
    assert started.returncode == 0, started.stderr
    return Installed(tiny, started.stdout, time.monotonic() - begun)


@pytest.fixture
def tiny(scratch: TinySetup, installed: Installed) -> TinySetup:
    """A checkout whose environment exists and has no packages."""
    scratch.take_environment(installed.tiny)
    return scratch


def state(tiny: TinySetup) -> str:
    return str(environment.read_state(tiny.venv).get("state"))


def wait_for(condition: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def end(server: subprocess.Popen[str]) -> tuple[str, str]:
    """Kill the server, so that it cannot end its installer itself. What both printed."""
    server.kill()
    return server.communicate(timeout=20)


# --- with uv and without -------------------------------------------------------------------------------------------------------------


def test_pip_installs_the_packages_if_uv_is_missing(tiny: TinySetup) -> None:
    started = tiny.start("--all")
    assert (started.returncode, started.stderr) == (0, "")
    assert "pip installs the packages" in started.stdout and "got tiny_torch-1.0" in started.stdout
    assert (next(tiny.venv.glob("**/tiny_view-1.0.dist-info")) / "INSTALLER").read_text().strip() == "pip"
    assert list(tiny.venv.glob("**/site-packages/pip"))  # for people who activate the environment


@pytest.mark.parametrize("with_uv", variants([True, False], True))
def test_a_package_with_another_hash_is_refused(tiny: TinySetup, with_uv: bool) -> None:
    if with_uv:
        tiny.offer_uv(downloaded=True)
    (tiny.folder / "locks" / "view.txt").write_text(f"tiny-view==1.0{UNKNOWN_HASH}")
    started = tiny.start()
    assert started.returncode == 2 and is_one_sentence(started.stderr), started.stderr
    assert not list(tiny.venv.glob("**/tiny_view.py"))


def test_a_cache_on_another_disk_is_used_and_no_second_one_made(tiny: TinySetup, tmp_path: Path) -> None:
    tiny.offer_uv()
    tiny.pin("1.0")
    (tmp_path / "cache").symlink_to(other_disk(tmp_path))
    assert tiny.start().returncode == 0
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["offramp"] and not (tiny.venv / environment.UV_CACHE).exists()


def other_disk(folder: Path) -> Path:
    """A folder on another file system, where files cannot be linked."""
    for place in (Path("/dev/shm"), Path("/run")):
        if place.is_dir() and place.stat().st_dev != folder.stat().st_dev and os.access(place, os.W_OK):
            away = place / f"offramp-test-{os.getpid()}"
            away.mkdir()
            return away
    pytest.skip("this machine has one file system only")


@pytest.fixture(autouse=True)
def other_disk_is_left_empty():
    yield
    shutil.rmtree(Path("/dev/shm") / f"offramp-test-{os.getpid()}", ignore_errors=True)


# --- failures and repairs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_uv", variants([True, False], True))
def test_an_unreachable_index_is_one_sentence_and_the_next_start_works(scratch: TinySetup, with_uv: bool) -> None:
    if with_uv:
        scratch.offer_uv(downloaded=True)
    scratch.pin("1.0")
    reachable = dict(scratch.environment)
    scratch.environment |= {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    (scratch.wheels / "tiny_view-1.0-py3-none-any.whl").rename(scratch.folder / "away.whl")
    failed = scratch.start()
    assert failed.returncode == 2 and is_one_sentence(failed.stderr), failed.stderr
    assert "internet connection" in failed.stderr and str(scratch.venv / "install.log") in failed.stderr
    assert (scratch.venv / environment.UNFINISHED).exists()

    (scratch.folder / "away.whl").rename(scratch.wheels / "tiny_view-1.0-py3-none-any.whl")
    for wheel in (scratch.folder.parent / "cache" / "offramp").glob("uv-*.whl"):
        wheel.rename(scratch.wheels / wheel.name)
    scratch.environment = reachable
    repaired = scratch.start()
    assert (repaired.returncode, repaired.stderr) == (0, "")
    assert "did not finish" in repaired.stdout and repaired.stdout.endswith("served\n")
    assert not (scratch.venv / environment.UNFINISHED).exists() and scratch.imports("tiny_view")
    if with_uv:  # pip downloads uv, and uv uses the sources of pip
        assert "got uv-" in repaired.stdout and "pip installs" not in repaired.stdout
        assert (next(scratch.venv.glob("**/tiny_view-1.0.dist-info")) / "INSTALLER").read_text().strip() == "uv"
        assert next(scratch.venv.glob("**/tiny_view.py")).stat().st_nlink == 2  # no file is stored twice: the other link is in the cache
    assert scratch.start().stdout == "served\n"  # the next start installs nothing

    scratch.pin("2.0")
    failed = scratch.start()
    assert failed.returncode == 2 and is_one_sentence(failed.stderr)
    assert not (scratch.venv / environment.UNFINISHED).exists() and scratch.imports("tiny_view")  # what worked still works


def test_offline_the_cache_is_enough(tiny: TinySetup, installed: Installed) -> None:
    """The wheels come from uv's cache: their folder is deleted, and the index does not respond."""
    tiny.offer_uv()
    tiny.pin("1.0")
    simple = tiny.folder / "simple" / "tiny-view"
    simple.mkdir(parents=True)
    wheel = tiny.wheels / "tiny_view-1.0-py3-none-any.whl"
    shutil.copy(wheel, simple)
    (simple / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    with served_folder(tiny.folder / "simple") as address:
        tiny.environment |= {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": address}
        wheel.unlink()
        assert tiny.start().returncode == 0
    for wheel in tiny.wheels.glob("*"):
        wheel.unlink()
    tiny.take_environment(installed.tiny)
    again = tiny.start()
    assert (again.returncode, again.stderr) == (0, "") and "pip installs" not in again.stdout


class served_folder:
    """A package index of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> str:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(self.folder)]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        return f"http://127.0.0.1:{port}/"

    def __exit__(self, *_: object) -> None:
        self.server.kill()
        self.server.wait()


def test_a_stopped_set_up_leaves_no_child(scratch: TinySetup) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # an index that accepts requests and never responds
        mute.settimeout(60)
        scratch.environment |= {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": f"http://127.0.0.1:{mute.getsockname()[1]}/", "PIP_TIMEOUT": "30"}
        with scratch.begin() as begun:
            question, _ = mute.accept()
            begun.send_signal(signal.SIGTERM)
            output, errors = begun.communicate(timeout=20)
        assert (begun.returncode, errors) == (0, "")
        assert output.endswith(STOPPED)
        question.settimeout(5)
        while question.recv(4096):  # ends only when pip has ended
            pass
    assert (scratch.venv / environment.UNFINISHED).exists()


@pytest.mark.parametrize("kill", range(KILLS))
def test_after_a_kill_at_any_moment_the_next_start_works(scratch: TinySetup, installed: Installed, kill: int) -> None:
    """Every kill is in another part of the set-up, at a random moment. Every second one kills the children too."""
    scratch.offer_uv()
    started = scratch.begin("--all")
    time.sleep(installed.seconds * (kill + random.random()) / KILLS)
    if os.name == "nt" or kill % 2:
        started.kill()
    else:
        os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    repaired = scratch.start("--all")
    assert (repaired.returncode, repaired.stderr) == (0, "")
    assert repaired.stdout.endswith("served\n") and scratch.imports("tiny_view, tiny_torch")


# --- in the background ---------------------------------------------------------------------------------------------------------------


def test_the_page_starts_before_the_rest_is_installed(tiny: TinySetup) -> None:
    tiny.offer_uv(downloaded=True)
    tiny.serve(SERVES)
    server = tiny.begin()
    wait_for(lambda: state(tiny) == "done")
    assert tiny.imports("tiny_torch")
    assert list(tiny.venv.glob("**/site-packages/pip"))  # for people who activate the environment
    output, errors = end(server)
    lines = output.splitlines()
    assert lines.index("served") < lines.index("PyTorch is installed. Networks can be run now.")
    assert any(line.startswith("PyTorch is being installed in the background") for line in lines[: lines.index("served")])
    tiny.serve("print('served')")
    assert tiny.start().stdout == "served\n"


def test_all_waits_for_everything(installed: Installed) -> None:
    assert installed.output.endswith("served torch\n")
    assert state(installed.tiny) == "done"


def test_the_installer_ends_with_its_page_and_the_next_page_continues(tiny: TinySetup) -> None:
    tiny.offer_uv(downloaded=True)
    tiny.pin("1.0")
    assert tiny.start().returncode == 0
    tiny.serve(SERVES)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(60)
        tiny.pin("1.0", "1.0")
        reachable = dict(tiny.environment)
        index = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        tiny.environment |= {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": index, "PIP_TIMEOUT": "30"}
        server = tiny.begin()
        question, _ = mute.accept()
        assert state(tiny) == "installing"

        second = tiny.begin()  # does not wait for the first
        assert second.stdout and [second.stdout.readline() for _ in range(2)][1] == "served\n"
        end(second)
        assert state(tiny) == "installing"

        server.kill()  # even a killed page ends its installer
        server.communicate(timeout=20)
        question.settimeout(20)
        while question.recv(4096):
            pass
        wait_for(lambda: state(tiny) == "failed")
    tiny.environment = reachable
    server = tiny.begin()
    wait_for(lambda: state(tiny) == "done")
    end(server)
    assert tiny.imports("tiny_torch")


def test_a_half_unpacked_package_is_unpacked_again(installed: Installed) -> None:
    """As after a power cut: the metadata exists, a file is missing, and the state is still "installing"."""
    tiny = installed.tiny
    next(tiny.venv.glob("**/tiny_torch.py")).unlink()
    environment.write_state(tiny.venv, "installing")
    assert not tiny.imports("tiny_torch")
    assert tiny.start("--all").returncode == 0
    assert tiny.imports("tiny_torch, tiny_view")


@pytest.mark.parametrize("with_uv", variants([True, False], True))
def test_a_platform_without_torch_is_a_lasting_state(tiny: TinySetup, with_uv: bool) -> None:
    if with_uv:
        tiny.offer_uv(downloaded=True)
    (tiny.wheels / "tiny_torch-1.0-py3-none-any.whl").unlink()
    write_wheel(tiny.wheels, "tiny_torch", "1.0", {"tiny_torch.py": ""}, tag="py3-none-macosx_99_0_arm64")
    write_wheel(tiny.wheels, "tiny_torch", "0.9", {"tiny_torch.py": ""})  # older versions were for more platforms
    tiny.pin("1.0", "1.0")
    first = tiny.start("--all")
    assert (first.returncode, first.stderr) == (0, "") and first.stdout.endswith("served\n")
    assert "There is no tiny-torch 1.0 for Python" in first.stdout and "so networks cannot be run here" in first.stdout
    known = json.loads((tiny.venv / environment.STATE).read_text())
    assert known["state"] == "unsupported" and is_one_sentence(known["sentence"])
    assert tiny.start().stdout == "served\n"  # it does not try again

    (tiny.folder / "locks" / "full.txt").write_text((tiny.folder / "locks" / "full.txt").read_text() + "# another lock\n")
    assert "PyTorch is being installed" in tiny.start().stdout


def test_a_failure_in_the_background_is_a_sentence_and_the_next_start_tries_again(tiny: TinySetup) -> None:
    tiny.offer_uv(downloaded=True)
    (tiny.wheels / "tiny_torch-1.0-py3-none-any.whl").rename(tiny.folder / "away.whl")
    tiny.environment |= {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    tiny.serve(SERVES)
    server = tiny.begin()
    wait_for(lambda: state(tiny) == "failed", 60)
    output, _ = end(server)
    assert "internet connection" in output and "internet connection" in str(environment.read_state(tiny.venv)["sentence"])
    (tiny.folder / "away.whl").rename(tiny.wheels / "tiny_torch-1.0-py3-none-any.whl")
    server = tiny.begin()
    wait_for(lambda: state(tiny) == "done")
    end(server)
