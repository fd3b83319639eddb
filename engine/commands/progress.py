"""Progress of long commands."""

import sys
from collections.abc import Callable


def progress_bar(what: str, width: int = 30) -> Callable[[int, int], None]:
    """Progress on stderr: a bar that is redrawn on a terminal, otherwise a line for every tenth."""
    shown = -1

    def show(done: int, total: int) -> None:
        nonlocal shown
        filled = done * width // max(total, 1)
        line = f"[{'#' * filled}{'.' * (width - filled)}] {done:,} of {total:,} {what}"
        if sys.stderr.isatty():
            print(f"\r{line}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif done * 10 // max(total, 1) > shown:
            shown = done * 10 // max(total, 1)
            print(line, file=sys.stderr, flush=True)

    return show
