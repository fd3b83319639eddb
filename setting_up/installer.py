"""Installs a lock into `.venv`: pip downloads uv, and uv installs the packages; without uv, pip installs them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import sysconfig
import time
import zipfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NoReturn, TextIO

from setting_up import environment, installer_output
from setting_up.environment import NotForThisPlatform, SetupError, print_line, python_of, read_pins
from setting_up.installer_output import AGAIN, Progress, explain
from setting_up.pip_settings import uv_settings
from setting_up.processes import run

PIP_OPTIONS = ("--no-input", "--progress-bar", "off")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "-r")


class Installer:
    """Installs one level. quiet: print nothing, because the page is running"""

    def __init__(self, venv: Path, level: str, lock: int, log: TextIO, quiet: bool = False) -> None:
        self._venv, self._level, self._lock, self._log, self._quiet = venv, level, lock, log, quiet
        self._state, self._state_written = "", 0.0
        self.progress = Progress(quiet)

    def make_venv(self) -> None:
        self._pip()  # raises if there is none, before anything is made
        base = getattr(sys, "_base_executable", "") or sys.executable  # our own .venv may just have been cleared
        code, output = self._run([base, "-I", "-m", "venv", "--without-pip", str(self._venv)])
        if code:
            raise SetupError(explain(output, self._venv, self._level))

    def install(self) -> None:
        """Install the lock. Beyond `view`, the state tells other processes what they may import and show."""
        if self._level == "view":
            return self._install_lock()
        before = environment.read_state(self._venv).get("state")
        try:
            self._write_state("installing")
            self._add_pip()
            if before not in (None, "done"):
                _remove_metadata_beyond_view(self._venv)
            self._install_lock()
        except NotForThisPlatform as problem:
            self._write_state("unsupported", sentence=str(problem), key=environment.platform_key(self._venv))
            raise
        except BaseException as problem:
            stopped = "Set-up was stopped before PyTorch was installed; start run_app.py again to continue."
            sentence = str(problem) if isinstance(problem, SetupError) else stopped
            untouched = before == "done" and not self.progress.unpacking
            with suppress(OSError):  # a full disk: the state grows old, which means the same
                self._write_state("done" if untouched else "failed", sentence=sentence)
            raise
        self._write_state("done")

    def _add_pip(self) -> None:
        """Add pip for people who activate `.venv`. Offramp itself does not use it, and ensurepip takes 3 s."""
        if list(self._venv.glob("**/site-packages/pip")):
            return
        python, wheel = str(python_of(self._venv)), _bundled_pip()
        if wheel:
            uv = self._uv
            with_uv = [uv, "pip", "install", "--python", python, "--no-config"] if uv else []
            command = with_uv or [*self._pip(), "install", *PIP_OPTIONS, "--isolated", "--no-compile", "--ignore-installed"]
            if self._run([*command, "--no-index", str(wheel)], shown=False)[0] == 0:
                return
        self._run([python, "-I", "-m", "ensurepip", "--default-pip"], shown=False)

    def _install_lock(self) -> None:
        lock = str(self._venv.parent / "locks" / f"{self._level}.txt")
        uv = self._uv
        self.progress = Progress(self._quiet)  # what pip unpacked so far is only uv
        if uv:
            settings, options = uv_settings(self._run([*self._pip(), "config", "list"], shown=False)[1])
            install = [uv, "pip", "install", "--python", str(python_of(self._venv)), "--no-config", *options]
            if self._level != "view" and os.environ.get("PYTHONDONTWRITEBYTECODE"):  # else the first import compiles, once
                install.append("--compile-bytecode")
            install += [*self._uv_cache(uv), *LOCKED, lock]
            code, output = self._run(install, settings)
            if code and re.search(installer_output.OFFLINE, output, re.IGNORECASE):  # everything may have been downloaded before
                code, _ = self._run([*install, "--offline"], settings)
            if code == 0:
                shutil.rmtree(self._venv / environment.UV_CACHE, ignore_errors=True)
                return
            if re.search(installer_output.PIP_FAILS_TOO, output, re.IGNORECASE):
                self._fail(output)
        if not self._quiet:
            print_line("uv cannot be used here: pip installs the packages, which takes longer.")
        code, output = self._run([*self._pip(), "install", *PIP_OPTIONS, *LOCKED, lock])
        if code:
            self._fail(output)

    def _fail(self, output: str) -> NoReturn:
        kind = NotForThisPlatform if installer_output.is_lasting(output) else SetupError
        raise kind(explain(output, self._venv, self._level))

    def _pip(self) -> list[str]:
        """A pip that installs into `.venv`: the one that Python has for new environments, or that of the Python that runs us."""
        wheel = _bundled_pip()
        if importlib.util.find_spec("venv") and wheel:
            return [str(python_of(self._venv)), "-I", str(_unpacked(wheel, self._venv / environment.PIP) / "pip")]
        if importlib.util.find_spec("venv") and importlib.util.find_spec("pip"):
            return [sys.executable, "-I", "-m", "pip", "--python", str(python_of(self._venv))]
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise SetupError(
            f"This Python cannot create environments: install {package} (on Debian or Ubuntu: sudo apt install {package}), {AGAIN}."
        )

    @cached_property
    def _uv(self) -> str | None:
        """The locked uv, from a wheel that pip downloads, or else one that is installed already, or else None."""
        lock = self._venv.parent / "locks" / "uv.txt"
        folder, version = _wheels(self._venv), read_pins(lock)["uv"]
        if not _locked_wheel(folder, version, lock):
            download = ["download", "--dest", str(folder), "--no-deps", "--retries", "2"]
            code, output = self._run([*self._pip(), *download, *PIP_OPTIONS, *LOCKED, str(lock)])
            if code and re.search(f"{installer_output.NO_ROOM}|{installer_output.READ_ONLY}", output):
                self._fail(output)
        wheel = _locked_wheel(folder, version, lock)
        uv = _unpack_uv(wheel, self._venv / environment.UV) if wheel else None
        return uv if uv and self._run([uv, "--version"], shown=False)[1].startswith(f"uv {version}") else shutil.which("uv")

    def _uv_cache(self, uv: str) -> list[str]:
        """uv's own cache if files can be linked from it, else one in `.venv` until everything is installed: no file is stored twice."""
        cache = Path(self._run([uv, "--no-config", "cache", "dir"], shown=False)[1].strip() or os.sep)
        nearest = next(folder for folder in (cache, *cache.parents) if folder.exists())
        linked = os.access(nearest, os.W_OK) and nearest.stat().st_dev == self._venv.stat().st_dev
        return [] if linked else ["--cache-dir", str(self._venv / environment.UV_CACHE)]

    def _write_state(self, state: str, **facts: object) -> None:
        self._state, self._state_written = state, time.monotonic()
        environment.write_state(self._venv, state, received=round(self.progress.received), total=round(self.progress.total), **facts)

    def _run(self, command: list[str], variables: dict[str, str] | None = None, shown: bool = True) -> tuple[int, str]:
        """Run a command. Its exit code and what it printed. shown: log its output, and show how far it is"""
        output: list[str] = []

        def on_line(line: str) -> None:
            output.append(line)
            if shown:
                self._log.write(line)
                self.progress.read(line)

        def on_tick() -> None:
            if shown:
                self.progress.show()
            if self._state == "installing" and time.monotonic() - self._state_written > 1:
                with suppress(OSError):  # a state that is not renewed for some seconds means that the installer was killed
                    self._write_state("installing")

        scratch = self._venv / "tmp"  # /tmp is often a small memory disk, and torch alone is half a gigabyte
        child_env = {name: value for name, value in os.environ.items() if name not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")}
        child_env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)), **(variables or {})}
        try:
            scratch.mkdir(exist_ok=True)
            return run(command, on_line, on_tick, self._lock, child_env), "".join(output)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            self.progress.show(ended=True)


def _wheels(venv: Path) -> Path:
    """Where uv's wheel is kept: in the user's cache, so that offline a full cache is enough, or else in `.venv`."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "offramp"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder if os.access(folder, os.W_OK) else venv / environment.UV


def _locked_wheel(folder: Path, version: str, lock: Path) -> Path | None:
    hashes = lock.read_text(encoding="utf-8")
    wheels = folder.glob(f"uv-{version}-*.whl")
    return next((wheel for wheel in wheels if hashlib.sha256(wheel.read_bytes()).hexdigest() in hashes), None)


def _bundled_pip() -> Path | None:
    """The wheel of pip that Python has for new environments."""
    ensurepip = importlib.util.find_spec("ensurepip")
    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), ensurepip and ensurepip.origin and Path(ensurepip.origin).parent / "_bundled"]
    wheels = [wheel for folder in folders if folder for wheel in sorted(Path(folder).glob("pip-*.whl"))]
    return wheels[-1] if wheels else None


def _unpacked(wheel: Path, folder: Path) -> Path:
    """The files of a wheel in a folder of an environment: run from the wheel itself, pip would be compiled at every start, for 2 s.

    The wheel is the answer if they cannot be unpacked, or if there is no environment yet.
    """
    if folder.parent.is_dir() and not folder.is_dir():
        draft = folder.with_name(f"{folder.name}-{os.getpid()}")
        try:
            with zipfile.ZipFile(wheel) as packed:
                packed.extractall(draft)
            os.replace(draft, folder)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
    return folder if folder.is_dir() else wheel


def _unpack_uv(wheel: Path, folder: Path) -> str:
    """uv is one file in its wheel."""
    with zipfile.ZipFile(wheel) as packed:
        name = next(name for name in packed.namelist() if name.endswith(("/scripts/uv", "/scripts/uv.exe")))
        folder.mkdir(exist_ok=True)
        binary = folder / Path(name).name
        binary.write_bytes(packed.read(name))
    binary.chmod(0o755)
    return str(binary)


def _remove_metadata_beyond_view(venv: Path) -> None:
    """Without their metadata, packages beyond `view`, which may be half unpacked, count as missing and are unpacked again."""
    locks = {lock.stem: {environment.normalized(name) for name in read_pins(lock)} for lock in (venv.parent / "locks").glob("*.txt")}
    names = set().union(*locks.values()) - locks["view"]
    for info in venv.glob("**/site-packages/*.dist-info"):
        if environment.normalized(info.name.split("-")[0]) in names:
            shutil.rmtree(info)
