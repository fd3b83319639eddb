"""What is installed in an environment, what of it may be in pieces, and who may change it."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
UNFINISHED, STATE, LOCK, LOG = "unfinished", "setup.json", "install.lock", "install.log"
UV, UV_CACHE = "uv", "uv-cache"
KEPT = (LOCK, UV, UV_CACHE)  # when `.venv` is made again, what is fetched stays
REQUIREMENTS = {"view": "requirements-view.txt", "full": "requirements.txt", "dev": "requirements-dev.txt"}


class SetupError(Exception):
    """One sentence a person can act on."""


class NotForThisPlatform(SetupError):
    """A package has no wheel for this platform, and that will stay so."""


def say(text: str) -> None:
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


def unmet(pins: dict[str, str], search: list[str] | None = None) -> list[str]:
    """The pins that the packages in `search` (default: this Python's own path) do not meet. Imports none of them."""
    path = sys.path if search is None else search
    return [f"{name}=={version}" if version else name for name, version in pins.items() if not _meets(name, version, path)]


def _meets(name: str, wanted: str, path: list[str]) -> bool:
    result = next(iter(importlib.metadata.distributions(name=name, path=path)), None)
    # pip writes RECORD last: without it, the package was being unpacked when something stopped pip
    if result is None or result.read_text("RECORD") is None:
        return False
    have = result.version if "+" in wanted else result.version.split("+")[0]  # 2.15.0+cpu is 2.15.0 too
    return wanted in ("", have)


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def version_of(venv: Path) -> tuple[int, int] | None:
    """The version of the environment's Python, asked of itself; None if it does not run."""
    command = [str(python_of(venv)), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        major, minor = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def site_packages(venv: Path, version: tuple[int, int]) -> Path:
    return venv / ("Lib/site-packages" if os.name == "nt" else f"lib/python{version[0]}.{version[1]}/site-packages")


def ready(venv: Path, level: str) -> bool:
    """Whether the environment runs and has every pin of the level, with nothing in pieces."""
    if (venv / UNFINISHED).exists() or not python_of(venv).exists() or not (level == "view" or settled(venv)):
        return False
    version = version_of(venv)
    pins = read_pins(requirements(level, venv.parent))
    return version is not None and version >= OLDEST and not unmet(pins, [str(site_packages(venv, version))])


# --- the state of what is installed while the page runs ---


def read_state(venv: Path) -> dict[str, object]:
    """What `setup.json` says, or {} if there is none: everything was installed at once, or by other means."""
    try:
        state = json.loads((venv / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(venv: Path, state: str, **facts: object) -> None:
    """Atomically, with the time: an installer that has been killed no longer renews it."""
    draft = venv / f"{STATE}.new"
    draft.write_text(json.dumps({"state": state, "time": time.time(), **facts}), encoding="utf-8")
    os.replace(draft, venv / STATE)


def settled(venv: Path) -> bool:
    """Whether no package beyond `view` may be in pieces."""
    return read_state(venv).get("state", "done") == "done"


def never_complete(venv: Path) -> bool:
    """Whether an earlier start has found that torch has no wheel for this platform, Python and lock."""
    state = read_state(venv)
    return state.get("state") == "unsupported" and state.get("key") == platform_key(venv)


def platform_key(venv: Path) -> str:
    lock = (venv.parent / "locks" / "full.txt").read_bytes()
    return f"{platform.platform()}, Python {version_of(venv)}, {hashlib.sha256(lock).hexdigest()[:16]}"


# --- one set-up at a time ---


@contextmanager
def locked(venv: Path, quiet: bool = False) -> Iterator[int]:
    """One set-up at a time. The operating system holds the lock, so one left by a dead process is no lock at all;
    children inherit it, so a pip that outlives a killed parent still counts."""
    venv.mkdir(exist_ok=True)
    lock = os.open(venv / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        waiting = False
        while not _try_lock(lock):
            if not waiting and not quiet:
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
