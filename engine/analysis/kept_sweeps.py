"""Results of sweeps over all examples of large bundles, kept in the data folder so that the page shows them without streaming again.

What is kept are figures, intervals and counts of subsets. Knobs are set again on the sample, which gives the same ones; if they differ, as
after an update that changes a policy, the kept figures are not those of these knobs and are passed over.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.analysis.intervals import Interval
from engine.analysis.possible_sweep import is_possible
from engine.analysis.subset_counts import SubsetCounts
from engine.analysis.subsets import SubsetResults, Subsets
from engine.analysis.sweep_intervals import SweepIntervals, WholeSweep
from engine.analysis.whole_sweep import over_all_examples
from engine.bundle.bundle import Bundle
from engine.outputs import Outputs
from engine.paths import data_root
from engine.policies import POLICIES
from engine.progress import Progress, in_halves, no_progress
from engine.storage.files import write_synced
from engine.sweep import Full, Sweep, run_sweep

#: Budgets of a sweep of the page: one for about every half per cent, finer than a hand moves a slider.
STEPS = 201
#: Counts of subsets, by budget and way. If there were more, they are left out, and the page shows those of the sample.
MOST_COUNTS = 400_000
#: Arrays of a sweep that say which knobs it has, and those that say what these give on all examples.
_KNOBS = ("budgets", "planned_cost", "calibration_cost", "calibration_accuracy")
_FIGURES = (
    *("cost", "accuracy", "shares", "correct", "leaving_cost", "before_half", "exit_cost", "static_cost"),
    "static_accuracy",
)
#: Of the counts of subsets.
_COUNTS = ("examples", "full_correct", "way_exit", "way_ran", "way_cost", "left", "correct", "own_cost")


def baselines(outputs: Outputs) -> tuple[str, str]:
    """The policies that the page compares every policy with: the random mix, and the bound. Where quality is graded there is one only."""
    return "random_mix", "oracle_budgeted" if outputs.is_graded else "oracle"


def kept_at(bundle: Bundle, policy: str, unit: str) -> Path:
    """Where the results of a policy are kept. policy, unit: names that exist"""
    return data_root() / "sweeps" / f"{bundle.sha256[:32]}-{policy}-{unit}.json"


def sweep_for_page(bundle: Bundle, policy: str, unit: str, progress: Progress = no_progress) -> WholeSweep:
    """A policy at the budgets of the page on all test examples of a large bundle. Raises UserError as `run_sweep`."""
    assert bundle.whole is not None
    first, second = in_halves(progress)
    sweep = run_sweep(POLICIES[policy], bundle.outputs, STEPS, unit, progress=first)
    return over_all_examples(POLICIES[policy], sweep, bundle.whole, Subsets.of(bundle.outputs.part(sweep.split)), second)


def keep_sweep(bundle: Bundle, sweep: WholeSweep) -> Path:
    """Keep the results on the test split. Raises OSError where the folder cannot be written."""
    path = kept_at(bundle, sweep.policy, sweep.unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_synced(path, document_of(sweep))
    return path


def document_of(sweep: WholeSweep) -> bytes:
    """The results as they are kept."""
    assert sweep.intervals is not None
    intervals = {"full": _numbers(sweep.intervals.full)}
    intervals |= {name: [_numbers(one) for one in getattr(sweep.intervals, name)] for name in ("accuracy", "difference")}
    document = {
        "examples": sweep.examples,
        "full": [sweep.full.cost, sweep.full.accuracy],
        "intervals": intervals,
        "subsets": _subsets(sweep.subsets),
        **{name: _listed(getattr(sweep, name)) for name in (*_KNOBS, *_FIGURES)},
    }
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


def kept_sweep(bundle: Bundle, sweep: Sweep, content: bytes | None = None) -> WholeSweep | None:
    """A sweep of the sample with the results over all test examples, or None if none that can be true were kept for these knobs.

    content: as `document_of` gives it, if it is not the file that was kept
    """
    if bundle.whole is None:
        return None
    try:
        document = json.loads(kept_at(bundle, sweep.policy, sweep.unit).read_bytes() if content is None else content)
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
        subsets = _kept_subsets(document["subsets"], Subsets.of(bundle.outputs.part(sweep.split)), sweep)
        kept = WholeSweep(**{**vars(sweep), **figures}, intervals=intervals, subsets=subsets)
        return kept if is_possible(kept, sweep, bundle.whole, bundle.outputs) else None
    except (OSError, ArithmeticError, AttributeError, ValueError, LookupError, TypeError, RecursionError):
        return None  # not kept, or not by this version


def _subsets(results: SubsetResults | None) -> dict[str, Any] | None:
    if results is None or results.counts.left.size > MOST_COUNTS:
        return None
    counts = {name: getattr(results.counts, name) for name in _COUNTS}
    listed = {name: None if array is None else _as_short_as_can_be(array) for name, array in counts.items()}
    bounds = {name: [results.least[name].tolist(), results.greatest[name].tolist()] for name in results.least}
    return {**listed, "bounds": bounds}


def _kept_subsets(document: Any, subsets: Subsets, sweep: Sweep) -> SubsetResults | None:
    """Raises ArithmeticError, ValueError, LookupError or TypeError if they are not counts of these subsets."""
    if document is None:
        return None
    arrays: dict[str, Any] = {name: None if document[name] is None else np.array(document[name], np.float64) for name in _COUNTS}
    for name, kind in (("examples", np.int64), ("way_exit", np.int64), ("way_ran", np.bool_)):
        given = arrays[name]
        if not (np.abs(given) < 2**53).all() or not np.array_equal(given, given.astype(kind)):
            raise ValueError(f"these are not the {name} of counts")
        arrays[name] = given.astype(kind)
    number, ways, exits = sum(subsets.parts), len(arrays["way_exit"]), len(sweep.exit_cost)
    table = (number, len(sweep.budgets), ways)
    shapes = {"examples": (number,), "full_correct": (number,), "way_ran": (ways, exits), "way_cost": (ways,), "left": table}
    shapes |= {"correct": table, "own_cost": table}
    bounds = {name: np.array(document["bounds"][name], np.float64) for name in subsets.levels}
    if any(np.shape(arrays[name]) != shape for name, shape in shapes.items() if name != "own_cost" or arrays[name] is not None):
        raise ValueError("these are not the counts of the bundle's classes and levels")
    if any(bounds[name].shape != (2, len(levels.names)) for name, levels in subsets.levels.items()):
        raise ValueError("these are not the bounds of the bundle's levels")
    least, greatest = ({name: bounds[name][end] for name in bounds} for end in (0, 1))
    return SubsetResults(SubsetCounts(**arrays), least, greatest)


def _as_short_as_can_be(array: NDArray) -> list[Any]:
    """Whole numbers without their .0."""
    whole = array.astype(np.int64)
    return whole.tolist() if (whole == array).all() else array.tolist()


def _listed(array: NDArray[np.float64]) -> list[Any]:
    """JSON has no NaN."""
    return np.where(np.isnan(array), np.array(None, object), array).tolist()


def _numbers(interval: Interval) -> list[float]:
    return [interval.estimate, *interval.ends]


def _interval(numbers: Any) -> Interval:
    return Interval(*map(float, numbers))
