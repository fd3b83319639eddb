"""Setting up and starting: what is installed, what is half installed, what is said when something is wrong, and how it ends."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bootstrap
from app import serve

ROOT = bootstrap.ROOT
posix = pytest.mark.skipif(os.name == "nt", reason="signals and flock are POSIX") if os.name == "nt" else lambda test: test


# --- what is installed ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run_app.py", "run_tests.py", "bootstrap.py"])
def test_old_pythons_can_read_the_starters(name: str) -> None:
    """A syntax error is no way to learn that one's Python is too old."""
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("starter", ["run_app", "run_tests"])
def test_an_old_python_is_told_so(starter: str) -> None:
    code = f"import sys; sys.version_info = (3, 8, 1); import {starter}; sys.exit({starter}.main([]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and is_one_sentence(done.stderr)
    assert "3.11 or newer and this is 3.8" in done.stderr


def test_pins_are_exact_and_dev_includes_the_product() -> None:
    product, dev = (bootstrap.read_pins(ROOT / name) for name in ("requirements.txt", "requirements-dev.txt"))
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in dev.values())
    assert product.items() < dev.items()


def test_read_pins_skips_comments_and_options(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# why\n--no-index\n\ntorch==2.15.0  # a pair\nruff\n")
    assert bootstrap.read_pins(requirements) == {"torch": "2.15.0", "ruff": ""}


def test_unmet_compares_versions_without_importing(tmp_path: Path) -> None:
    fake_package(tmp_path, "numpy", "2.4.6")
    fake_package(tmp_path, "scikit_learn", "1.9.1")  # folders carry underscores, pins carry hyphens
    fake_package(tmp_path, "torch", "2.15.0+cpu")
    fake_package(tmp_path, "pandas", "3.0.0")
    pins = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "torch": "2.15.0", "pandas": "3.1.1", "plotly": "7.1.0"}
    assert bootstrap.unmet(pins, [str(tmp_path)]) == ["pandas==3.1.1", "plotly==7.1.0"]
    assert bootstrap.unmet({"torch": "2.15.0+cu132", "numpy": ""}, [str(tmp_path)]) == ["torch==2.15.0+cu132"]


def test_a_package_without_its_record_is_half_unpacked(tmp_path: Path) -> None:
    fake_package(tmp_path, "numpy", "2.4.6", record=False)
    assert bootstrap.unmet({"numpy": "2.4.6"}, [str(tmp_path)]) == ["numpy==2.4.6"]


def test_a_whole_environment_is_ready_and_a_piece_is_not(tmp_path: Path) -> None:
    requirements = clone(tmp_path) / "requirements.txt"
    requirements.write_text("tiny-thing==1.0\n")
    venv = tmp_path / ".venv"
    assert not bootstrap.ready(venv, requirements)  # nothing there
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    assert not bootstrap.ready(venv, requirements)  # nothing in it
    fake_package(bootstrap.site_packages(venv, sys.version_info[:2]), "tiny_thing", "1.0")
    assert bootstrap.ready(venv, requirements)
    (venv / bootstrap.UNFINISHED).touch()
    assert not bootstrap.ready(venv, requirements)  # the pins are there, but the last set-up was stopped
    (venv / bootstrap.UNFINISHED).unlink()
    bootstrap.python_of(venv).unlink()
    assert not bootstrap.ready(venv, requirements)  # its Python is gone


# --- failing and mending -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "no/such/folder"], "no folder 'no/such/folder'"),
        (["--datasets", "no/such/folder"], "no folder 'no/such/folder'"),
        (["--port", "many"], "'many' is not a port"),
        (["--port", "70000"], "'70000' is not a port"),
        (["--host", "no.such.host.invalid"], "cannot serve at no.such.host.invalid"),
        (["--allow-host", "https://lab.example"], "'https://lab.example' is not a host name"),
        (["--allow-host", "lab.example:8501"], "'lab.example:8501' is not a host name"),
        (["--allow-host", "*"], "'*' is not a host name"),
        (["--bogus"], "unrecognized arguments: --bogus"),
    ],
)
def test_what_the_user_gave_is_wrong(arguments: list[str], sentence: str) -> None:
    done = subprocess.run([sys.executable, "run_app.py", "--no-browser", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and is_one_sentence(done.stderr), done.stderr
    assert sentence in done.stderr


def test_an_unreachable_index_is_one_sentence_and_the_next_start_mends_it(tmp_path: Path) -> None:
    folder = clone(tmp_path)
    (folder / "requirements.txt").write_text("--index-url http://127.0.0.1:9/\ntiny-thing==1.0\n")
    failed = start_clone(folder)
    assert failed.returncode == 2 and is_one_sentence(failed.stderr), failed.stderr
    assert "internet connection" in failed.stderr and str(folder / ".venv" / "install.log") in failed.stderr
    assert (folder / ".venv" / bootstrap.UNFINISHED).exists()

    wheel(folder, "tiny_thing", "1.0")
    (folder / "requirements.txt").write_text("--no-index\n--find-links wheels\ntiny-thing==1.0\n")
    mended = start_clone(folder)
    assert mended.returncode == 0, mended.stderr
    assert "not finished" in mended.stdout and "tiny_thing-1.0" in mended.stdout and mended.stdout.endswith("served\n")
    assert not (folder / ".venv" / bootstrap.UNFINISHED).exists()

    began = time.monotonic()
    assert start_clone(folder).stdout == "served\n"  # the second start does none of that
    assert time.monotonic() - began < 5

    (folder / "requirements.txt").write_text("--no-index\n--find-links wheels\ntiny-thing==2.0\n")
    failed = start_clone(folder)
    assert failed.returncode == 2 and "There is no tiny-thing==2.0 for Python" in failed.stderr
    assert not (folder / ".venv" / bootstrap.UNFINISHED).exists()  # pip had touched nothing: what worked still works


@posix
def test_stopped_in_the_middle_no_child_is_left(tmp_path: Path) -> None:
    folder = clone(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # an index that takes the question and never answers
        mute.settimeout(60)
        (folder / "requirements.txt").write_text(f"--index-url http://127.0.0.1:{mute.getsockname()[1]}/\ntiny-thing==1.0\n")
        command = [sys.executable, "run_app.py", "--no-browser"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=pip_alone()) as begun:
            question, _ = mute.accept()
            begun.send_signal(signal.SIGTERM)
            output, errors = begun.communicate(timeout=20)
        assert (begun.returncode, errors) == (0, "")
        assert output.endswith("Stopped before the set-up was finished; the same command starts it again.\n")
        question.settimeout(5)
        while question.recv(4096):  # ends only when pip is gone
            pass
    assert (folder / ".venv" / bootstrap.UNFINISHED).exists()


def test_a_broken_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("version = 3.11.0\n")
    bootstrap.python_of(venv).parent.mkdir(exist_ok=True)
    bootstrap.python_of(venv).symlink_to(tmp_path / "gone")
    (tmp_path / "requirements.txt").write_text("tiny-thing==1.0\n")
    monkeypatch.setattr(bootstrap, "_make_venv", lambda venv, log, lock: (venv / "made").touch())
    monkeypatch.setattr(bootstrap, "_install", lambda *_: None)
    assert bootstrap.ensure(tmp_path / "requirements.txt") == str(bootstrap.python_of(venv))
    assert "does not run any more" in capsys.readouterr().out
    assert (venv / "made").exists() and not (venv / "pyvenv.cfg").exists()


def test_a_venv_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("tiny-thing==1.0\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "thesis.txt").write_text("mine")
    with pytest.raises(bootstrap.SetupError, match="is not a Python environment: move it away"):
        bootstrap.ensure(tmp_path / "requirements.txt")
    assert (tmp_path / ".venv" / "thesis.txt").read_text() == "mine"
    shutil.rmtree(tmp_path / ".venv")
    (tmp_path / ".venv").write_text("a file")
    with pytest.raises(bootstrap.SetupError, match="is not a folder: move it away"):
        bootstrap.ensure(tmp_path / "requirements.txt")


def test_no_venv_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements.txt").write_text("tiny-thing==1.0\n")
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bootstrap.SetupError, match=r"apt install python3\.\d+-venv"):
        bootstrap.ensure(tmp_path / "requirements.txt")


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "The disk is full"),
        ("PermissionError: [Errno 13] Permission denied: '/opt/x'", "may not write"),
        ("WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)'", "internet connection"),
        (
            "ERROR: Could not find a version that satisfies the requirement torch (from versions: 2.1)\n"
            "ERROR: No matching distribution found for torch==2.15.0",
            "There is no torch==2.15.0 for Python",
        ),
        ("all well\nERROR: something new", "ERROR: something new"),
        ("", "could not be installed"),
    ],
)
def test_what_went_wrong_becomes_one_sentence(output: str, cause: str, tmp_path: Path) -> None:
    sentence = bootstrap._explain(output, tmp_path / ".venv")
    assert cause in sentence and "then give the same command again" in sentence and is_one_sentence(sentence)


@pytest.mark.parametrize(
    ("line", "news"),
    [
        ("  Downloading https://x.org/torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl (530.1 MB)\n", "got torch-2.15.0 (530.1 MB)"),
        ("Using cached pillow-13.0.0-cp311-none-any.whl (7.1 MB)\n", "got pillow-13.0.0 (7.1 MB)"),
        ("Processing ./wheels/tiny_thing-1.0-py3-none-any.whl (from -r requirements.txt (line 3))", "got tiny_thing-1.0"),
        ("Downloading plotly-7.1.0-py3-none-any.whl.metadata (8.0 kB)\n", ""),
        ("Installing collected packages: a, b, c\n", "unpacking 3 packages (the last step, about a minute)"),
        ("Collecting torch==2.15.0\n", ""),
    ],
)
def test_news(line: str, news: str) -> None:
    assert bootstrap._news(line) == news


# --- two at once ---------------------------------------------------------------------------------------------------------------------


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True).stdout.strip()
    (tmp_path / bootstrap.LOCK).write_text(dead)
    with bootstrap.locked(tmp_path):
        assert (tmp_path / bootstrap.LOCK).read_text() == str(os.getpid())
    assert "waiting" not in capsys.readouterr().out


def test_a_held_lock_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold = (
        "import sys, time, pathlib, bootstrap\n"
        "with bootstrap.locked(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(0.7)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with bootstrap.locked(tmp_path):
            assert holder.wait(5) == 0  # it was over before we got in
    assert f"process {holder.pid}) is setting Offramp up: waiting" in capsys.readouterr().out


# --- ports and addresses -------------------------------------------------------------------------------------------------------------


def test_the_next_free_port_is_taken() -> None:
    with serve.listen("127.0.0.1", free_port()) as first:
        port = first.getsockname()[1]
        with serve.listen("127.0.0.1", port) as second:
            assert port < second.getsockname()[1] < port + 100


def test_addresses() -> None:
    assert serve.address("127.0.0.1", 8501) == "http://127.0.0.1:8501"
    assert serve.address("::1", 8501) == "http://[::1]:8501"
    assert serve.address("0.0.0.0", 8501, seen_from_here=True) == "http://127.0.0.1:8501"
    assert "0.0.0.0" not in serve.address("0.0.0.0", 8501)


def test_no_browser_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not serve.has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert serve.has_screen()


# --- the real thing ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def start() -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Starts the real server; whatever happens, none is left behind."""
    started: list[subprocess.Popen[str]] = []

    def begin(port: int) -> subprocess.Popen[str]:
        command = [sys.executable, "run_app.py", "--no-browser", "--port", str(port)]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for server in started:
        server.kill()
        server.communicate()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_ends_in_order(start: Callable[[int], subprocess.Popen[str]], number: signal.Signals) -> None:
    port = free_port()
    server = start(port)
    assert server.stdout and server.stdout.readline() == f"Offramp is at http://127.0.0.1:{port}  (Ctrl-C ends it)\n"
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=20).read() == b"ok"
    server.send_signal(number)
    assert server.communicate(timeout=20) == ("", "") and server.returncode == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


@posix
@pytest.mark.parametrize("moment", [0.0, 0.15, 0.4, 0.8])
def test_a_taken_port_is_said_and_a_signal_at_any_moment_is_no_crash(start: Callable[[int], subprocess.Popen[str]], moment: float) -> None:
    with serve.listen("127.0.0.1", free_port()) as taken:
        port = taken.getsockname()[1]
        server = start(port)
        assert server.stdout
        line = server.stdout.readline()
        time.sleep(moment)  # importing, warming up, or just serving
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=20)
    assert re.fullmatch(rf"Port {port} is taken: using \d+\.\n", line)
    assert (server.returncode, errors) == (0, "")


def test_nothing_is_left_out_when_all_is_required(tmp_path: Path) -> None:
    """A skip, an expected failure, a module that skips itself: each is a failure with its reason."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_a.py").write_text(
        "import pytest\n"
        "@pytest.mark.skip(reason='no whale')\ndef test_1(): pass\n"
        "@pytest.mark.xfail(reason='no squid')\ndef test_2(): assert False\n"
        "def test_3(): pass\n"
    )
    (tmp_path / "test_b.py").write_text("import pytest\npytest.importorskip('no_such_package')\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "."]
    for required, code in (("0", 0), ("1", 1)):
        done = subprocess.run(
            [*command, "--continue-on-collection-errors"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=os.environ | {"OFFRAMP_REQUIRE_ALL": required, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == code, done.stdout
    assert "1 failed, 1 passed, 2 errors" in done.stdout
    assert all(reason in done.stdout for reason in ("no whale", "no squid", "no_such_package"))


# --- helpers -------------------------------------------------------------------------------------------------------------------------


def is_one_sentence(text: str) -> bool:
    """One line (a second sentence may point at the log), and nothing a programmer would have to read."""
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def fake_package(site: Path, name: str, version: str, record: bool = True) -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if record:
        (info / "RECORD").write_text("")


def wheel(folder: Path, name: str, version: str) -> None:
    """A real, empty wheel in folder/wheels."""
    (folder / "wheels").mkdir()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / "wheels" / f"{name}-{version}-py3-none-any.whl", "w") as packed:
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        packed.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{info}/RECORD", "")


def clone(folder: Path) -> Path:
    """The starters alone, with a server that only says that it was reached."""
    for name in ("run_app.py", "bootstrap.py"):
        shutil.copy(ROOT / name, folder)
    (folder / "app").mkdir()
    (folder / "app" / "serve.py").write_text("print('served')\n")
    return folder


def pip_alone() -> dict[str, str]:
    """An environment in which pip knows no index but the one it is told, and gives up at once."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return environment | {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_TIMEOUT": "30"}


def start_clone(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "run_app.py", "--no-browser"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=pip_alone())
