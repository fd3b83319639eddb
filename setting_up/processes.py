"""Runs commands so that none outlives us, shows how far they are, and goes on as the server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from setting_up.environment import ROOT, say


def run(
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
