"""Subsets of the test examples for the browser: their names, and the engine's counts of them at every budget.

They are over all test examples; of a large bundle, over those of its sample until the others have been counted.

Only one subset is shown at a time: a class, or a level of a factor.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.payload.container import Packed
from app.shown import Shown
from engine.analysis.subset_counts import subset_counts
from engine.analysis.subsets import Subsets
from engine.analysis.sweep_intervals import WholeSweep


def subset_tables(shown: Shown) -> tuple[dict[str, Any], dict[str, Packed]]:
    """Values: `subsets`, a dict for each with its class, or its factor, level, name and bounds, and its examples; and `ways`.

    Arrays "subset left" and "subset incorrect", (subsets, ways, steps): how many examples took each way, and with an incorrect prediction.
    See `SubsetCounts`. Whole numbers travel as differences from one step to the next, modulo the size of their type: most are 0, so they
    compress to a tenth. Expectations travel as they are.
    Where quality is graded, what is missing of it takes the place of incorrect predictions. Where costs depend on the example, "subset
    cost" has the sum of the costs of those who took each way.
    """
    test = shown.bundle.outputs.test()
    subsets = Subsets.of(test)
    exact = shown.sweep.subsets if isinstance(shown.sweep, WholeSweep) else None
    counts = subset_counts(shown.sweep, test, subsets.partitions(test)) if exact is None else exact.counts
    names: list[dict[str, Any]] = [{"class": label} for label in range(subsets.classes)]
    for factor, levels in subsets.levels.items():
        least, greatest = (levels.least, levels.greatest) if exact is None else (exact.least[factor], exact.greatest[factor])
        bounds = zip(levels.names, least.tolist(), greatest.tolist(), strict=True)
        names += [
            {"factor": factor, "level": number, "name": name, "from": round(low, 5), "to": round(high, 5)}
            for number, (name, low, high) in enumerate(bounds)
        ]
    full_correct = np.round(counts.full_correct, 5) if test.is_graded else counts.full_correct.astype(int)
    sizes = zip(names, counts.examples.tolist(), full_correct.tolist(), strict=True)
    values = {
        "subsets": [{**name, "tested": size, "fullCorrect": correct} for name, size, correct in sizes],
        "ways": {
            "exit": counts.way_exit.tolist(),
            "ran": counts.way_ran.astype(int).tolist(),
            "cost": np.round(counts.way_cost, 7).tolist(),
        },
    }
    tables = {"subset left": _packed(counts.left), "subset incorrect": _packed(counts.left - counts.correct)}
    if counts.own_cost is not None:
        tables["subset cost"] = Packed(counts.own_cost.swapaxes(1, 2), "f4")
    return values, tables


def _packed(table: NDArray[np.float64]) -> Packed:
    """(subsets, steps, ways) -> (subsets, ways, steps)."""
    by_way = table.swapaxes(1, 2)
    if (by_way != np.round(by_way)).any():
        return Packed(by_way, "f4")
    whole = by_way.astype(np.int64)
    type = "u2" if whole.max(initial=0) < 2**16 else "u4"
    return Packed(np.diff(whole, prepend=0) % 2 ** (8 * np.dtype(type).itemsize), type)
