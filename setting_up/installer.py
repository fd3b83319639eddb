"""Installs a lock into `.venv`: pip fetches uv, and uv the packages; else pip does it all. Failures become one sentence."""

from __future__ import annotations

import ast
import importlib.util
import os
import platform
import re
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from setting_up.environment import (
    LOG,
    UV,
    UV_CACHE,
    NotForThisPlatform,
    SetupError,
    platform_key,
    python_of,
    read_pins,
    read_state,
    say,
    write_state,
)
from setting_up.processes import run

LINUX = sys.platform.startswith("linux")
SIZE = {"view": "about 1 GB of disk", "full": f"about {6 if LINUX else 2} GB of disk", "dev": f"about {7 if LINUX else 3} GB of disk"}
AGAIN = "then give the same command again"
RESUME = "start run_app.py again to go on"
OFFLINE = r"connection broken|connection error|max retries|name resolution|timed out|dns error|tcp connect error|network was disabled"
NO_NETWORK = OFFLINE + r"|ProxyError|SSLError|HTTP error|from versions: none|Failed to fetch|error sending request"
NO_WHEEL = r"Because (\S+?)(?:\{.*?\})?==(\S+) has no (?:usable )?wheels|No matching distribution found for ([^\s=]+)==(\S+)"
NO_ROOM = r"No space left|Errno 28|not enough space|Disk quota"
READ_ONLY = r"Permission denied|Read-only file system|Errno 13|Errno 30"
#: The wheels that pip and uv report while they fetch.
PIP_WHEEL = r"\s*(?:Downloading|Using cached|Processing) (?:\S*/)?([\w.]+-[^-\s]+)-\S*\.whl(?!\.metadata)( \([\d.]+ \w+\))?"
UV_WHEEL = r" *(?:Downloading (\S+) \(([\d.]+)([KMG])iB\)|Downloaded (\S+))\s*$"
PIP_INSTALL = ("install", "--no-input", "--progress-bar", "off")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "-r")
#: (pip's setting, the variable by which uv is told)
UV_VARIABLES = (
    ("index-url", "UV_DEFAULT_INDEX"),
    ("extra-index-url", "UV_INDEX"),
    ("trusted-host", "UV_INSECURE_HOST"),
    ("keyring-provider", "UV_KEYRING_PROVIDER"),
    ("cert", "SSL_CERT_FILE"),
    ("client-cert", "SSL_CLIENT_CERT"),
    ("proxy", "ALL_PROXY"),
    ("proxy", "HTTPS_PROXY"),
    ("proxy", "HTTP_PROXY"),
    ("default-timeout", "UV_HTTP_TIMEOUT"),
    ("timeout", "UV_HTTP_TIMEOUT"),
    ("retries", "UV_HTTP_RETRIES"),
)


class Installer:
    """One set-up: its commands, what they print, and how far they are. unpacking: whether packages may be in pieces"""

    def __init__(self, venv: Path, level: str, lock: int, log: Callable[[str], object], quiet: bool) -> None:
        self._venv, self._level, self._lock, self._log, self._quiet = venv, level, lock, log, quiet
        self._sizes: dict[str, float] = {}  # MB of the larger wheels, as uv gives them
        self._received = 0.0
        self._state, self._told, self._began = "", 0.0, 0.0
        self.unpacking = False

    def make_venv(self) -> None:
        self._pip()  # raises if there is none, before anything is made
        base = getattr(sys, "_base_executable", "") or sys.executable  # our own .venv may just have been cleared
        code, output = self._run([base, "-I", "-m", "venv", "--without-pip", str(self._venv)])
        if code:
            raise SetupError(explain(output, self._venv, self._level))

    def install(self) -> None:
        """Install the lock. Beyond `view`, the state tells others what they may import and show."""
        if self._level == "view":
            return self._install_lock()
        before = read_state(self._venv).get("state")
        try:
            self._tell("installing")
            if before not in (None, "done"):
                _forget_pieces(self._venv)
            self._install_lock()
        except NotForThisPlatform as problem:
            self._tell("unsupported", sentence=str(problem), key=platform_key(self._venv))
            self.add_pip()
            raise
        except BaseException as problem:
            stopped = f"The set-up was stopped before PyTorch was installed; {RESUME}."
            sentence = str(problem) if isinstance(problem, SetupError) else stopped
            untouched = before == "done" and not self.unpacking
            with suppress(OSError):  # a full disk: then the state grows old, which says the same
                self._tell("done" if untouched else "failed", sentence=sentence)
            raise
        self._tell("done")

    def add_pip(self) -> None:
        """For those who activate `.venv`. Offramp itself does without, and making an environment with pip takes 3 s."""
        if not list(self._venv.glob("**/site-packages/pip")):
            self._run([str(python_of(self._venv)), "-I", "-m", "ensurepip", "--default-pip"])

    def _install_lock(self) -> None:
        lock = str(self._venv.parent / "locks" / f"{self._level}.txt")
        uv = self._uv()
        self.unpacking = False  # what was unpacked so far is the installer
        if uv:
            settings, places = uv_settings(self._run([*self._pip(), "config", "list"], listen=False)[1])
            install = [uv, "pip", "install", "--python", str(python_of(self._venv)), "--no-config", *places]
            install += [*self._uv_cache(uv), *LOCKED, lock]
            code, output = self._run(install, settings)
            if code and re.search(OFFLINE, output, re.IGNORECASE):  # all may have been fetched before
                code, _ = self._run([*install, "--offline"], settings)
            if code == 0:
                shutil.rmtree(self._venv / UV_CACHE, ignore_errors=True)
                return
            if re.search(f"{NO_ROOM}|{READ_ONLY}|{NO_WHEEL}|{OFFLINE}", output, re.IGNORECASE):
                self._fail(output)  # pip would fail as well
        if not self._quiet:
            say("uv cannot be used here: pip installs the packages, which takes longer.")
        code, output = self._run([*self._pip(), *PIP_INSTALL, *LOCKED, lock])
        if code:
            self._fail(output)

    def _fail(self, output: str) -> NoReturn:
        lacking = re.search(NO_WHEEL, output)
        kind = NotForThisPlatform if lacking and not re.search(NO_NETWORK, output, re.IGNORECASE) else SetupError
        raise kind(explain(output, self._venv, self._level))

    def _pip(self) -> list[str]:
        """A pip that installs into `.venv`: the one that Python brings for new environments, or that of the Python that runs us."""
        bundle = importlib.util.find_spec("ensurepip")
        folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), bundle and bundle.origin and Path(bundle.origin).parent / "_bundled"]
        wheels = [wheel for folder in folders if folder for wheel in sorted(Path(folder).glob("pip-*.whl"))]
        if importlib.util.find_spec("venv") and wheels:
            return [str(python_of(self._venv)), "-I", str(wheels[-1] / "pip")]
        if importlib.util.find_spec("venv") and importlib.util.find_spec("pip"):
            return [sys.executable, "-I", "-m", "pip", "--python", str(python_of(self._venv))]
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"This Python cannot make environments: install python{version}-venv (on Debian or Ubuntu:"
            f" sudo apt install python{version}-venv), {AGAIN}."
        )

    def _uv(self) -> str | None:
        """The locked uv, fetched by pip; else any that is installed; else None."""
        lock, folder = self._venv.parent / "locks" / "uv.txt", self._venv / UV
        wanted = f"uv {read_pins(lock)['uv']}"
        for attempt in range(2):
            for binary in folder.glob("*/uv*"):
                if binary.stem == "uv" and binary.is_file() and self._run([str(binary), "--version"], listen=False)[1].startswith(wanted):
                    return str(binary)
            shutil.rmtree(folder, ignore_errors=True)
            if attempt == 0:
                fetch = [*self._pip(), *PIP_INSTALL, "--target", str(folder), "--no-deps", "--retries", "2", *LOCKED, str(lock)]
                code, output = self._run(fetch)
                if code and re.search(f"{NO_ROOM}|{READ_ONLY}", output):
                    self._fail(output)
        return shutil.which("uv")

    def _uv_cache(self, uv: str) -> list[str]:
        """uv's own cache if files can be linked from it, else one in `.venv` until all is installed: nothing takes the disk twice."""
        usual = Path(self._run([uv, "--no-config", "cache", "dir"], listen=False)[1].strip() or os.sep)
        nearest = next(folder for folder in (usual, *usual.parents) if folder.exists())
        linked = os.access(nearest, os.W_OK) and nearest.stat().st_dev == self._venv.stat().st_dev
        return [] if linked else ["--cache-dir", str(self._venv / UV_CACHE)]

    def _tell(self, state: str, **facts: object) -> None:
        self._state, self._told = state, time.monotonic()
        write_state(self._venv, state, received=round(self._received), total=round(sum(self._sizes.values())), **facts)

    def _beat(self) -> None:
        """Once a second: an installer that no longer does this has been killed."""
        if self._state == "installing" and time.monotonic() - self._told > 1:
            with suppress(OSError):
                self._tell("installing")

    def _hear(self, line: str) -> str:
        """What of pip's and uv's talk is worth a line on the screen."""
        if line.startswith(("Prepared", "Installing collected packages")):
            self.unpacking = True
            return "unpacking the packages"
        wheel = re.match(PIP_WHEEL, line)
        if wheel:
            return f"got {wheel[1]}{wheel[2] or ''}"
        wheel = re.match(UV_WHEEL, line)
        if not wheel:
            return ""
        if wheel[1]:
            self._sizes[wheel[1]] = float(wheel[2]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[wheel[3]] / 1e6
            return ""
        self._received += self._sizes.get(wheel[4], 0)
        rate = self._received / max(time.monotonic() - self._began, 0.1)
        return f"got {wheel[4]}: {self._received:,.0f} of {sum(self._sizes.values()):,.0f} MB, {rate:,.1f} MB/s"

    def _run(self, command: list[str], more: dict[str, str] | None = None, listen: bool = True) -> tuple[int, str]:
        """Run a command and return its exit code and what it printed. listen: log it, and show how far it is"""
        output: list[str] = []

        def hear(line: str) -> str:
            output.append(line)
            if not listen:
                return ""
            self._log(line)
            return self._hear(line)

        self._began = time.monotonic()
        code = run(command, hear, self._beat, self._lock, self._venv / "tmp", more or {}, quiet=self._quiet or not listen)
        return code, "".join(output)


def _forget_pieces(venv: Path) -> None:
    """Packages beyond `view` may be half unpacked: without their metadata they count as not installed and are unpacked once more."""
    locks = {lock.stem: read_pins(lock) for lock in (venv.parent / "locks").glob("*.txt")}
    names = {_folded(name) for pins in locks.values() for name in pins} - {_folded(name) for name in locks["view"]}
    for info in venv.glob("**/site-packages/*.dist-info"):
        if _folded(info.name.split("-")[0]) in names:
            shutil.rmtree(info)


def _folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def uv_settings(pip_config: str) -> tuple[dict[str, str], list[str]]:
    """pip's settings, as `pip config list` prints them, for uv: environment variables, which hide passwords, and options."""
    given: dict[str, str] = {}
    for section in ("global", "install", ":env:"):  # the later ones win
        for line in pip_config.splitlines():
            key, _, value = line.partition("=")
            if key.rpartition(".")[0] == section:
                with suppress(ValueError, SyntaxError):
                    given[key.rpartition(".")[2]] = str(ast.literal_eval(value))
    settings = {variable: " ".join(given[name].split()) for name, variable in UV_VARIABLES if given.get(name)}
    if Path(given.get("cert", "")).is_dir() and "cert" in given:
        settings["SSL_CERT_DIR"] = settings.pop("SSL_CERT_FILE")
    elif "SSL_CERT_FILE" not in {**os.environ, **settings}:
        settings["UV_SYSTEM_CERTS"] = "1"  # as pip does
    options = ["--index-strategy", "unsafe-best-match"]  # as pip does; the hashes decide what may be installed
    options += ["--no-index"] * (given.get("no-index", "").lower() in ("1", "true", "yes", "on"))
    for place in given.get("find-links", "").split():
        if place.startswith("http") or Path(re.sub("^file://", "", place)).exists():
            options += ["--find-links", place]
    return settings, options


def explain(output: str, venv: Path, level: str) -> str:
    """One sentence for what went wrong: the cause as far as pip or uv tells it, and what to do."""
    log = f" The full log is in {venv / LOG}." if (venv / LOG).exists() else ""
    if re.search(NO_ROOM, output):
        free = shutil.disk_usage(venv.parent).free / 1e9
        return f"The disk is full: Offramp needs {SIZE[level]} in {venv} and {free:.1f} GB are free; make room, {AGAIN}.{log}"
    if re.search(READ_ONLY, output):
        return f"Offramp may not write into {venv}: put this folder where you may write, {AGAIN}.{log}"
    if "File exists" in output and not venv.is_dir():
        return f"{venv} is not a folder: move it away, {AGAIN}."
    if re.search(NO_NETWORK, output, re.IGNORECASE):
        return f"The packages could not be fetched: check the internet connection (or the proxy), {AGAIN}.{log}"
    lacking = re.search(NO_WHEEL, output)
    if lacking:
        here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        package = f"{lacking[1]} {lacking[2]}" if lacking[1] else f"{lacking[3]} {lacking[4]}"
        if level == "view":
            return f"There is no {package} for {here}: start Offramp with another Python (3.11 to 3.14), {AGAIN}.{log}"
        return f"There is no {package} for {here}, so networks cannot be run here; viewing, importing and sweeping work."
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("hint:")]
    return f"The packages could not be installed (the last word was: {(lines or ['nothing'])[-1][:200]}); mend that, {AGAIN}.{log}"
