"""The front that the browser draws holds the sweep, the exits and the real runs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.figures.front import alt, table
from app.payload.front_data import front_data
from app.shown import Shown
from app.wording import run_lines
from engine.analysis.sweep_intervals import sweep_intervals
from engine.bundle.measurements import MS, Measured
from engine.front import concave_hull
from engine.outputs import CascadeKind
from tests.app.samples import sample, show, with_measured
from tests.golden.page.make import log
from tests.measured import DEVICE, fresh


def timed(entry: Measured, shown: Shown) -> Measured:
    """As if the costs shown were its own times."""
    return replace(entry, units={MS: shown.sweep.unit})


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return sample(tmp_path_factory.mktemp("data"), examples=900)


def test_curves_are_those_of_the_sweeps(shown: Shown) -> None:
    sweep = shown.sweep
    hull = concave_hull(sweep.static_cost, sweep.static_accuracy)
    expected = {
        "policy": (sweep.cost, sweep.accuracy),
        "calibration": (sweep.calibration_cost, sweep.calibration_accuracy),
        "mix": (shown.mix.cost, shown.mix.accuracy),
        "oracle": (shown.oracle.cost, shown.oracle.accuracy),
        "hull": (sweep.static_cost[hull], sweep.static_accuracy[hull]),
    }
    curves = {curve["kind"]: curve for curve in front_data(shown)["curves"]}
    assert curves.keys() == expected.keys() and curves["policy"]["name"] == shown.title
    for kind, (cost, accuracy) in expected.items():
        np.testing.assert_allclose(curves[kind]["cost"], cost, atol=1e-5)
        np.testing.assert_allclose(curves[kind]["accuracy"], accuracy, atol=1e-5)


@pytest.mark.parametrize(("policy", "kind"), [("oracle", "oracle"), ("random_mix", "mix")])
def test_a_policy_is_not_compared_with_itself(tmp_path: Path, policy: str, kind: str) -> None:
    kinds = [curve["kind"] for curve in front_data(sample(tmp_path, policy))["curves"]]
    assert kind not in kinds and kinds[-1] == "policy" and len(kinds) == 4


def test_intervals_are_those_of_the_differences(shown: Shown) -> None:
    intervals = front_data(shown)["intervals"]
    expected = sweep_intervals(shown.sweep, shown.bundle.outputs.test()).difference
    np.testing.assert_allclose(intervals["low"], [interval.low for interval in expected], atol=1e-5)
    np.testing.assert_allclose(intervals["high"], [interval.high for interval in expected], atol=1e-5)
    difference = shown.sweep.accuracy - shown.sweep.full.accuracy
    assert not intervals["graded"] and (np.array(intervals["low"]) <= difference).all() and (difference <= intervals["high"]).all()
    columns = table(shown).columns
    assert columns["Difference in points"] == pytest.approx(100 * difference[:: len(difference) // 20], abs=1e-3)
    assert columns["95% from"] == pytest.approx([100 * low for low in intervals["low"][:: len(difference) // 20]], abs=2e-3)


def test_exits_have_their_cost_accuracy_and_name(shown: Shown) -> None:
    exits = front_data(shown)["exits"]
    np.testing.assert_allclose([exit["cost"] for exit in exits], shown.sweep.static_cost, atol=1e-5)
    np.testing.assert_allclose([exit["accuracy"] for exit in exits], shown.sweep.static_accuracy, atol=1e-5)
    assert [exit["name"] for exit in exits] == list(shown.bundle.exit_names)
    assert f"{100 * shown.sweep.static_accuracy[1]:.1f}% accuracy if all images leave here" in exits[1]["lines"]


def test_real_runs_have_a_device_and_their_facts(shown: Shown) -> None:
    entries = [timed(fresh(size, device=device).measured, shown) for device in (DEVICE, "Slide rule") for size in (1, 32)]
    front = front_data(with_measured(shown, *entries))
    assert front["devices"] == [DEVICE, "Slide rule"]
    assert [run["device"] for run in front["runs"]] == [0] * 6 + [1] * 6
    assert [run["label"] for run in front["runs"]] == (["1"] * 3 + ["32"] * 3) * 2
    runs = [(entry, run) for entry in entries for run in entry.runs]
    assert [run["lines"] for run in front["runs"]] == [run_lines(entry, run) for entry, run in runs]
    assert front["axes"]["cost"][1] > max(run["time"] for run in front["runs"]) > 1


def test_real_runs_are_drawn_in_their_unit_and_under_their_policy_only(shown: Shown) -> None:
    entry = fresh(1).measured
    elsewhere = front_data(with_measured(shown, replace(entry, units={MS: "ms_batch_1"})))
    assert elsewhere["runs"] == [] and elsewhere["runsUnit"] == "ms_batch_1"
    other = front_data(with_measured(shown, replace(timed(entry, shown), policy="entropy")))
    assert other["runs"] == [] and other["runsUnit"] is None
    assert front_data(with_measured(shown, timed(entry, shown)))["runsUnit"] is None


def test_times_belong_to_budgets_of_the_policy_and_the_unit_that_ran(shown: Shown) -> None:
    measured = fresh(32).measured
    other = replace(measured, policy="entropy")
    in_time = replace(shown, sweep=replace(shown.sweep, unit="latency_ms"))
    budgets = [
        [run["budget"] for run in front_data(with_measured(s, entry))["timed"]]
        for s, entry in ((shown, measured), (shown, other), (in_time, measured))
    ]
    assert budgets == [[0.25, 0.5, 0.75], [], []]


def test_everything_is_inside_the_axes(shown: Shown) -> None:
    front = front_data(with_measured(shown, timed(fresh(1).measured, shown)))
    (least, most), (low, high) = front["axes"]["cost"], front["axes"]["accuracy"]
    drawn = [*front["curves"], *({"cost": point.get("cost", point.get("time")), **point} for point in front["exits"] + front["runs"])]
    for item in drawn:
        assert least <= np.min(item["cost"]) and np.max(item["cost"]) < most
        assert low < np.min(item["accuracy"]) and np.max(item["accuracy"]) < high


def test_where_examples_have_costs_of_their_own_the_axis_is_as_long_under_every_policy(tmp_path: Path) -> None:
    bundle = log(tmp_path, kind=CascadeKind.FAMILY, recorded="confidence")
    test = bundle.outputs.test()
    fronts = [front_data(show(bundle, policy, steps=11)) for policy in ("single_threshold", "static", "random_mix")]
    (end,) = {front["withoutRuns"]["cost"][1] for front in fronts}
    total = test.cost_in("macs").sum(axis=0) / test.full_cost("macs")
    assert np.mean(total <= end) == pytest.approx(0.9, abs=0.02) and end > 1.2


@pytest.mark.parametrize(
    "outputs", [{"exits": 2}, {"exits": 40, "examples": 300}, {"recorded": "confidence"}, {"kind": "family", "exits": 3}]
)
def test_every_kind_of_bundle_has_a_front_of_plain_json(tmp_path: Path, outputs: dict) -> None:
    shown = sample(tmp_path, **outputs)
    front = front_data(shown)
    assert json.loads(json.dumps(front, allow_nan=False)) == front
    assert front["alt"] == alt(shown) and "compute" in front["titles"]["cost"]
