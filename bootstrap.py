"""Finds or makes a Python that has the locked packages. Standard library only: it runs before anything is installed.

The Python that runs us is used as it is if it has every pin. Otherwise `.venv` is: made, completed or mended as needed. pip fetches one
wheel, uv, and uv installs the lock; where uv cannot be had, pip installs the lock itself.

There are three levels, each a part of the next: `view` (the page, imports and sweeps), `full` (torch as well) and `dev` (the tests).
While the packages of `view` may be in pieces, `.venv` holds a file `unfinished`, removed last. Those of the other levels are not to be
imported before `setup.json` says "done", because the page runs while they are unpacked. A killed install is so never taken for a good one.

    python bootstrap.py full      installs that level and ends with its standard input, so that it cannot outlive the page that started it
"""

from __future__ import annotations

import _thread
import ast
import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
UNFINISHED, STATE, LOCK, LOG = "unfinished", "setup.json", "install.lock", "install.log"
UV, UV_CACHE = "uv", "uv-cache"
KEPT = (LOCK, UV, UV_CACHE)  # when `.venv` is made again, what is fetched stays
REQUIREMENTS = {"view": "requirements-view.txt", "full": "requirements.txt", "dev": "requirements-dev.txt"}
LINUX = sys.platform.startswith("linux")
SIZE = {"view": "about 1 GB of disk", "full": f"about {6 if LINUX else 2} GB of disk", "dev": f"about {7 if LINUX else 3} GB of disk"}
AGAIN = "then give the same command again"
RESUME = "start run_app.py again to go on"
OFFLINE = r"connection broken|connection error|max retries|name resolution|timed out|dns error|tcp connect error|network was disabled"
NO_NETWORK = OFFLINE + r"|ProxyError|SSLError|HTTP error|Failed to fetch|error sending request"
NO_WHEEL = r"Because (\S+?)(?:\{.*?\})?==(\S+) has no (?:usable )?wheels|No matching distribution found for ([^\s=]+)==(\S+)"
NO_ROOM = r"No space left|Errno 28|not enough space|Disk quota"
READ_ONLY = r"Permission denied|Read-only file system|Errno 13|Errno 30"
#: The wheels that pip and uv report while they fetch.
PIP_WHEEL = r"\s*(?:Downloading|Using cached|Processing) (?:\S*/)?([\w.]+-[^-\s]+)-\S*\.whl(?!\.metadata)( \([\d.]+ \w+\))?"
UV_WHEEL = r" *(Downloading|Downloaded) (\S+)(?: \(([\d.]+)([KMG])iB\))?"


PIP_OPTIONS = ("--no-input", "--progress-bar", "off")
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


class SetupError(Exception):
    """One sentence a person can act on."""


class NotForThisPlatform(SetupError):
    """A package has no wheel for this platform, and that will stay so."""


def say(text: str) -> None:
    print(text, flush=True)


# --- what is installed ---------------------------------------------------------------------------------------------------------------


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
    package = next(iter(importlib.metadata.distributions(name=name, path=path)), None)
    # pip writes RECORD last: without it, the package was being unpacked when something stopped pip
    if package is None or package.read_text("RECORD") is None:
        return False
    have = package.version if "+" in wanted else package.version.split("+")[0]  # 2.15.0+cpu is 2.15.0 too
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
    if (venv / UNFINISHED).exists() or not python_of(venv).exists() or not (level == "view" or _settled(venv)):
        return False
    version = version_of(venv)
    pins = read_pins(requirements(level, venv.parent))
    return version is not None and version >= OLDEST and not unmet(pins, [str(site_packages(venv, version))])


# --- the state of what follows in the background -------------------------------------------------------------------------------------


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


def _settled(venv: Path) -> bool:
    """Whether no package beyond `view` may be in pieces."""
    return read_state(venv).get("state", "done") == "done"


def never_complete(venv: Path) -> bool:
    """Whether an earlier start has found that torch has no wheel for this platform, Python and lock."""
    state = read_state(venv)
    return state.get("state") == "unsupported" and state.get("key") == _key(venv)


def _key(venv: Path) -> str:
    lock = (venv.parent / "locks" / "full.txt").read_bytes()
    return f"{platform.platform()}, Python {version_of(venv)}, {hashlib.sha256(lock).hexdigest()[:16]}"


# --- setting up ----------------------------------------------------------------------------------------------------------------------


def ensure(level: str, root: Path = ROOT) -> str:
    """A Python that has all of a level: this one, or that of `.venv`, set up first if need be. Raises SetupError."""
    venv, own = root / ".venv", Path(sys.prefix)
    pins = read_pins(requirements("dev" if level == "dev" else "full", root))  # only .venv is completed in the background
    if not (own / UNFINISHED).exists() and _settled(own) and not unmet(pins):
        return sys.executable
    if not ready(venv, level):
        try:
            with locked(venv) as lock:
                if not ready(venv, level):  # another start may have done it while we waited
                    _set_up(venv, level, lock)
        except OSError as error:
            raise SetupError(_explain(str(error), venv, level)) from error
    return str(python_of(venv))


def follow_up(python: str, root: Path = ROOT) -> None:
    """Start a process that installs the rest while the page is used, unless nothing is missing. It ends when this process does."""
    venv = root / ".venv"
    if python != str(python_of(venv)) or ready(venv, "full") or never_complete(venv):
        return
    say(f"PyTorch follows in the background ({SIZE['full']} in all); what runs no network works meanwhile.")
    command = [sys.executable, "-I", str(root / "bootstrap.py"), "full"]
    group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # a Ctrl-C is for the page, whose end is enough
    installer = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=root, start_new_session=True, creationflags=group)
    assert installer.stdin is not None
    if os.name != "nt":  # the server that this process becomes holds the other end of the pipe; on Windows this process stays
        os.set_inheritable(installer.stdin.fileno(), True)
    _followers.append(installer)


_followers: list[subprocess.Popen[bytes]] = []  # held, because a Popen that is collected closes its pipe


def _in_background(level: str) -> int:
    """What `follow_up` starts. While another one works it waits, and takes over should that one's page be closed."""
    venv = ROOT / ".venv"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), _thread.interrupt_main()), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)  # the page comes first
    try:
        with locked(venv, quiet=True) as lock:
            if ready(venv, level):
                return 0
            _set_up(venv, level, lock, quiet=True)
        outcome, code = "PyTorch is installed: networks can be run.", 0
    except (SetupError, OSError) as error:
        outcome, code = str(error) if isinstance(error, SetupError) else _explain(str(error), venv, level), 2
    except KeyboardInterrupt:
        return 130
    with suppress(OSError):  # the terminal may be gone
        say(outcome)
    return code


def _set_up(venv: Path, level: str, lock: int, quiet: bool = False) -> None:
    whole = _usable(venv)
    if not whole:
        _clear(venv)
    unfinished = venv / UNFINISHED
    if not (whole and ready(venv, "view")):  # else the page may be running from here, and stays startable
        unfinished.touch()
    if whole and not quiet:
        say(f"Bringing {venv} up to date with {REQUIREMENTS[level]}.")
    elif not quiet:
        say(f"Setting Offramp up in {venv}: {SIZE[level]}, once. Later starts take seconds.")
    started = time.monotonic()
    with open(venv / LOG, "w", encoding="utf-8") as log:
        installer = _Installer(venv, level, lock, log.write, quiet)
        try:
            if not whole:
                installer.make_venv()
            installer.install()
        except BaseException:
            if whole and not installer.unpacking:
                unfinished.unlink(missing_ok=True)  # nothing was touched: what worked still works
            raise
        unfinished.unlink(missing_ok=True)
        if not quiet:
            say(f"Set up in {time.monotonic() - started:.0f} s.")
        if level != "view":
            installer.add_pip()


def _usable(venv: Path) -> bool:
    """Whether what is there can be completed. Raises if it belongs to something else and must not be thrown away."""
    if (venv / UNFINISHED).exists():
        say("An earlier set-up was not finished: starting it afresh.")
        return False
    if not (venv / "pyvenv.cfg").exists():
        if {path.name for path in venv.iterdir()} - {*KEPT, LOG, STATE, f"{STATE}.new"}:
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
    """Everything goes but what was fetched; `unfinished` goes last, so that a stop in between is noticed."""
    for path in sorted(venv.iterdir(), key=lambda path: path.name == UNFINISHED):
        if path.name in KEPT:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


class _Installer:
    """One set-up: its commands, what they print, and how far they are. unpacking: whether packages may be in pieces"""

    def __init__(self, venv: Path, level: str, lock: int, log: Callable[[str], object], quiet: bool) -> None:
        self._venv, self._level, self._lock, self._log, self._quiet = venv, level, lock, log, quiet
        self._sizes: dict[str, float] = {}  # MB of the larger wheels, as uv gives them
        self._received = 0.0
        self._state, self._told = "", 0.0
        self.unpacking = False

    def make_venv(self) -> None:
        self._pip()  # raises if there is none, before anything is made
        base = getattr(sys, "_base_executable", "") or sys.executable  # our own .venv may just have been cleared
        code, output = self._run([base, "-I", "-m", "venv", "--without-pip", str(self._venv)])
        if code:
            raise SetupError(_explain(output, self._venv, self._level))

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
            self._tell("unsupported", sentence=str(problem), key=_key(self._venv))
            self.add_pip()
            raise
        except BaseException as problem:
            sentence = (
                str(problem) if isinstance(problem, SetupError) else f"The set-up was stopped before PyTorch was installed; {RESUME}."
            )
            untouched = before == "done" and not self.unpacking
            with suppress(OSError):  # a full disk: then the state grows old, which says the same
                self._tell("done" if untouched else "failed", sentence=sentence)
            raise
        self._tell("done")

    def add_pip(self) -> None:
        """For those who activate `.venv`. Offramp itself does without, and making an environment with pip takes 3 s."""
        if not list(self._venv.glob("**/site-packages/pip")):
            self._run([str(python_of(self._venv)), "-I", "-m", "ensurepip"])

    def _install_lock(self) -> None:
        lock = self._venv.parent / "locks" / f"{self._level}.txt"
        options = ["--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
        python = str(python_of(self._venv))
        uv = self._uv()
        self.unpacking = False  # what was unpacked so far is the installer
        if uv:
            settings, links = uv_settings(self._run([*self._pip(), "config", "list"], listen=False)[1])
            install = [uv, "pip", "install", "--python", python, "--no-config", *links, *options]
            with self._uv_cache(uv) as cache:
                code, output = self._run([*install, *cache], settings)
                if code and re.search(OFFLINE, output, re.IGNORECASE):  # all may have been fetched before
                    code, _ = self._run([*install, *cache, "--offline"], settings)
            if code == 0:
                return
            if re.search(f"{NO_ROOM}|{READ_ONLY}|{NO_WHEEL}|{OFFLINE}", output, re.IGNORECASE):
                self._fail(output)  # pip would fail as well
        if not self._quiet:
            say("uv cannot be used here: pip installs the packages, which takes longer.")
        code, output = self._run([*self._pip(), "install", *PIP_OPTIONS, *options])
        if code:
            self._fail(output)

    def _fail(self, output: str) -> NoReturn:
        lacking = re.search(NO_WHEEL, output)
        kind = NotForThisPlatform if lacking and not re.search(OFFLINE, output, re.IGNORECASE) else SetupError
        raise kind(_explain(output, self._venv, self._level))

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
                fetch = [
                    "--target",
                    str(folder),
                    "--no-deps",
                    "--retries",
                    "2",
                    "--require-hashes",
                    "--only-binary",
                    ":all:",
                    "-r",
                    str(lock),
                ]
                code, output = self._run([*self._pip(), "install", *PIP_OPTIONS, *fetch])
                if code and re.search(f"{NO_ROOM}|{READ_ONLY}", output):
                    self._fail(output)
        return shutil.which("uv")

    @contextmanager
    def _uv_cache(self, uv: str) -> Iterator[list[str]]:
        """uv's own cache if its files can be linked into `.venv`; else one inside, until all is installed. Nothing takes the disk twice."""
        usual = Path(self._run([uv, "--no-config", "cache", "dir"], listen=False)[1].strip() or os.sep)
        nearest = next(folder for folder in (usual, *usual.parents) if folder.exists())
        if os.access(nearest, os.W_OK) and nearest.stat().st_dev == self._venv.stat().st_dev:
            yield []
            return
        yield ["--cache-dir", str(self._venv / UV_CACHE)]
        shutil.rmtree(self._venv / UV_CACHE, ignore_errors=True)

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
        if wheel := re.match(PIP_WHEEL, line):
            return f"got {wheel[1]}{wheel[2] or ''}"
        if not (wheel := re.match(UV_WHEEL, line)):
            return ""
        if wheel[1] == "Downloading":
            self._sizes[wheel[2]] = float(wheel[3]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[wheel[4]] / 1e6
            return ""
        self._received += self._sizes.get(wheel[2], 0)
        rate = self._received / max(time.monotonic() - self._began, 0.1)
        return f"got {wheel[2]}: {self._received:,.0f} of {sum(self._sizes.values()):,.0f} MB, {rate:,.1f} MB/s"

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
        code = _run(command, hear, self._beat, self._lock, self._venv / "tmp", more or {}, quiet=self._quiet or not listen)
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
        if Path(place.removeprefix("file://")).exists() or place.startswith("http"):
            options += ["--find-links", place]
    return settings, options


def _explain(output: str, venv: Path, level: str) -> str:
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
    if lacking := re.search(NO_WHEEL, output):
        here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        package = f"{lacking[1]} {lacking[2]}" if lacking[1] else f"{lacking[3]} {lacking[4]}"
        if level == "view":
            return f"There is no {package} for {here}: start Offramp with another Python (3.11 to 3.14), {AGAIN}.{log}"
        return f"There is no {package} for {here}, so networks cannot be run here; viewing, importing and sweeping work."
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("hint:")]
    return f"The packages could not be installed (the last word was: {(lines or ['nothing'])[-1][:200]}); mend that, {AGAIN}.{log}"


# --- locks, children, signals --------------------------------------------------------------------------------------------------------


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


def _run(
    command: list[str],
    hear: Callable[[str], str],
    beat: Callable[[], object],
    lock: int,
    scratch: Path,
    more: dict[str, str],
    quiet: bool,
) -> int:
    """Run a command, hand every line to `hear`, and show the news it returns. End the child when we are ended."""
    child_env = {name: value for name, value in os.environ.items() if name not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")}
    child_env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **more}
    scratch.mkdir(exist_ok=True)  # /tmp is often a small memory disk, and torch alone is half a gigabyte
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
        _follow(child, hear, beat, quiet)
        return child.wait()
    finally:
        _end(child)
        shutil.rmtree(scratch, ignore_errors=True)


def _follow(child: subprocess.Popen[str], hear: Callable[[str], str], beat: Callable[[], object], quiet: bool) -> None:
    """On a terminal one line that counts the seconds, elsewhere a line per piece of news."""
    news = ["working"]
    terminal = sys.stdout.isatty() and not quiet

    def listen() -> None:
        for line in child.stdout or ():
            heard = hear(line)
            if heard:
                news[0] = heard
                if not terminal and not quiet:
                    say(f"  {heard}")

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    started = time.monotonic()
    while listener.is_alive():
        listener.join(0.25)
        beat()
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


if __name__ == "__main__":
    raise SystemExit(_in_background(sys.argv[1]))
