"""Finds or creates a Python environment with the locked packages. Standard library only: it runs before anything is installed.

The Python that runs this is used if it has every pin. Otherwise `.venv` is created, completed or repaired. pip downloads one wheel, uv,
and uv installs the lock; without a uv for this platform, pip installs the lock.

There are three levels, each a subset of the next: `view` (the page, imports and sweeps), `full` (PyTorch too) and `dev` (the tests).
`run_app.py` opens the page once `view` is installed; a second process installs `full` while the page is used. A process that tries to
import torch while it is being unpacked cannot import it later, so only processes that start after that installation import torch.

A killed installation must not pass for a complete one. While packages of `view` may be half unpacked, `.venv` holds the file `unfinished`.
Other packages may be half unpacked unless `setup.json` says "done", because the page has to start without them.

    python bootstrap.py      installs `full` and stops when its standard input closes, so that it ends with the page that started it
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
from pathlib import Path

from setting_up import environment
from setting_up.environment import LOG, REQUIREMENTS, ROOT, UNFINISHED, SetupError, print_line, python_of, ready
from setting_up.installer import Installer
from setting_up.installer_output import AGAIN, SIZE, explain

_installers: list[subprocess.Popen[bytes]] = []  # kept, because a Popen that is collected closes its pipe


def ensure(level: str, root: Path = ROOT) -> str:
    """A Python that has every package of a level: this one, or that of `.venv`, set up first if need be. Raises SetupError."""
    venv, own = root / ".venv", Path(sys.prefix)
    pins = environment.read_pins(environment.requirements("dev" if level == "dev" else "full", root))  # only .venv may be completed later
    if not (own / UNFINISHED).exists() and not environment.install_pending(own) and not environment.unmet(pins):
        return sys.executable
    if not ready(venv, level):
        try:
            with environment.locked(venv) as lock:
                if not ready(venv, level):  # another process may have set it up while this one waited
                    _set_up(venv, level, lock)
        except OSError as error:
            raise SetupError(explain(str(error), venv, level)) from error
    return str(python_of(venv))


def install_in_background(python: str, root: Path = ROOT) -> None:
    """Start a process that installs what `full` lacks while the page is used. It ends when this process does."""
    venv = root / ".venv"
    if python != str(python_of(venv)) or ready(venv, "full") or environment.known_unsupported(venv):
        return
    print_line(f"PyTorch is being installed in the background ({SIZE['full']} in all). Until then, networks cannot be run.")
    command = [sys.executable, "-E", "-s", str(root / "bootstrap.py")]
    group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Ctrl-C goes to the page, and the installer ends with it
    installer = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=root, start_new_session=True, creationflags=group)
    assert installer.stdin is not None
    if os.name != "nt":  # this process becomes the server, which must hold the other end of the pipe; on Windows this process stays
        os.set_inheritable(installer.stdin.fileno(), True)
    _installers.append(installer)


def main() -> int:
    """The background process. It waits for another one's installation, and continues it if that one's page is closed."""
    venv = ROOT / ".venv"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_interrupt_when_input_closes, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)  # the page comes first
    try:
        with environment.locked(venv, quiet=True) as lock:
            if not ready(venv, "full"):
                _set_up(venv, "full", lock, quiet=True)
    except (SetupError, OSError) as error:
        print_line(str(error) if isinstance(error, SetupError) else explain(str(error), venv, "full"))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _interrupt_when_input_closes() -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock would still be held when Python shuts down
        pass
    _thread.interrupt_main()


def _set_up(venv: Path, level: str, lock: int, quiet: bool = False) -> None:
    """Create or complete the environment. quiet: the page is running, so only the end is printed"""
    usable = _is_usable(venv)
    if not usable:
        _clear(venv)
    unfinished = venv / UNFINISHED
    if not (usable and ready(venv, "view")):  # else the page, which may be running from here, must stay startable
        unfinished.touch()
    if usable and not quiet:
        print_line(f"Bringing {venv} up to date with {REQUIREMENTS[level]}.")
    elif not quiet:
        print_line(f"Setting up Offramp in {venv} ({SIZE[level]}). This happens once; later starts take seconds.")
    started = time.monotonic()
    with open(venv / LOG, "w", encoding="utf-8") as log:
        installer = Installer(venv, level, lock, log, quiet)
        try:
            if not usable:
                installer.make_venv()
            installer.install()
        except BaseException:
            if usable and not installer.progress.unpacking:
                unfinished.unlink(missing_ok=True)  # no package was changed: what worked still works
            raise
        unfinished.unlink(missing_ok=True)
        print_line("PyTorch is installed. Networks can be run now." if quiet else f"Set up in {time.monotonic() - started:.0f} s.")


def _is_usable(venv: Path) -> bool:
    """Whether the environment can be completed instead of created again. Raises if it must not be deleted."""
    if (venv / UNFINISHED).exists():
        print_line("An earlier set-up did not finish. Starting again with what it downloaded.")
        return False
    if not (venv / "pyvenv.cfg").exists():
        if {path.name for path in venv.iterdir()} - {*environment.KEPT, LOG, environment.STATE, f"{environment.STATE}.new"}:
            raise SetupError(f"{venv} is not a Python environment: move it away, {AGAIN}.")
        return False
    version = environment.version_of(venv)
    if version is None or not environment.site_packages(venv, version).is_dir():
        print_line("The environment in .venv does not run (moved, copied, or its Python is gone). Creating it again.")
        return False
    if version < environment.OLDEST:
        raise SetupError(f"{venv} has Python {version[0]}.{version[1]}, but Offramp needs 3.11 or newer: delete it, {AGAIN}.")
    return True


def _clear(venv: Path) -> None:
    """Delete everything except downloads. `unfinished` goes last, so that an interruption is noticed."""
    for path in sorted(venv.iterdir(), key=lambda path: path.name == UNFINISHED):
        if path.name in environment.KEPT:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


if __name__ == "__main__":
    raise SystemExit(main())
