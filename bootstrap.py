"""Finds or makes a Python that has the pinned packages. Standard library only: it runs before anything is installed.

The Python that runs us is used as it is when it has every pin. Otherwise `.venv` is: made, completed or mended as needed.
While `.venv` may be in pieces it holds a file `unfinished`, removed last, so a killed install is never taken for a good one.
"""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
UNFINISHED, LOCK, LOG = "unfinished", "install.lock", "install.log"
SIZE = "about 6 GB of disk" if sys.platform.startswith("linux") else "about 2 GB of disk"
AGAIN = "then give the same command again"
NO_NETWORK = r"connection broken|connection error|max retries|name resolution|timed out|ProxyError|SSLError|HTTP error|from versions: none"
WHEEL = r"\s*(?:Downloading|Using cached|Processing) (?:\S*/)?([\w.]+-[^-\s]+)-\S*\.whl(?!\.metadata)( \([\d.]+ \w+\))?"


class SetupError(Exception):
    """One sentence a person can act on."""


def say(text: str) -> None:
    print(text, flush=True)


# --- what is installed ---------------------------------------------------------------------------------------------------------------


def read_pins(requirements: Path) -> dict[str, str]:
    """{package: exact version} of a requirements file and of those it includes; a package without `==` gets ""."""
    pins: dict[str, str] = {}
    for line in requirements.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            pins |= read_pins(requirements.parent / line[3:].strip())
        elif line and not line.startswith("-"):
            name, _, version = line.partition("==")
            pins[name.strip()] = version.strip()
    return pins


def unmet(pins: dict[str, str], search: list[str] | None = None) -> list[str]:
    """The pins that the packages in `search` (default: this Python's own path) do not meet. Imports none of them."""
    path = sys.path if search is None else search
    return [f"{name}=={version}" if version else name for name, version in pins.items() if not _meets(name, version, path)]


def _meets(name: str, wanted: str, path: list[str]) -> bool:
    package = next(iter(importlib.metadata.distributions(name=name, path=path)), None)
    # pip writes RECORD last: without it, the package was being unpacked when something stopped pip
    if package is None or package.read_text("RECORD") is None:
        return False
    have = package.version if "+" in wanted else package.version.split("+")[0]  # 2.15.0+cpu is 2.15.0 too
    return wanted in ("", have)


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def version_of(venv: Path) -> tuple[int, int] | None:
    """The version of the environment's Python, asked of itself; None when it does not run."""
    command = [str(python_of(venv)), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        major, minor = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def site_packages(venv: Path, version: tuple[int, int]) -> Path:
    return venv / ("Lib/site-packages" if os.name == "nt" else f"lib/python{version[0]}.{version[1]}/site-packages")


def ready(venv: Path, requirements: Path) -> bool:
    """Whether the environment is whole, runs, and has every pin."""
    if (venv / UNFINISHED).exists() or not python_of(venv).exists():
        return False
    version = version_of(venv)
    return version is not None and version >= OLDEST and not unmet(read_pins(requirements), [str(site_packages(venv, version))])


# --- setting up ----------------------------------------------------------------------------------------------------------------------


def ensure(requirements: Path) -> str:
    """A Python that has all of `requirements`: this one, or that of `.venv` beside the file, set up first if need be."""
    venv = requirements.parent / ".venv"
    if not (Path(sys.prefix) / UNFINISHED).exists() and not unmet(read_pins(requirements)):
        return sys.executable
    if ready(venv, requirements):
        return str(python_of(venv))
    try:
        with locked(venv) as lock:
            if not ready(venv, requirements):  # another start may have done it while we waited
                _set_up(venv, requirements, lock)
    except OSError as error:
        raise SetupError(_explain(str(error), venv)) from error
    return str(python_of(venv))


def _set_up(venv: Path, requirements: Path, lock: int) -> None:
    unfinished = venv / UNFINISHED
    whole = _usable(venv)
    if whole:
        say(f"Bringing {venv} up to date with {requirements.name}.")
    else:
        _clear(venv)
        unfinished.touch()
        say(f"Setting Offramp up in {venv}: a few minutes and {SIZE}, once. Later starts take seconds.")
    started = time.monotonic()
    with open(venv / LOG, "w", encoding="utf-8") as log:
        if not whole:
            _make_venv(venv, log.write, lock)
        _install(venv, requirements, log.write, lock)
    unfinished.unlink(missing_ok=True)
    say(f"Set up in {time.monotonic() - started:.0f} s.")


def _usable(venv: Path) -> bool:
    """Whether what is there can be completed by pip. Raises if it belongs to something else and must not be thrown away."""
    if (venv / UNFINISHED).exists():
        say("An earlier set-up was not finished: starting it afresh.")
        return False
    if not (venv / "pyvenv.cfg").exists():
        if {path.name for path in venv.iterdir()} - {LOCK, LOG}:
            raise SetupError(f"{venv} is not a Python environment: move it away, {AGAIN}.")
        return False
    version = version_of(venv)
    if version is None or not site_packages(venv, version).is_dir():
        say("The environment in .venv does not run any more (moved, copied, or its Python is gone): making it again.")
        return False
    if version < OLDEST:
        raise SetupError(f"{venv} was made by Python {version[0]}.{version[1]} and Offramp needs 3.11 or newer: delete it, {AGAIN}.")
    return True


def _clear(venv: Path) -> None:
    for path in venv.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _make_venv(venv: Path, log: Callable[[str], object], lock: int) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise SetupError(
            f"This Python cannot make environments: install python{version}-venv (on Debian or Ubuntu:"
            f" sudo apt install python{version}-venv), {AGAIN}."
        )
    base = getattr(sys, "_base_executable", "") or sys.executable  # our own .venv may just have been cleared
    output: list[str] = []
    if _run([base, "-I", "-m", "venv", str(venv)], lambda line: (log(line), output.append(line)), lock):
        raise SetupError(_explain("".join(output), venv))


def _install(venv: Path, requirements: Path, log: Callable[[str], object], lock: int) -> None:
    python = [str(python_of(venv)), "-I", "-m"]
    output: list[str] = []

    def hear(line: str) -> str:
        log(line)
        output.append(line)
        if line.startswith("Installing collected packages"):
            (venv / UNFINISHED).touch()  # from here on a stop leaves pieces
        return _news(line)

    if importlib.util.find_spec("pip") and not list(venv.glob("**/site-packages/pip")):
        _run([*python, "ensurepip"], hear, lock)  # some tools make environments without pip
    pip = [*python, "pip", "install", "--no-input", "--progress-bar", "off", "--only-binary", ":all:", "-r", str(requirements)]
    if _run(pip, hear, lock, scratch=venv / "tmp"):
        raise SetupError(_explain("".join(output), venv))


def _news(line: str) -> str:
    """What of pip's talk is worth a line on the screen: one per package, then the unpacking."""
    fetched = re.match(WHEEL, line)
    if fetched:
        return f"got {fetched[1]}{fetched[2] or ''}"
    if line.startswith("Installing collected packages"):
        return f"unpacking {line.count(',') + 1} packages (the last step, about a minute)"
    return ""


def _explain(output: str, venv: Path) -> str:
    """One sentence for what went wrong: the cause as far as pip's talk tells it, and what to do."""
    log = f" The full log is in {venv / LOG}." if (venv / LOG).exists() else ""
    if re.search(r"No space left|Errno 28|not enough space|Disk quota", output):
        free = shutil.disk_usage(venv.parent).free / 1e9
        return f"The disk is full: Offramp needs {SIZE} in {venv} and {free:.1f} GB are free; make room, {AGAIN}.{log}"
    if re.search(r"Permission denied|Read-only file system|Errno 13|Errno 30", output):
        return f"Offramp may not write into {venv}: put this folder where you may write, {AGAIN}.{log}"
    if "File exists" in output and not venv.is_dir():
        return f"{venv} is not a folder: move it away, {AGAIN}."
    if re.search(NO_NETWORK, output, re.IGNORECASE):
        return f"The packages could not be fetched: check the internet connection (or the proxy), {AGAIN}.{log}"
    lacking = re.search(r"No matching distribution found for (\S+)", output)
    if lacking:
        here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return f"There is no {lacking[1]} for {here}: start Offramp with another Python (3.11 to 3.13), {AGAIN}.{log}"
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "nothing")
    return f"The packages could not be installed (the last word was: {last[:200]}); mend that, {AGAIN}.{log}"


# --- locks, children, signals --------------------------------------------------------------------------------------------------------


@contextmanager
def locked(venv: Path) -> Iterator[int]:
    """One set-up at a time. The operating system holds the lock, so one left by a dead process is no lock at all;
    children inherit it, so a pip that outlives a killed parent still counts."""
    venv.mkdir(exist_ok=True)
    lock = os.open(venv / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        waiting = False
        while not _try_lock(lock):
            if not waiting:
                say(f"Another start (process {(venv / LOCK).read_text() or 'unknown'}) is setting Offramp up: waiting for it.")
            waiting = True
            time.sleep(0.2)
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        yield lock
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(lock, 1 << 20, os.SEEK_SET)  # beyond the text, which others must still be able to read
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
            os.lseek(lock, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True


def _run(command: list[str], hear: Callable[[str], object], lock: int, scratch: Path | None = None) -> int:
    """Runs a command, hands every line to `hear`, and shows the news it returns. Ends the child when we are ended."""
    child_env = {name: value for name, value in os.environ.items() if name not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")}
    child_env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if scratch:  # /tmp is often a small memory disk, and torch alone is half a gigabyte
        scratch.mkdir(exist_ok=True)
        child_env |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=child_env,
        pass_fds=() if os.name == "nt" else (lock,),
    )
    try:
        _follow(child, hear)
        return child.wait()
    finally:
        _end(child)
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def _follow(child: subprocess.Popen[str], hear: Callable[[str], object]) -> None:
    """On a terminal one line that counts the seconds, elsewhere a line per piece of news."""
    news = ["working"]
    terminal = sys.stdout.isatty()

    def listen() -> None:
        for line in child.stdout or ():
            heard = hear(line)
            if isinstance(heard, str) and heard:
                news[0] = heard
                if not terminal:
                    say(f"  {heard}")

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    started = time.monotonic()
    while listener.is_alive():
        listener.join(0.25)
        if terminal:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + f"  {time.monotonic() - started:4.0f} s  {news[0]}"[:width].ljust(width), end="", flush=True)
    if terminal:
        print("\r" + " " * (shutil.get_terminal_size().columns - 1), end="\r", flush=True)


def call(command: list[str]) -> int:
    """Runs a command in our place and returns its exit code; no child outlives us."""
    child = subprocess.Popen(command)
    try:
        return child.wait()
    finally:
        _end(child)


def _end(child: subprocess.Popen) -> None:
    """A Ctrl-C in a terminal has reached the child too: let it tidy up. Otherwise pass it on, and insist in the end."""
    interrupt = signal.SIGTERM if os.name == "nt" else signal.SIGINT
    for patience, insist in ((1, lambda: child.send_signal(interrupt)), (10, child.kill)):
        try:
            child.wait(patience)
            return
        except subprocess.TimeoutExpired:
            insist()
    child.wait()


def become(command: list[str]) -> int:
    """Goes on as `command`, from the repository root: there .streamlit/config.toml and the packages app and engine are found."""
    os.chdir(ROOT)
    os.environ.pop("__PYVENV_LAUNCHER__", None)  # macOS: would point the new Python at the old one's packages
    if os.name == "nt":
        try:
            return call(command)
        except KeyboardInterrupt:
            return 0
    # Held back, not lost: a Ctrl-C between here and the server's own handlers is delivered once they are set.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    os.execv(command[0], command)


def interrupt_on_sigterm() -> None:
    """SIGTERM then ends us as Ctrl-C does: through the code that ends the children."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
