"""What long commands say on stderr: their progress, and the log of the engine."""

import logging
import shutil
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

from engine.progress import Progress

REDRAW = 0.1  # seconds between two states of a bar


def progress_bar(
    what: str, width: int = 30, clock: Callable[[], float] = time.monotonic, after: float = 0.0, share: bool = False
) -> Progress:
    """Progress on stderr: what is done, how fast, and how long the rest will take.

    On a terminal a bar is redrawn; elsewhere there is a line for every tenth. Work done before the first call, by a run that was
    interrupted, does not count towards the speed.

    what:  what is counted, or with `share`, what is worked on, whose steps mean nothing to a user and are shown in per cent
    after: seconds from the first call during which nothing is shown; work that ends within them shows nothing
    """
    stream = sys.stderr  # as it is now: while a library works, what it prints itself may be redirected
    began: tuple[float, int] | None = None
    shown, drawn = -1, -REDRAW

    def show(done: int, total: int) -> None:
        nonlocal began, shown, drawn
        now = clock()
        began = began or (now, done)
        if now - began[0] < after:
            return
        rate = (done - began[1]) / (now - began[0]) if now > began[0] else 0.0
        filled, tenth = done * width // max(total, 1), done * 10 // max(total, 1)
        amount = f"{100 * done // max(total, 1)}% of" if share else f"{done:,} of {total:,}"
        line = f"[{'#' * filled}{'.' * (width - filled)}] {amount} {what}"
        if rate:
            line += "" if share else f", {rate:,.3g} a second"
            line += f", {_duration((total - done) / rate)} left" if done < total else ""
        if stream.isatty():
            if done >= total or now - drawn >= REDRAW:
                drawn = now
                _write(stream, line, passing=done < total)
        elif tenth > shown:
            shown = tenth
            _write(stream, line)

    return show


def _duration(seconds: float) -> str:
    """A duration in words, to the precision of a guess."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _write(stream: TextIO, text: str, passing: bool = False) -> None:
    """A line. On a terminal, a `passing` line is overwritten by the next one."""
    if stream.isatty():
        columns = shutil.get_terminal_size().columns
        text = f"\r{text[: columns - 1]:<{columns - 1}}" if passing else f"\r{text:<{columns - 1}}"
    print(text, end="" if passing else "\n", file=stream, flush=True)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _write(sys.stderr, self.format(record))


@contextmanager
def log_on_stderr() -> Generator[None]:
    """The log of the engine as lines on stderr, between the states of a progress bar."""
    logger, handler = logging.getLogger("offramp"), _Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
