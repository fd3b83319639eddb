"""Runs commands so that no child outlives this process, and replaces this process by the server."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable

from setting_up.environment import ROOT


def run(command: list[str], on_line: Callable[[str], object], on_tick: Callable[[], object], lock: int, env: dict[str, str]) -> int:
    """Run a command and return its exit code. on_line gets each line it prints; on_tick is called four times a second."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    inherited = () if os.name == "nt" else (lock,)
    child = subprocess.Popen(command, text=True, encoding="utf-8", errors="replace", env=env, pass_fds=inherited, **pipes)

    def read() -> None:
        for line in child.stdout or ():
            on_line(line)

    reader = threading.Thread(target=read, daemon=True)
    try:
        reader.start()
        while reader.is_alive():
            reader.join(0.25)
            on_tick()
        return child.wait()
    finally:
        _end(child)


def call(command: list[str]) -> int:
    """Run a command in the foreground and return its exit code."""
    child = subprocess.Popen(command)
    try:
        return child.wait()
    finally:
        _end(child)


def _end(child: subprocess.Popen) -> None:
    """Wait a second for a child that got the terminal's Ctrl-C too, then interrupt it, and kill it after ten more."""
    interrupt = signal.SIGTERM if os.name == "nt" else signal.SIGINT
    for patience, stop in ((1, lambda: child.send_signal(interrupt)), (10, child.kill)):
        try:
            child.wait(patience)
            return
        except subprocess.TimeoutExpired:
            stop()
    child.wait()


def replace_process(command: list[str]) -> int:
    """Continue as `command`, from the repository root: .streamlit/config.toml and the packages app and engine are there."""
    os.chdir(ROOT)
    os.environ.pop("__PYVENV_LAUNCHER__", None)  # macOS: would point the new Python at the old one's packages
    if os.name == "nt":
        try:
            return call(command)
        except KeyboardInterrupt:
            return 0
    # Blocked, not lost: a Ctrl-C before the server has set its own handlers is delivered once they are set.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    os.execv(command[0], command)


def interrupt_on_sigterm() -> None:
    """Make SIGTERM raise KeyboardInterrupt, so that it ends the children as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
