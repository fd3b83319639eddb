"""Results of sweeps over all examples of large bundles, kept in the data folder so that the page shows them without streaming again.

What is kept are figures and intervals. Knobs are set again on the sample, which gives the same ones; if they differ, as after an update
that changes a policy, the kept figures are not those of these knobs and are passed over.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.analysis.intervals import Interval
from engine.analysis.sweep_intervals import SweepIntervals, WholeSweep
from engine.bundle.bundle import Bundle
from engine.outputs import Outputs
from engine.paths import data_root
from engine.storage.files import write_synced
from engine.sweep import Full, Sweep

#: Arrays of a sweep that say which knobs it has, and those that say what these give on all examples.
_KNOBS = ("budgets", "planned_cost", "calibration_cost", "calibration_accuracy")
_FIGURES = (
    *("cost", "accuracy", "shares", "correct", "leaving_cost", "before_half", "exit_cost", "static_cost"),
    "static_accuracy",
)


def baselines(outputs: Outputs) -> tuple[str, str]:
    """The policies that the page compares every policy with: the random mix, and the bound. Where quality is graded there is one only."""
    return "random_mix", "oracle_budgeted" if outputs.is_graded else "oracle"


def kept_at(bundle: Bundle, policy: str, unit: str) -> Path:
    """Where the results of a policy are kept. policy, unit: names that exist"""
    return data_root() / "sweeps" / f"{bundle.sha256[:32]}-{policy}-{unit}.json"


def keep_sweep(bundle: Bundle, sweep: WholeSweep) -> Path:
    """Keep the results on the test split."""
    assert sweep.intervals is not None
    intervals = {"full": _numbers(sweep.intervals.full)}
    intervals |= {name: [_numbers(one) for one in getattr(sweep.intervals, name)] for name in ("accuracy", "difference")}
    document = {
        "examples": sweep.examples,
        "full": [sweep.full.cost, sweep.full.accuracy],
        "intervals": intervals,
        **{name: _listed(getattr(sweep, name)) for name in (*_KNOBS, *_FIGURES)},
    }
    path = kept_at(bundle, sweep.policy, sweep.unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_synced(path, json.dumps(document, allow_nan=False).encode())
    return path


def kept_sweep(bundle: Bundle, sweep: Sweep) -> WholeSweep | None:
    """A sweep of the sample with the results over all test examples, or None if they were not kept for these knobs."""
    try:
        document = json.loads(kept_at(bundle, sweep.policy, sweep.unit).read_bytes())
        if not all(np.array_equal(getattr(sweep, name), document[name]) for name in _KNOBS):
            return None
        figures: dict[str, Any] = {name: np.array(document[name], np.float64) for name in _FIGURES}
        if not all(array.shape == getattr(sweep, name).shape for name, array in figures.items()):
            return None
        figures |= {"full": (full := Full(*map(float, document["full"]))), "reported": int(document["examples"])}
        listed = document["intervals"]
        accuracy, difference = ([_interval(one) for one in listed[name]] for name in ("accuracy", "difference"))
        intervals = SweepIntervals(_interval(listed["full"]), accuracy, difference)
        figures["path_cost"] = sweep.path_cost * (sweep.full.cost / full.cost)
        return WholeSweep(**{**vars(sweep), **figures}, intervals=intervals)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None  # not kept, or not by this version


def _listed(array: NDArray[np.float64]) -> list[Any]:
    """JSON has no NaN."""
    return np.where(np.isnan(array), np.array(None, object), array).tolist()


def _numbers(interval: Interval) -> list[float]:
    return [interval.estimate, *interval.ends]


def _interval(numbers: Any) -> Interval:
    return Interval(*map(float, numbers))
