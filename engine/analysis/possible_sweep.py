"""Whether the figures of a sweep over all examples can be true at all: they may come from a file that anyone could have changed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.analysis.intervals import Interval
from engine.analysis.subset_counts import SubsetCounts
from engine.analysis.subsets import SubsetResults
from engine.analysis.sweep_intervals import WholeSweep
from engine.bundle.whole import Whole
from engine.outputs import CascadeKind, Outputs
from engine.sweep import Sweep

#: Far above that of sums over many examples and of the ends of intervals: true figures must never be passed over.
_ROUNDING = 1e-6


def is_possible(sweep: WholeSweep, sample: Sweep, whole: Whole, outputs: Outputs) -> bool:
    """Whether every figure is finite and in its range, and those that determine each other agree.

    sweep:  with arrays of the shapes of `sample`, the sweep that it was made of
    whole, outputs: all examples of the bundle, and those of its sample
    """
    with np.errstate(all="ignore"):  # anything may be in the arrays; NaN fails every comparison below
        varies = whole.costs_vary(sweep.unit)
        return (
            sweep.examples == whole.examples[sweep.split]
            and _costs_fit(sweep, sample, varies, outputs.kind)
            and _figures_fit(sweep)
            and _intervals_fit(sweep)
            and (sweep.subsets is None or _subsets_fit(sweep, sweep.subsets, varies))
        )


def _costs_fit(sweep: WholeSweep, sample: Sweep, varies: bool, kind: CascadeKind) -> bool:
    """Costs of the network. Unless they vary by example, they are those of the sample."""
    names = ("exit_cost", "static_cost")
    same = varies or (_equal(sweep.full.cost, sample.full.cost) and all(_equal(getattr(sweep, n), getattr(sample, n)) for n in names))
    summed = np.cumsum(sweep.static_cost) if kind is CascadeKind.FAMILY else sweep.static_cost
    return (
        same
        and _within(sweep.full.cost, np.finfo(np.float64).tiny)
        and _within(sweep.path_cost, 0)
        and _within(sweep.static_cost, 0)
        and _equal(sweep.static_cost[-1], 1)
        and _equal(sweep.exit_cost, summed)
        and bool((np.diff(sweep.exit_cost) >= 0).all())
    )


def _figures_fit(sweep: WholeSweep) -> bool:
    shares = sweep.shares
    return (
        all(_within(part, 0, 1) for part in (shares, sweep.accuracy, sweep.before_half, sweep.static_accuracy, sweep.full.accuracy))
        and _equal(shares.sum(axis=1), 1)
        and _within(sweep.correct, 0, shares)
        and _equal(sweep.correct.sum(axis=1), sweep.accuracy)
        and _equal(sweep.static_accuracy[-1], sweep.full.accuracy)
        and _within(sweep.cost, 0, sweep.exit_cost[-1])
        and np.array_equal(np.isnan(sweep.leaving_cost), shares == 0)
        and _within(spent := np.where(shares == 0, 0, sweep.leaving_cost * shares), 0)
        and _equal(spent.sum(axis=1), sweep.cost)
    )


def _intervals_fit(sweep: WholeSweep) -> bool:
    intervals, full = sweep.intervals, sweep.full.accuracy
    return intervals is not None and (
        _around([intervals.full], np.array([full]), 0)
        and _around(intervals.accuracy, sweep.accuracy, 0)
        and _around(intervals.difference, sweep.accuracy - full, -1)
    )


def _around(intervals: Sequence[Interval], estimate: NDArray[np.float64], least: float) -> bool:
    """Whether there is an interval around each estimate, in [least, 1]."""
    if len(intervals) != len(estimate):
        return False
    low, high = np.array([each.ends for each in intervals]).T
    return (
        _equal([each.estimate for each in intervals], estimate) and _within(low, least, estimate) and _within(high, estimate - _ROUNDING, 1)
    )


def _subsets_fit(sweep: WholeSweep, subsets: SubsetResults, varies: bool) -> bool:
    """Every example of a subset takes one way at every budget, and none costs more than all together."""
    counts: SubsetCounts = subsets.counts
    in_subset, spent = counts.examples[:, None], sweep.cost * sweep.examples
    return (
        _within(counts.examples, 0, sweep.examples)
        and _within(counts.full_correct, 0, counts.examples)
        and _within(counts.way_exit, 0, len(sweep.exit_cost) - 1)
        and _within(counts.way_cost, 0, sweep.exit_cost[-1])
        and _within(counts.left, 0)
        and _equal(counts.left.sum(axis=2), np.broadcast_to(in_subset, counts.left.shape[:2]))
        and _within(counts.correct, 0, counts.left)
        and (counts.own_cost is not None) == varies
        and (counts.own_cost is None or (_within(counts.own_cost, 0) and _within(counts.own_cost.sum(axis=2), 0, spent)))
        and all(_within(most, -np.inf) and _within(subsets.least[name], -np.inf, most) for name, most in subsets.greatest.items())
    )


def _within(values: NDArray | float, least: float | NDArray, most: float | NDArray = np.inf) -> bool:
    """Whether all are finite and in the range, up to rounding above it."""
    values = np.asarray(values)
    return bool((np.isfinite(values) & (values >= least) & (values <= most + _ROUNDING * np.maximum(1, np.abs(most)))).all())


def _equal(values: NDArray | float | Sequence[float], others: NDArray | float) -> bool:
    return np.allclose(values, others, rtol=_ROUNDING, atol=_ROUNDING)
