"""Which packages an environment has, which may be half unpacked, and the lock that lets one process at a time change it."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
UNFINISHED, STATE, LOCK, LOG = "unfinished", "setup.json", "install.lock", "install.log"
UV, UV_CACHE, PIP = "uv", "uv-cache", "pip"
KEPT = (LOCK, UV, UV_CACHE)  # kept when `.venv` is created again, so that nothing is downloaded twice
REQUIREMENTS = {"view": "requirements-view.txt", "full": "requirements.txt", "dev": "requirements-dev.txt"}


class SetupError(Exception):
    """One sentence that says what failed and what to do."""


class NotForThisPlatform(SetupError):
    """A package has no wheel for this platform, so trying again does not help."""


def print_line(text: str) -> None:
    with suppress(OSError):  # the terminal may be closed
        print(text, flush=True)


def requirements(level: str, root: Path = ROOT) -> Path:
    return root / REQUIREMENTS[level]


def read_pins(file: Path) -> dict[str, str]:
    """{package: exact version} of a requirements file or lock and of those it includes; a package without `==` gets ""."""
    pins: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            pins |= read_pins(file.parent / line[3:].strip())
        elif line and not line.startswith("-"):
            name, _, version = line.partition("==")
            pins[name.split("[")[0].strip()] = version.split(";")[0].strip(" \\")
    return pins


def normalized(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def unmet(pins: dict[str, str], search: list[str] | None = None) -> list[str]:
    """The pins that the packages on the path `search` (default: this Python's) do not meet. Imports no package."""
    path = sys.path if search is None else search
    return [f"{name}=={version}" if version else name for name, version in pins.items() if not _meets(name, version, path)]


def _meets(name: str, wanted: str, path: list[str]) -> bool:
    result = next(iter(importlib.metadata.distributions(name=name, path=path)), None)
    # pip writes RECORD last: without it, pip was stopped while it unpacked the package
    if result is None or result.read_text("RECORD") is None:
        return False
    have = result.version if "+" in wanted else result.version.split("+")[0]  # 2.15.0+cpu counts as 2.15.0
    return wanted in ("", have)


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def version_of(venv: Path) -> tuple[int, int] | None:
    """The version that the environment's Python reports; None if it does not run."""
    command = [str(python_of(venv)), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        major, minor = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def site_packages(venv: Path, version: tuple[int, int]) -> Path:
    return venv / ("Lib/site-packages" if os.name == "nt" else f"lib/python{version[0]}.{version[1]}/site-packages")


def ready(venv: Path, level: str) -> bool:
    """Whether the environment runs and has every package of the level, none of them half unpacked."""
    if (venv / UNFINISHED).exists() or not python_of(venv).exists() or (level != "view" and install_pending(venv)):
        return False
    version = version_of(venv)
    pins = read_pins(requirements(level, venv.parent))
    return version is not None and version >= OLDEST and not unmet(pins, [str(site_packages(venv, version))])


def read_state(venv: Path) -> dict[str, object]:
    """The contents of `setup.json`, or {} if it is missing because everything was installed at once or by other means."""
    try:
        state = json.loads((venv / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(venv: Path, state: str, **facts: object) -> None:
    """Write `setup.json` atomically. Its time shows whether the installer is still alive."""
    draft = venv / f"{STATE}.new"
    draft.write_text(json.dumps({"state": state, "time": time.time(), **facts}), encoding="utf-8")
    os.replace(draft, venv / STATE)


def install_pending(venv: Path) -> bool:
    """Whether packages beyond `view` may be missing or half unpacked."""
    return read_state(venv).get("state", "done") != "done"


def known_unsupported(venv: Path) -> bool:
    """Whether an earlier start found that torch has no wheel for this platform, Python and lock."""
    state = read_state(venv)
    return state.get("state") == "unsupported" and state.get("key") == platform_key(venv)


def platform_key(venv: Path) -> str:
    lock = (venv.parent / "locks" / "full.txt").read_bytes()
    return f"{platform.platform()}, Python {version_of(venv)}, {hashlib.sha256(lock).hexdigest()[:16]}"


@contextmanager
def locked(venv: Path, quiet: bool = False) -> Iterator[int]:
    """Let one set-up run at a time. The operating system releases the lock of a dead process. Children inherit the lock, so an installer
    that outlives its killed parent still holds it."""
    venv.mkdir(exist_ok=True)
    lock = os.open(venv / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        waiting = False
        while not _try_lock(lock):
            if not waiting and not quiet:
                print_line(f"Another process ({(venv / LOCK).read_text() or 'unknown'}) is setting Offramp up; waiting for it.")
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

            os.lseek(lock, 1 << 20, os.SEEK_SET)  # beyond the text, which other processes read
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
