"""Setting up and starting: which packages are installed or half installed, what is printed when something fails, and how it ends."""

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
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bootstrap
from app import serve
from setting_up import environment, installer, installer_output
from tests.thorough import variants
from tests.tiny_setup import TinySetup, fake_package, is_one_sentence

ROOT = environment.ROOT
STARTERS = ["run_app.py", "run_tests.py", "bootstrap.py", *(f"setting_up/{path.name}" for path in (ROOT / "setting_up").glob("*.py"))]
posix = pytest.mark.skipif(os.name == "nt", reason="signals and flock are POSIX") if os.name == "nt" else lambda test: test


# --- what is installed ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STARTERS)
def test_old_pythons_can_read_the_starters(name: str) -> None:
    """A syntax error does not tell anyone that their Python is too old."""
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("starter", ["run_app", "run_tests"])
def test_an_old_python_is_told_so(starter: str) -> None:
    code = f"import sys; sys.version_info = (3, 8, 1); import {starter}; sys.exit({starter}.main([]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and is_one_sentence(done.stderr)
    assert "3.11 or newer and this is 3.8" in done.stderr


def test_read_pins_skips_comments_options_extras_and_markers(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# why\n--no-index\n\ntorch==2.15.0  # a pair\nruff\nuvicorn[standard]==0.54\n")
    (tmp_path / "lock.txt").write_text("-r requirements.txt\ntriton==3.9.0 ; sys_platform == 'linux' \\\n    --hash=sha256:00\n")
    assert environment.read_pins(tmp_path / "lock.txt") == {"torch": "2.15.0", "ruff": "", "uvicorn": "0.54", "triton": "3.9.0"}


def test_unmet_compares_versions_without_importing(tmp_path: Path) -> None:
    fake_package(tmp_path, "numpy", "2.4.6")
    fake_package(tmp_path, "scikit_learn", "1.9.1")  # folders carry underscores, pins carry hyphens
    fake_package(tmp_path, "torch", "2.15.0+cpu")
    fake_package(tmp_path, "pandas", "3.0.0")
    pins = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "torch": "2.15.0", "pandas": "3.1.1", "plotly": "7.1.0"}
    assert environment.unmet(pins, [str(tmp_path)]) == ["pandas==3.1.1", "plotly==7.1.0"]
    assert environment.unmet({"torch": "2.15.0+cu132", "numpy": ""}, [str(tmp_path)]) == ["torch==2.15.0+cu132"]


def test_a_package_without_its_record_is_half_unpacked(tmp_path: Path) -> None:
    fake_package(tmp_path, "numpy", "2.4.6", record=False)
    assert environment.unmet({"numpy": "2.4.6"}, [str(tmp_path)]) == ["numpy==2.4.6"]


def test_a_complete_environment_is_ready_and_an_incomplete_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "requirements-view.txt").write_text("tiny-view==1.0\n")
    (tmp_path / "requirements.txt").write_text("-r requirements-view.txt\ntiny-torch==1.0\n")
    venv = tmp_path / ".venv"
    assert not environment.ready(venv, "view")  # it does not exist
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    assert not environment.ready(venv, "view")  # it has no packages
    site = environment.site_packages(venv, sys.version_info[:2])
    fake_package(site, "tiny_view", "1.0")
    assert environment.ready(venv, "view") and not environment.ready(venv, "full")
    fake_package(site, "tiny_torch", "1.0")
    assert environment.ready(venv, "full")
    environment.write_state(venv, "installing")
    assert environment.ready(venv, "view") and not environment.ready(venv, "full")  # the pins are met, but packages may be half unpacked
    environment.write_state(venv, "done")
    (venv / environment.UNFINISHED).touch()
    assert not environment.ready(venv, "view")  # so may those of the view
    (venv / environment.UNFINISHED).unlink()
    environment.python_of(venv).unlink()
    assert not environment.ready(venv, "view")  # its Python is gone


# --- failures and repairs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "printed"),
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
def test_a_mistake_in_the_arguments_is_one_sentence(arguments: list[str], printed: str) -> None:
    done = subprocess.run([sys.executable, "run_app.py", "--no-browser", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and is_one_sentence(done.stderr), done.stderr
    assert printed in done.stderr


def test_a_broken_environment_is_created_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = TinySetup(tmp_path)
    venv = tiny.venv
    environment.python_of(venv).parent.mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("version = 3.11.0\n")
    environment.python_of(venv).symlink_to(tmp_path / "gone")
    (venv / environment.UV).mkdir()
    monkeypatch.setattr(installer.Installer, "make_venv", lambda self: (venv / "made").touch())
    monkeypatch.setattr(installer.Installer, "install", lambda self: None)
    assert bootstrap.ensure("view", tiny.folder) == str(environment.python_of(venv))
    assert "does not run (moved" in capsys.readouterr().out
    assert (venv / "made").exists() and not (venv / "pyvenv.cfg").exists()
    assert (venv / environment.UV).exists()  # downloads are kept


def test_a_venv_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    tiny = TinySetup(tmp_path)
    tiny.venv.mkdir()
    (tiny.venv / "thesis.txt").write_text("mine")
    with pytest.raises(environment.SetupError, match="is not a Python environment: move it away"):
        bootstrap.ensure("view", tiny.folder)
    assert (tiny.venv / "thesis.txt").read_text() == "mine"
    shutil.rmtree(tiny.venv)
    tiny.venv.write_text("a file")
    with pytest.raises(environment.SetupError, match="is not a folder: move it away"):
        bootstrap.ensure("view", tiny.folder)


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = TinySetup(tmp_path)
    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(environment.SetupError, match=r"apt install python3\.\d+-venv"):
        bootstrap.ensure("view", tiny.folder)


@pytest.mark.parametrize(
    ("output", "printed"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "The disk is full"),
        ("PermissionError: [Errno 13] Permission denied: '/opt/x'", "may not write"),
        ("WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)'", "internet connection"),
        (
            "ERROR: Could not find a version that satisfies the requirement torch (from versions: 2.1)\n"
            "ERROR: No matching distribution found for torch==2.15.0",
            "There is no torch 2.15.0 for Python",
        ),
        (
            "error: No solution found when resolving dependencies\n  cause: Because numpy==2.4.6 has no usable wheels and you require it",
            "There is no numpy 2.4.6 for Python",
        ),
        ("  cause: failed to write to file `x`: No space left on device (os error 28)", "The disk is full"),
        ("  cause: failed to create file `x`: Read-only file system (os error 30)", "may not write"),
        ("error: Request failed after 3 retries in 7.6s\n  cause: tcp connect error", "internet connection"),
        ("all well\nERROR: something new", "ERROR: something new"),
        ("error: odd\n  cause: something newer\n\nhint: try it", "cause: something newer"),
        ("", "could not be installed"),
    ],
)
def test_a_failure_becomes_one_sentence(output: str, printed: str, tmp_path: Path) -> None:
    sentence = installer_output.explain(output, tmp_path / ".venv", "view")
    assert printed in sentence and "then run the same command again" in sentence and is_one_sentence(sentence)


@pytest.mark.parametrize(
    ("line", "news"),
    [
        ("  Downloading https://x.org/torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl (530.1 MB)\n", "got torch-2.15.0 (530.1 MB)"),
        ("Using cached pillow-13.0.0-cp311-none-any.whl (7.1 MB)\n", "got pillow-13.0.0 (7.1 MB)"),
        ("Processing ./wheels/tiny_thing-1.0-py3-none-any.whl (from -r requirements.txt (line 3))", "got tiny_thing-1.0"),
        ("Downloading plotly-7.1.0-py3-none-any.whl.metadata (8.0 kB)\n", ""),
        ("Installing collected packages: a, b, c\n", "unpacking the packages"),
        ("Prepared 26 packages in 12.79s\n", "unpacking the packages"),
        ("Downloading torch (500.0MiB)\n", ""),
        ("Collecting torch==2.15.0\n", ""),
    ],
)
def test_lines_of_the_installer_become_progress(line: str, news: str) -> None:
    assert installer_output.Progress(quiet=True).news(line) == news


def test_progress_counts_what_has_arrived_and_how_fast() -> None:
    progress = installer_output.Progress(quiet=True)
    progress._started = time.monotonic() - 10
    for line in (
        "Resolved 3 packages in 1ms",
        "Downloading torch (500.0MiB)",
        "Downloading sympy (512.0KiB)",
        "Downloading cudnn (0.5GiB)",
    ):
        assert progress.news(line) == ""
    assert re.fullmatch(r"got torch: 524 of 1,062 MB, 52\.[0-9] MB/s", progress.news(" Downloaded torch\n"))
    assert progress.news(" Downloaded tiny\n").startswith("got tiny: 524 of")  # too small for uv to announce


# --- two at once ---------------------------------------------------------------------------------------------------------------------


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True).stdout.strip()
    (tmp_path / environment.LOCK).write_text(dead)
    with environment.locked(tmp_path):
        assert (tmp_path / environment.LOCK).read_text() == str(os.getpid())
    assert "waiting" not in capsys.readouterr().out


def test_a_held_lock_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold = (
        "import sys, time, pathlib\nfrom setting_up import environment\n"
        "with environment.locked(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(0.7)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with environment.locked(tmp_path):
            assert holder.wait(5) == 0  # it had ended before we got the lock
    assert f"process ({holder.pid}) is setting Offramp up; waiting" in capsys.readouterr().out


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


# --- the real server ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def start() -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Starts the real server, and ends it after the test."""
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
@pytest.mark.parametrize("number", variants([signal.SIGINT, signal.SIGTERM], signal.SIGINT))
def test_it_serves_until_a_signal_ends_it(start: Callable[[int], subprocess.Popen[str]], number: signal.Signals) -> None:
    port = free_port()
    server = start(port)
    assert server.stdout and server.stdout.readline() == f"Offramp is at http://127.0.0.1:{port}  (Ctrl-C ends it)\n"
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=20).read() == b"ok"
    server.send_signal(number)
    assert server.communicate(timeout=20) == ("", "") and server.returncode == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


@posix
@pytest.mark.parametrize("moment", variants([0.0, 0.15, 0.4, 0.8], 0.0, 0.4))
def test_a_taken_port_is_reported_and_a_signal_ends_the_server_cleanly(
    start: Callable[[int], subprocess.Popen[str]], moment: float
) -> None:
    with serve.listen("127.0.0.1", free_port()) as taken:
        port = taken.getsockname()[1]
        server = start(port)
        assert server.stdout
        printed = server.stdout.readline()
        time.sleep(moment)  # importing, warming up, or just serving
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=20)
    assert re.fullmatch(rf"Port {port} is taken: using \d+\.\n", printed)
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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
