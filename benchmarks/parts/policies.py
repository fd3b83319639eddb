"""Policies beside each other at some budgets."""

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.parts.cells import cell
from engine.analysis.intervals import mean_interval, paired_interval
from engine.analysis.sweep_intervals import sweep_intervals
from engine.bundle.bundle import Bundle
from engine.front import concave_hull
from engine.policies import POLICIES
from engine.sweep import run_sweep

BUDGETS = (0.15, 0.25, 0.5, 0.75)
#: What README.md shows: the baseline, the method most often deployed, those of the papers this project began with, and the bound.
FIRST = ("random_mix", "maxprob", "bolukbasi", "eenet", "bof_alpha", "oracle")


def policies_table(bundle: Bundle, names: Iterable[str], budgets: Sequence[float] = BUDGETS) -> list[str]:
    """Test accuracy at some budgets and the cost actually spent, one row per policy."""
    lines = ["| policy | " + " | ".join(f"budget {budget:.0%}" for budget in budgets) + " |", "|---" * (len(budgets) + 1) + "|"]
    for name in names:
        policy = POLICIES[name]
        if policy.unavailable_reason(bundle.outputs):
            continue
        sweep = run_sweep(policy, bundle.outputs, list(budgets))
        intervals = sweep_intervals(sweep, bundle.outputs.test())
        cells = [cell(*point) for point in zip(intervals.accuracy, intervals.difference, sweep.cost.tolist(), strict=True)]
        title = policy.title if policy.deployable else f"*{policy.title}, knows the labels*"
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def hull_row(bundle: Bundle) -> str:
    """The accuracy of mixing static exits, read from their hull on test: the most generous form of the baseline."""
    test = bundle.outputs.test()
    cost, quality = test.mean_static_cost("macs") / test.full_cost("macs"), test.quality.astype(float)
    hull = concave_hull(cost, quality.mean(axis=1))
    cells = []
    for budget in BUDGETS:
        above = int(np.searchsorted(cost[hull], budget).clip(1, len(hull) - 1))
        cheap, costly = hull[above - 1], hull[above]
        share = np.clip((budget - cost[cheap]) / (cost[costly] - cost[cheap]), 0, 1)
        mixed = (1 - share) * quality[cheap] + share * quality[costly]
        cells.append(cell(mean_interval(mixed), paired_interval(mixed, quality[test.full]), budget))
    return "| *Hull of the static exits, chosen on test* | " + " | ".join(cells) + " |"
