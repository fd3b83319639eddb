"""What all visitors share: opened bundles and finished sweeps, kept read-only.

Everything is keyed by the state of the files on disk, so a bundle that was replaced is opened anew and one that broke is noticed.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

from app.byte_cache import ByteCache
from engine.bundle.bundle import Bundle, read_bundle
from engine.bundle.library import Entry, entries
from engine.policies import POLICIES
from engine.runtime.host_memory import give_memory_back
from engine.sweep import Sweep, sweep
from engine.targets import Promise, TargetResult, by_accuracy_floor, by_guarantee

#: Budgets a sweep of the page has: one for every half per cent or so, finer than a hand moves a slider.
STEPS = 201
#: The shipped bundle whose pictures are our own.
FIRST = "doodles"
#: Rules drawn beside every policy. The static exits, mixing them, and what nobody can beat.
STATIC, MIX, ORACLE = "static", "random_mix", "oracle"
#: Bytes that a rule takes, or an answer with its rule: a few numbers and what Python adds to them.
_RULE, _TARGET_RESULT = 1_000, 5_000

Stamp = tuple[tuple[str, int, int], ...]
Found = TypeVar("Found")

_titles: ByteCache[str] = ByteCache(1_000_000, lambda title: 100 + 4 * len(title))
_bundles: ByteCache[Bundle] = ByteCache(128_000_000, lambda bundle: bundle.nbytes)
_sweeps: ByteCache[Sweep] = ByteCache(64_000_000, lambda swept: swept.nbytes + _RULE * len(swept.rules))
_target_results: ByteCache[TargetResult] = ByteCache(2_000_000, lambda _: _TARGET_RESULT)


def _kept(cache: ByteCache[Found], key: Hashable, make: Callable[[], Found]) -> Found:
    """From the cache, or made and kept there, and then the scratch memory that it took is given back."""

    def made() -> Found:
        try:
            return make()
        finally:
            give_memory_back()

    return cache.get(key, made)


def listed() -> list[Entry]:
    """Every bundle folder there is, whole or broken; the one that can always show its pictures comes first."""
    return sorted(entries(), key=lambda entry: entry.id != FIRST)


def opened(entry: Entry) -> Bundle:
    """A bundle, checked when it was first opened. Raises UserError if it is damaged."""
    return _kept(_bundles, _key(entry), lambda: read_bundle(entry.folder))


def title(entry: Entry) -> str:
    """What a bundle is called. Raises UserError if it is damaged. Known without the bundle once that was opened."""
    return _titles.get(_key(entry), lambda: opened(entry).title)


def swept(entry: Entry, policy: str, unit: str) -> Sweep:
    """A policy over all budgets of the page."""
    return _kept(_sweeps, (_key(entry), policy, unit), lambda: sweep(POLICIES[policy], opened(entry).outputs, STEPS, unit))


def for_accuracy(entry: Entry, policy: str, unit: str, floor: float) -> TargetResult:
    """The cheapest setting of a policy that is right so often on calibration. Raises UserError if none is."""
    key = _key(entry), policy, unit, floor
    return _kept(_target_results, key, lambda: by_accuracy_floor(POLICIES[policy], opened(entry).outputs, floor, unit))


def for_promise(entry: Entry, unit: str, promise: Promise) -> TargetResult:
    """The cheapest shared threshold that keeps a promise about errors."""
    return _kept(_target_results, (_key(entry), unit, promise), lambda: by_guarantee(opened(entry).outputs, promise, unit))


def _key(entry: Entry) -> tuple[str, Stamp]:
    return str(entry.folder), entry.stamp()
