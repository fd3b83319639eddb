"""The 95% intervals of how much more accurate a policy is than the full network on the same examples, for the browser."""

from typing import Any

import numpy as np

from app.payload.arrays import numbers
from app.shown import Shown
from engine.analysis.sweep_intervals import difference_intervals


def intervals_data(shown: Shown) -> dict[str, Any]:
    """low, high: the ends at every budget;  graded: whether they are of qualities, not of accuracies"""
    outputs = shown.bundle.outputs
    low, high = np.array([interval.ends for interval in difference_intervals(shown.sweep, outputs.test())]).T
    return {"low": numbers(low), "high": numbers(high), "graded": outputs.is_graded}
