"""What all visitors share: opened bundles and finished sweeps, read-only.

Everything is keyed by the state of the files on disk: a bundle that was replaced is opened again, and one that was damaged is noticed.
"""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from app.byte_cache import ByteCache
from app.dataset_texts import Missing, TextSource
from engine.analysis.kept_sweeps import STEPS, baselines, kept_at, kept_sweep
from engine.bundle.bundle import Bundle, read_bundle
from engine.bundle.library import Entry, entries
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.progress import Progress, no_progress
from engine.runtime.host_memory import give_memory_back
from engine.sweep import Sweep, run_sweep
from engine.targets import Promise, TargetResult, by_accuracy_floor, by_guarantee

#: The bundle listed first: it is shipped with its images.
FIRST = "doodles"
#: Policies that every policy is compared with: a random mix of the static exits, and the bound that uses the labels. Where quality is
#: graded, only the budgeted oracle is a bound.
MIX, ORACLE, GRADED_ORACLE = "random_mix", "oracle", "oracle_budgeted"
#: Bytes of a rule, and of a target result with its rule: a few numbers and Python's overhead.
_RULE, _TARGET_RESULT = 1_000, 5_000

Stamp = tuple[tuple[str, int, int], ...]
Value = TypeVar("Value")

_titles: ByteCache[str] = ByteCache(1_000_000, lambda title: 100 + 4 * len(title))
_missing_texts: ByteCache[Missing] = ByteCache(1_000_000, lambda missing: 400 + 4 * len(missing.here))
_bundles: ByteCache[Bundle] = ByteCache(128_000_000, lambda bundle: bundle.nbytes)
_sweeps: ByteCache[Sweep] = ByteCache(64_000_000, lambda sweep: sweep.nbytes + _RULE * len(sweep.rules))
_unkept: ByteCache[bytes] = ByteCache(16_000_000, len)
_target_results: ByteCache[TargetResult] = ByteCache(2_000_000, lambda _: _TARGET_RESULT)


def _kept(cache: ByteCache[Value], key: Hashable, make: Callable[[], Value]) -> Value:
    """From the cache, or made and kept there. The scratch memory that making it took is given back."""

    def made() -> Value:
        try:
            return make()
        finally:
            give_memory_back()

    return cache.get(key, made)


def listed() -> list[Entry]:
    """Every bundle folder, whole or damaged; the one that can always show its images comes first."""
    return sorted(entries(), key=lambda entry: entry.id != FIRST)


def entry(id: str) -> Entry | None:
    """The bundle folder with this id."""
    return next((entry for entry in entries() if entry.id == id), None)


def has_room(entry: Entry) -> bool:
    """Whether a bundle that no visitor has asked for yet may be loaded: it should not take the place of others."""
    # The files of a bundle take more than its arrays: those of the logits and the images are not loaded.
    size = sum(size for _, size, _ in entry.stamp())
    return _bundles.held + size <= _bundles.limit and 2 * _sweeps.held <= _sweeps.limit


def opened(entry: Entry) -> Bundle:
    """A bundle, checked when it is first opened, with the texts of its data set. Raises UserError if it is damaged."""
    bundle, source = _as_stored(entry)
    return bundle if source is None else _kept(_bundles, opened_key(entry), lambda: source.added_to(bundle))


def missing_texts(entry: Entry) -> Missing:
    """Why the texts of a bundle are missing; empty if they are there, or if its examples are not texts."""
    bundle, source = _as_stored(entry)
    if source is None or opened(entry).texts is not None:
        return Missing()
    return _missing_texts.get(opened_key(entry), lambda: source.why_missing(bundle))


def _as_stored(entry: Entry) -> tuple[Bundle, TextSource | None]:
    """A bundle as it is on disk, and the data set that has its texts if it does not hold them."""
    bundle = _kept(_bundles, key(entry), lambda: read_bundle(entry.folder))
    return bundle, TextSource.of(bundle)


def title(entry: Entry) -> str:
    """Of a bundle; kept longer than the bundle itself. Raises UserError if the bundle is damaged."""
    return _titles.get(key(entry), lambda: opened(entry).title)


def swept(entry: Entry, policy: str, unit: str, progress: Progress = no_progress, of_all: bool = False) -> Sweep:
    """A policy over all budgets of the page. unit: of cost;  progress: not called if the sweep is there or another thread makes it

    of_all: of a large bundle, the figures of all test examples that were kept, or those of its sample if they are of other knobs
    """

    def make() -> Sweep:
        bundle = opened(entry)
        if not of_all:
            return run_sweep(POLICIES[policy], bundle.outputs, STEPS, unit, progress=progress)
        sample = swept(entry, policy, unit, progress)
        return kept_sweep(bundle, sample, _unkept.peek(kept_at(bundle, policy, unit))) or sample

    return _kept(_sweeps, sweep_key(entry, policy, unit, of_all), make)


def sweep_key(entry: Entry, policy: str, unit: str, of_all: bool) -> Hashable:
    """Of a sweep in a cache. Opens the bundle only for the figures of all examples."""
    if not of_all:
        return key(entry), policy, unit, None
    bundle = opened(entry)
    return key(entry), policy, unit, _kept_stamps(bundle, (policy, *baselines(bundle.outputs)), unit)


def oracle(outputs: Outputs) -> str:
    """The name of the bound that policies on these outputs are compared with."""
    return GRADED_ORACLE if outputs.is_graded else ORACLE


def are_kept(entry: Entry, policy: str, unit: str) -> bool:
    """Whether figures over all examples of a large bundle were kept, of a policy and of those that it is compared with."""
    bundle = opened(entry)
    return bundle.whole is not None and None not in _kept_stamps(bundle, (policy, *baselines(bundle.outputs)), unit)


def _kept_stamps(bundle: Bundle, policies: tuple[str, ...], unit: str) -> tuple[int | None, ...]:
    def stamp(path: Path) -> int | None:
        if (document := _unkept.peek(path)) is not None:
            return hash(document)
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return None

    return tuple(stamp(kept_at(bundle, policy, unit)) for policy in policies)


def not_exact(entry: Entry, policy: str, unit: str) -> list[str]:
    """Of a policy and those that it is compared with, the names of those whose figures are not known over all examples.

    Empty if the bundle is not a large one, whose figures always are.
    """
    bundle = opened(entry)
    if bundle.whole is None:
        return []
    names = dict.fromkeys((*baselines(bundle.outputs), policy))  # those that every policy needs come first
    return [
        name
        for name, stamp in zip(names, _kept_stamps(bundle, tuple(names), unit), strict=True)
        if stamp is None or swept(entry, name, unit, of_all=True).reported is None
    ]


def keep_in_memory(entry: Entry, policy: str, unit: str, document: bytes) -> None:
    """Keep figures of all examples that could not be kept in the data folder, see `engine.analysis.kept_sweeps.document_of`."""
    _unkept.put(kept_at(opened(entry), policy, unit), document)


def is_swept(entry: Entry, policy: str, unit: str, of_all: bool = False) -> bool:
    """Whether `swept` returns at once."""
    return _sweeps.peek(sweep_key(entry, policy, unit, of_all)) is not None


def for_accuracy(entry: Entry, policy: str, unit: str, floor: float) -> TargetResult:
    """The cheapest setting of a policy with at least this calibration accuracy, in [0, 1]. Raises UserError if there is none."""
    target = key(entry), policy, unit, floor
    return _kept(_target_results, target, lambda: by_accuracy_floor(POLICIES[policy], opened(entry).outputs, floor, unit))


def for_promise(entry: Entry, unit: str, promise: Promise) -> TargetResult:
    """The cheapest shared threshold that keeps a promise about errors. Raises UserError if the bundle cannot be tuned."""
    return _kept(_target_results, (key(entry), unit, promise), lambda: by_guarantee(opened(entry).outputs, promise, unit))


def runnable(entry: Entry) -> tuple[list[str], dict[str, str]]:
    """Names of the policies that can run on a bundle, and for each of the others one sentence that says why not."""
    outputs = opened(entry).outputs
    reasons = {name: policy.unavailable_reason(outputs) for name, policy in POLICIES.items()}
    return [name for name, reason in reasons.items() if reason is None], {name: reason for name, reason in reasons.items() if reason}


def key(entry: Entry) -> tuple[str, Stamp]:
    """Of a bundle in a cache: another one as soon as its files have changed."""
    return str(entry.folder), entry.stamp()


def opened_key(entry: Entry) -> Hashable:
    """The same for what shows its texts: also another one as soon as the files of its data set of texts have changed."""
    _, source = _as_stored(entry)
    return key(entry) if source is None else (key(entry), source.folder, source.stamp)
