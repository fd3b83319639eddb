"""The progress of a long computation, reported to its caller."""

from collections.abc import Callable

#: Called with how much is done and how much there is in all.
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Reports to no one: the default."""


def in_part(progress: Progress, part: int, parts: int) -> Progress:
    """Reports one of several equal parts of the work as progress of the whole. part: from 0 on"""
    return lambda done, total: progress(part * total + done, parts * total)


def in_thousandths(progress: Progress) -> Progress:
    """The same share of the work, in thousandths: for parts of a whole that count different steps."""
    return lambda done, total: progress(1000 * done // max(total, 1), 1000)


def in_halves(progress: Progress) -> tuple[Progress, Progress]:
    """Reports of two halves of the work, which may count different steps."""
    return in_thousandths(in_part(progress, 0, 2)), in_thousandths(in_part(progress, 1, 2))
