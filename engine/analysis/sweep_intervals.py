"""The intervals of a sweep: of every accuracy, and of its difference from the full network on the same examples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from engine.analysis.intervals import CONFIDENCE, Interval, mean_interval, paired_interval, tango_ends
from engine.analysis.subsets import SubsetResults
from engine.exit_values import Quality, is_binary
from engine.outputs import Outputs
from engine.policies.core.base import Rule
from engine.policies.methods.static import StaticRule
from engine.sweep import Sweep


@dataclass(frozen=True, eq=False)
class SweepIntervals:
    """full: of the full network;  accuracy, difference: (points,) of each point, and of it minus the full network, paired by example"""

    full: Interval
    accuracy: Sequence[Interval]
    difference: Sequence[Interval]

    def add_to(self, document: dict[str, Any]) -> None:
        """Add the intervals to the document that `Sweep.as_json` makes."""
        document["full"]["interval"] = self.full.ends
        for point, accuracy, difference in zip(document["points"], self.accuracy, self.difference, strict=True):
            point["interval"], point["difference_interval"] = accuracy.ends, difference.ends


@dataclass(frozen=True, eq=False)
class WholeSweep(Sweep):
    """A sweep of a large bundle, see `engine.analysis.whole_sweep`: its routes are of the sample, all figures are of all examples.

    intervals: of all examples, with the usual confidence
    subsets:   the counts of classes and levels over all examples, or None if they were not counted
    """

    intervals: SweepIntervals | None = None
    subsets: SubsetResults | None = None


def sweep_intervals(sweep: Sweep, outputs: Outputs, confidence: float = CONFIDENCE) -> SweepIntervals:
    """outputs: the examples that the sweep has routes of, in its order"""
    if isinstance(sweep, WholeSweep):
        return _of_all(sweep, confidence)
    accuracy, differences = [], _Differences(outputs.quality[outputs.full], confidence)
    for rule, quality in _by_point(sweep, outputs):
        accuracy.append(mean_interval(quality, confidence))
        differences.add(quality, is_full=is_full_network(rule, outputs))
    return SweepIntervals(mean_interval(differences.full, confidence), accuracy, differences.intervals())


def difference_intervals(sweep: Sweep, outputs: Outputs, confidence: float = CONFIDENCE) -> Sequence[Interval]:
    """Only the differences from the full network, which takes a fraction of the time."""
    if isinstance(sweep, WholeSweep):
        return _of_all(sweep, confidence).difference
    differences = _Differences(outputs.quality[outputs.full], confidence)
    for rule, quality in _by_point(sweep, outputs):
        differences.add(quality, is_full=is_full_network(rule, outputs))
    return differences.intervals()


def _of_all(sweep: WholeSweep, confidence: float) -> SweepIntervals:
    if sweep.intervals is None or confidence != CONFIDENCE:
        raise ValueError(f"a sweep of a large bundle has intervals of {CONFIDENCE:.0%} confidence only")
    return sweep.intervals


def is_full_network(rule: Rule, outputs: Outputs) -> bool:
    """Whether a rule is the full network itself, on any examples. One that only agrees with it on these may differ on others."""
    return is_static(rule, outputs.full)


def is_static(rule: Rule, exit: int) -> bool:
    """Whether a rule lets all examples leave at one exit."""
    return all(isinstance(part, StaticRule) and part.exit == exit for weight, part in rule.parts() if weight > 0)


def _by_point(sweep: Sweep, outputs: Outputs) -> Iterator[tuple[Rule, Quality]]:
    """Each rule, and what each example is worth under it. An array is good until the next one is asked for."""
    # Neighbouring points mix the same rules, so the last few are kept.
    of_part = lru_cache(maxsize=4)(lambda part: part.route(outputs).known_quality)
    for rule, routed in zip(sweep.rules, sweep.routes.rows("quality"), strict=True):
        parts = [(weight, part) for weight, part in rule.parts() if weight > 0]
        if len(parts) == 1:
            yield rule, routed if parts[0][1] is rule else of_part(parts[0][1])
        else:
            yield rule, _expected(parts, of_part)


class _Differences:
    """The intervals of the differences from the full network: score intervals all at once, which is much quicker than one by one."""

    def __init__(self, full: Quality, confidence: float) -> None:
        self.full = full
        self._confidence = confidence
        self._discordant: list[tuple[int, int]] = []
        self._known: dict[int, Interval] = {}  # by point, all that are no score intervals
        self._points = 0

    def add(self, quality: Quality, is_full: bool) -> None:
        """A rule that decides by chance has an expectation, which is graded. is_full: it is the full network itself, so nothing differs"""
        if is_full:
            self._known[self._points] = Interval(0.0, 0.0, 0.0)
        elif is_binary(quality) and is_binary(self.full):
            both = int(np.count_nonzero(quality & self.full))
            self._discordant.append((int(np.count_nonzero(quality)) - both, int(np.count_nonzero(self.full)) - both))
        else:
            self._known[self._points] = paired_interval(quality, self.full, self._confidence)
        self._points += 1

    def intervals(self) -> list[Interval]:
        only_one, only_other = np.array(self._discordant, dtype=np.int64).reshape(-1, 2).T
        low, high = tango_ends(only_one, only_other, len(self.full), self._confidence)
        estimate = (only_one - only_other) / len(self.full)
        score = (Interval(*values) for values in np.stack([estimate, low, high], axis=1).tolist())
        return [self._known[point] if point in self._known else next(score) for point in range(self._points)]


def expected_quality(rule: Rule, outputs: Outputs) -> Quality:
    """What each example is worth under a rule, (examples,); for a rule that decides by chance, the expectation, which is graded."""
    parts = [(weight, part) for weight, part in rule.parts() if weight > 0]
    return parts[0][1].route(outputs).known_quality if len(parts) == 1 else _expected(parts, lambda part: part.route(outputs).known_quality)


def _expected(parts: Sequence[tuple[float, Rule]], quality: Callable[[Rule], Quality]) -> Quality:
    return np.sum([weight * quality(part).astype(np.float64) for weight, part in parts], axis=0)
