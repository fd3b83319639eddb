"""Setting a checkout up for real, with tiny packages: by uv and by pip, stopped, killed, offline, and with the rest in the background."""

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
from pathlib import Path

import pytest

from setting_up import environment
from tests.tiny_setup import UNKNOWN_HASH, TinySetup, is_one_sentence, write_wheel

SERVES = "import time\nprint('served', flush=True)\ntime.sleep(60)\n"
STOPPED = "Stopped before the set-up was finished; the same command starts it again.\n"


@pytest.fixture
def tiny(tmp_path: Path) -> TinySetup:
    return TinySetup(tmp_path)


def state(tiny: TinySetup) -> str:
    return str(environment.read_state(tiny.venv).get("state"))


def wait_for(condition: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def end(server: subprocess.Popen[str]) -> tuple[str, str]:
    """Killed, so it can end nothing itself: its installer notices. What both printed."""
    server.kill()
    return server.communicate(timeout=20)


# --- with uv and without -------------------------------------------------------------------------------------------------------------


def test_pip_fetches_uv_and_uv_installs_from_where_pip_would(tiny: TinySetup) -> None:
    tiny.bring_uv()
    tiny.pin("1.0")
    started = tiny.start()
    assert (started.returncode, started.stderr) == (0, "")
    assert "got uv-" in started.stdout and started.stdout.endswith("served\n") and "pip installs" not in started.stdout
    assert tiny.imports("tiny_view")
    assert (next(tiny.venv.glob("**/tiny_view-1.0.dist-info")) / "INSTALLER").read_text().strip() == "uv"
    assert not (tiny.venv / environment.UNFINISHED).exists()
    assert tiny.start().stdout == "served\n"  # the second start does none of that


def test_where_uv_cannot_be_had_pip_does_it(tiny: TinySetup) -> None:
    tiny.pin("1.0")
    started = tiny.start()
    assert (started.returncode, started.stderr) == (0, "")
    assert "pip installs the packages" in started.stdout and "got tiny_view-1.0" in started.stdout
    assert (next(tiny.venv.glob("**/tiny_view-1.0.dist-info")) / "INSTALLER").read_text().strip() == "pip"


@pytest.mark.parametrize("with_uv", [True, False])
def test_a_package_that_is_not_the_locked_one_is_refused(tiny: TinySetup, with_uv: bool) -> None:
    if with_uv:
        tiny.bring_uv()
    (tiny.folder / "locks" / "view.txt").write_text(f"tiny-view==1.0{UNKNOWN_HASH}")
    started = tiny.start()
    assert started.returncode == 2 and is_one_sentence(started.stderr), started.stderr
    assert not list(tiny.venv.glob("**/tiny_view.py"))


def test_uvs_cache_takes_no_disk_of_its_own(tiny: TinySetup, tmp_path: Path) -> None:
    tiny.bring_uv()
    tiny.pin("1.0")
    assert tiny.start().returncode == 0
    assert next(tiny.venv.glob("**/tiny_view.py")).stat().st_nlink == 2  # the other link is in the cache
    shutil.rmtree(tiny.venv)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").symlink_to(other_disk(tmp_path))
    assert tiny.start().returncode == 0
    assert not list((tmp_path / "cache").iterdir()) and not (tiny.venv / environment.UV_CACHE).exists()


def other_disk(folder: Path) -> Path:
    """A folder on another file system, where files cannot be linked."""
    for place in (Path("/dev/shm"), Path("/run")):
        if place.is_dir() and place.stat().st_dev != folder.stat().st_dev and os.access(place, os.W_OK):
            away = place / f"offramp-test-{os.getpid()}"
            away.mkdir()
            return away
    pytest.skip("there is no second file system here")


@pytest.fixture(autouse=True)
def nothing_is_left_on_the_other_disk():
    yield
    shutil.rmtree(Path("/dev/shm") / f"offramp-test-{os.getpid()}", ignore_errors=True)


# --- failing and mending -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_uv", [True, False])
def test_an_unreachable_index_is_one_sentence_and_the_next_start_mends_it(tiny: TinySetup, with_uv: bool) -> None:
    if with_uv:
        tiny.bring_uv()
    tiny.pin("1.0")
    reachable = dict(tiny.environment)
    tiny.environment |= {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    (tiny.wheels / "tiny_view-1.0-py3-none-any.whl").rename(tiny.folder / "away.whl")
    failed = tiny.start()
    assert failed.returncode == 2 and is_one_sentence(failed.stderr), failed.stderr
    assert "internet connection" in failed.stderr and str(tiny.venv / "install.log") in failed.stderr
    assert (tiny.venv / environment.UNFINISHED).exists()

    (tiny.folder / "away.whl").rename(tiny.wheels / "tiny_view-1.0-py3-none-any.whl")
    tiny.environment = reachable
    mended = tiny.start()
    assert (mended.returncode, mended.stderr) == (0, "")
    assert "not finished" in mended.stdout and mended.stdout.endswith("served\n")
    assert not (tiny.venv / environment.UNFINISHED).exists()

    tiny.pin("2.0")
    failed = tiny.start()
    assert failed.returncode == 2 and is_one_sentence(failed.stderr)
    assert not (tiny.venv / environment.UNFINISHED).exists() and tiny.imports("tiny_view")  # what worked still works


def test_offline_it_is_set_up_from_what_was_fetched_before(tiny: TinySetup) -> None:
    """The wheels come from uv's cache; the folder that had them is gone, and the index does not answer."""
    tiny.bring_uv()
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
    (tiny.venv / environment.UNFINISHED).touch()
    again = tiny.start()
    assert (again.returncode, again.stderr) == (0, "") and "not finished" in again.stdout


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


def test_stopped_in_the_middle_no_child_is_left(tiny: TinySetup) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # an index that takes the question and never answers
        mute.settimeout(60)
        tiny.environment |= {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": f"http://127.0.0.1:{mute.getsockname()[1]}/", "PIP_TIMEOUT": "30"}
        with tiny.begin() as begun:
            question, _ = mute.accept()
            begun.send_signal(signal.SIGTERM)
            output, errors = begun.communicate(timeout=20)
        assert (begun.returncode, errors) == (0, "")
        assert output.endswith(STOPPED)
        question.settimeout(5)
        while question.recv(4096):  # ends only when pip is gone
            pass
    assert (tiny.venv / environment.UNFINISHED).exists()


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_the_next_start_mends_it(tiny: TinySetup, seed: int) -> None:
    tiny.bring_uv()
    begun = tiny.begin("--all")
    time.sleep(random.Random(seed).uniform(0, 4))
    begun.kill()
    begun.communicate()
    mended = tiny.start("--all")
    assert (mended.returncode, mended.stderr) == (0, "")
    assert mended.stdout.endswith("served\n") and tiny.imports("tiny_view, tiny_torch")


# --- what follows in the background --------------------------------------------------------------------------------------------------


def test_the_page_comes_first_and_the_rest_follows(tiny: TinySetup) -> None:
    tiny.bring_uv()
    tiny.serve(SERVES)
    server = tiny.begin()
    wait_for(lambda: state(tiny) == "done")
    assert tiny.imports("tiny_torch")
    wait_for(lambda: bool(list(tiny.venv.glob("**/site-packages/pip"))))  # for those who activate the environment
    output, errors = end(server)
    lines = output.splitlines()
    assert lines.index("served") < lines.index("PyTorch is installed: networks can be run.")
    assert any(line.startswith("PyTorch follows in the background") for line in lines[: lines.index("served")])
    tiny.serve("print('served')")
    assert tiny.start().stdout == "served\n"


def test_all_waits_for_everything(tiny: TinySetup) -> None:
    tiny.serve("import tiny_torch\nprint('served', tiny_torch.NAME)")
    assert tiny.start("--all").stdout.endswith("served torch\n")
    assert state(tiny) == "done"


def test_the_installer_ends_with_its_page_and_the_next_page_goes_on(tiny: TinySetup) -> None:
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

        second = tiny.begin()  # waits for nothing
        assert second.stdout and [second.stdout.readline() for _ in range(2)][1] == "served\n"
        end(second)
        assert state(tiny) == "installing"

        server.kill()  # even so
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


def test_a_half_unpacked_package_is_unpacked_again(tiny: TinySetup) -> None:
    """As after a power cut: the metadata is there, a file is not, and the state was never finished."""
    tiny.bring_uv()
    assert tiny.start("--all").returncode == 0
    next(tiny.venv.glob("**/tiny_torch.py")).unlink()
    environment.write_state(tiny.venv, "installing")
    assert not tiny.imports("tiny_torch")
    assert tiny.start("--all").returncode == 0
    assert tiny.imports("tiny_torch, tiny_view")


@pytest.mark.parametrize("with_uv", [True, False])
def test_a_platform_without_torch_is_a_lasting_state(tiny: TinySetup, with_uv: bool) -> None:
    if with_uv:
        tiny.bring_uv()
    (tiny.wheels / "tiny_torch-1.0-py3-none-any.whl").unlink()
    write_wheel(tiny.wheels, "tiny_torch", "1.0", {"tiny_torch.py": ""}, tag="py3-none-macosx_99_0_arm64")
    write_wheel(tiny.wheels, "tiny_torch", "0.9", {"tiny_torch.py": ""})  # older versions were for more platforms
    tiny.pin("1.0", "1.0")
    first = tiny.start("--all")
    assert (first.returncode, first.stderr) == (0, "") and first.stdout.endswith("served\n")
    assert "There is no tiny-torch 1.0 for Python" in first.stdout and "so networks cannot be run here" in first.stdout
    known = json.loads((tiny.venv / environment.STATE).read_text())
    assert known["state"] == "unsupported" and is_one_sentence(known["sentence"])
    assert tiny.start().stdout == "served\n"  # nothing is tried again

    (tiny.folder / "locks" / "full.txt").write_text((tiny.folder / "locks" / "full.txt").read_text() + "# another lock\n")
    assert "PyTorch follows" in tiny.start().stdout


def test_a_failure_in_the_background_is_a_sentence_and_the_next_start_tries_again(tiny: TinySetup) -> None:
    tiny.bring_uv()
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
