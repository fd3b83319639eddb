"""The progress of a long computation, reported to its caller."""

from collections.abc import Callable

#: Called with how much is done and how much there is in all.
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Reports to no one: the default."""
