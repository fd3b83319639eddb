"""Fills the caches for the bundles in the library while no visitor needs the computer, so that each of them opens at once."""

import os
import sys
import threading
from collections.abc import Callable
from threading import Event

from app import resources, store
from app.address import first_policy
from app.shown import Shown
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.progress import Progress

QUIET = 2.0  # seconds without a visitor's request before the work begins or goes on
LOOK = 0.25  # seconds between two looks whether it is quiet
NICE = 10  # priority of the thread, of 19 at the lowest


class _Interrupted(Exception):
    """A visitor came, or the server stops."""


def start_warming(stop: Event, quiet_for: Callable[[], float]) -> None:
    """In a thread that ends by itself, or soon after `stop` is set, and that does not delay the end of the process.

    quiet_for: seconds since a visitor last asked for something
    """
    threading.Thread(target=_run, args=[stop, quiet_for], name="warming", daemon=True).start()


def _run(stop: Event, quiet_for: Callable[[], float]) -> None:
    if sys.platform == "linux":  # where threads have priorities of their own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    warm(stop, quiet_for)


def warm(stop: Event, quiet_for: Callable[[], float]) -> None:
    """For each bundle for which there is room: open it, sweep what its page shows first, and make the resources of both."""
    for entry in store.listed():
        while not _try(entry, stop, quiet_for):
            pass
        if stop.is_set():
            return


def _try(entry: Entry, stop: Event, quiet_for: Callable[[], float]) -> bool:
    """False if a visitor came: what was finished is kept, and the sweep that was not is begun again later."""

    def hold_back(done: int, total: int) -> None:
        if stop.is_set() or quiet_for() < QUIET:
            raise _Interrupted

    while quiet_for() < QUIET:
        if stop.wait(LOOK):
            break
    try:
        hold_back(0, 1)
        if store.has_room(entry):
            fill(entry, hold_back)
    except UserError:
        pass  # the page says what is the matter
    except _Interrupted:
        return stop.is_set()
    return True


def fill(entry: Entry, progress: Progress) -> None:
    """What the page shows of a bundle at first. Raises UserError if it is damaged."""
    policy, unit = first_shown(entry)
    progress(0, 1)
    Shown.of(entry, policy, unit, progress)
    progress(0, 1)
    resources.bundle_address(entry)
    progress(0, 1)
    resources.sweep_address(entry, policy, unit)


def first_shown(entry: Entry) -> tuple[str, str]:
    """The policy and the unit that the page shows of a bundle at first."""
    runnable, _ = store.runnable(entry)
    return first_policy(runnable), next(iter(store.opened(entry).outputs.stage_cost))
