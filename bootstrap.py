"""Finds or makes a Python that has the locked packages. Standard library only: it runs before anything is installed.

The Python that runs us is used as it is if it has every pin. Otherwise `.venv` is: made, completed or mended as needed. pip fetches one
wheel, uv, and uv installs the lock; where uv cannot be had, pip installs the lock itself.

There are three levels, each a part of the next: `view` (the page, imports and sweeps), `full` (torch as well) and `dev` (the tests).
While the packages of `view` may be in pieces, `.venv` holds a file `unfinished`, removed last. The others may be in pieces unless its
`setup.json` says "done", because the page runs while they are unpacked. So a killed install is never taken for a good one.

    python bootstrap.py full      installs that level and stops when its standard input ends, so it cannot outlive the page that started it
"""

from __future__ import annotations

import _thread
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from setting_up.environment import (
    KEPT,
    LOG,
    OLDEST,
    REQUIREMENTS,
    ROOT,
    STATE,
    UNFINISHED,
    NotForThisPlatform,
    SetupError,
    locked,
    never_complete,
    python_of,
    read_pins,
    ready,
    requirements,
    say,
    settled,
    site_packages,
    unmet,
    version_of,
)
from setting_up.installer import AGAIN, SIZE, Installer, explain
from setting_up.processes import become, call, interrupt_on_sigterm

__all__ = ["ROOT", "NotForThisPlatform", "SetupError", "become", "call", "ensure", "follow_up", "interrupt_on_sigterm"]


def ensure(level: str, root: Path = ROOT) -> str:
    """A Python that has all of a level: this one, or that of `.venv`, set up first if need be. Raises SetupError."""
    venv, own = root / ".venv", Path(sys.prefix)
    pins = read_pins(requirements("dev" if level == "dev" else "full", root))  # only .venv is completed in the background
    if not (own / UNFINISHED).exists() and settled(own) and not unmet(pins):
        return sys.executable
    if not ready(venv, level):
        try:
            with locked(venv) as lock:
                if not ready(venv, level):  # another start may have done it while we waited
                    _set_up(venv, level, lock)
        except OSError as error:
            raise SetupError(explain(str(error), venv, level)) from error
    return str(python_of(venv))


def follow_up(python: str, root: Path = ROOT) -> None:
    """Start a process that installs the rest while the page is used, unless nothing is missing. It ends when this process does."""
    venv = root / ".venv"
    if python != str(python_of(venv)) or ready(venv, "full") or never_complete(venv):
        return
    say(f"PyTorch follows in the background ({SIZE['full']} in all); what runs no network works meanwhile.")
    command = [sys.executable, "-E", "-s", str(root / "bootstrap.py"), "full"]
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
    threading.Thread(target=_end_with_input, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)  # the page comes first
    try:
        with locked(venv, quiet=True) as lock:
            if ready(venv, level):
                return 0
            _set_up(venv, level, lock, quiet=True)
    except (SetupError, OSError) as error:
        _say_if_heard(str(error) if isinstance(error, SetupError) else explain(str(error), venv, level))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _say_if_heard(text: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        say(text)


def _end_with_input() -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock would still be held when Python shuts down
        pass
    _thread.interrupt_main()


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
        installer = Installer(venv, level, lock, log.write, quiet)
        try:
            if not whole:
                installer.make_venv()
            installer.install()
        except BaseException:
            if whole and not installer.unpacking:
                unfinished.unlink(missing_ok=True)  # nothing was touched: what worked still works
            raise
        unfinished.unlink(missing_ok=True)
        _say_if_heard("PyTorch is installed: networks can be run." if quiet else f"Set up in {time.monotonic() - started:.0f} s.")
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


if __name__ == "__main__":
    raise SystemExit(_in_background(sys.argv[1]))
