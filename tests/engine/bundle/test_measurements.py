"""Measurements are added to a bundle without changing anything else; impossible ones are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.bundle.bundle import LOGITS, MANIFEST, add_measured, read_bundle, write_bundle
from engine.bundle.measurements import in_unit
from engine.errors import UserError
from engine.policies import POLICIES
from engine.sweep import run_sweep
from tests.engine.bundle.test_bundle import Killed, killed_at, refused, resealed, same_outputs
from tests.measured import DEVICE, fresh
from tests.synthetic import draft, outputs

MADE = outputs(examples=30, exits=3, classes=4)


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_bundle(draft(MADE), tmp_path / "tiny")


def manifest(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def test_a_round_trip_loses_nothing_and_changes_nothing_else(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    add_measured(folder, [fresh(32, 3, joules=True), fresh(1, 3)])
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.keys() == before.keys() and all(after[name] == before[name] for name in after if name != MANIFEST)
    opened = read_bundle(folder)
    units = ({"ms": "ms_batch_1"}, {"ms": "ms_batch_32", "joules": "joules_batch_32"})
    assert opened.measured == tuple(replace(fresh(size, 3).measured, units=named) for size, named in zip((1, 32), units, strict=True))
    costs = opened.outputs.stage_cost
    assert list(costs) == ["macs", "latency_ms", "ms_batch_1", "ms_batch_32", "joules_batch_32"]
    assert np.array_equal(costs["ms_batch_32"], fresh(32, 3).costs["ms"])
    assert np.array_equal(costs["joules_batch_32"], fresh(32, 3, joules=True).costs["joules"])
    assert opened.unit_notes["ms_batch_1"] == f"Measured on {DEVICE}."
    assert same_outputs(replace(opened.outputs, stage_cost=MADE.stage_cost), MADE)
    assert run_sweep(POLICIES["maxprob"], opened.outputs, [0.5], "ms_batch_32").full.cost == pytest.approx(0.6)


def test_bundles_without_measurements_are_unchanged(folder):
    assert read_bundle(folder).measured == () and "measured" not in manifest(folder)


def test_measuring_again_replaces_the_same_device_and_batch_size(folder):
    other = "Slide rule"
    add_measured(folder, [fresh(1, 3), fresh(32, 3, joules=True)])
    add_measured(folder, [fresh(32, 3, device=other)])
    again = fresh(32, 3, date="2027-01-01")
    add_measured(folder, [replace(again, costs={"ms": 2 * again.costs["ms"]})])
    opened = read_bundle(folder)
    entries = [(entry.device, entry.batch_size, entry.date, dict(entry.units)) for entry in opened.measured]
    assert entries == [
        (DEVICE, 1, "2026-11-21", {"ms": "ms_batch_1"}),
        (DEVICE, 32, "2027-01-01", {"ms": "ms_batch_32"}),
        (other, 32, "2026-11-21", {"ms": "ms_batch_32_2"}),
    ]
    assert list(opened.outputs.stage_cost) == ["macs", "latency_ms", "ms_batch_1", "ms_batch_32", "ms_batch_32_2"]
    assert np.array_equal(opened.outputs.stage_cost["ms_batch_32"], 2 * fresh(32, 3).costs["ms"])


def test_an_imported_unit_of_the_same_name_is_kept(tmp_path):
    theirs = replace(MADE, stage_cost={"ms_batch_32": np.array([7.0, 8.0, 9.0])})
    folder = write_bundle(draft(theirs), tmp_path / "tiny")
    add_measured(folder, [fresh(32, 3)])
    costs = read_bundle(folder).outputs.stage_cost
    assert costs["ms_batch_32"].tolist() == [7, 8, 9] and np.array_equal(costs["ms_batch_32_2"], fresh(32, 3).costs["ms"])


def test_runs_are_shown_beside_fitting_units(folder):
    add_measured(folder, [fresh(1, 3), fresh(32, 3, joules=True)])
    measured = read_bundle(folder).measured
    shown = {unit: [entry.batch_size for entry in in_unit(measured, unit)] for unit in read_bundle(folder).outputs.stage_cost}
    assert shown == {"macs": [1, 32], "latency_ms": [1, 32], "ms_batch_1": [1], "ms_batch_32": [32], "joules_batch_32": []}


def test_a_rewritten_bundle_starts_without_measurements(folder):
    add_measured(folder, [fresh(32, 3)])
    write_bundle(draft(MADE), folder)
    assert read_bundle(folder).measured == ()


@pytest.mark.parametrize("before", [True, False])
def test_the_bundle_stays_whole_if_killed_at_any_point(folder, monkeypatch, before):
    add_measured(folder, [fresh(32, 3)])
    for step in range(1, 20):
        with monkeypatch.context() as patch:
            killed_at(patch, step, before)
            try:
                add_measured(folder, [fresh(32, 3, date=f"2027-01-{step:02d}")])
                break
            except Killed:
                assert read_bundle(folder).measured[0].date in ("2026-11-21", *(f"2027-01-{n:02d}" for n in range(1, step + 1)))
    assert step > 2 and read_bundle(folder).measured[0].date == f"2027-01-{step:02d}"


def test_nothing_is_added_to_a_damaged_bundle(folder):
    (folder / LOGITS).write_bytes(b"")
    with pytest.raises(UserError, match=LOGITS):
        add_measured(folder, [fresh(32, 3)])


def test_invalid_measurements_are_not_written(folder):
    before = (folder / MANIFEST).read_bytes()
    for invalid in (fresh(32, 4), replace(fresh(32, 3), measured=replace(fresh(32, 3).measured, device="two\nlines"))):
        with pytest.raises(ValueError):
            add_measured(folder, [invalid])
    assert (folder / MANIFEST).read_bytes() == before


def changed(**changes):
    return lambda entry: entry | changes


def run_changed(**changes):
    return lambda entry: entry | {"runs": [entry["runs"][0] | changes]}


HOSTILE = {
    "not an entry": lambda entry: None,
    "a missing fact": lambda entry: {name: entry[name] for name in entry if name != "runs"},
    "a device of several lines": changed(device="a\nb"),
    "a device with a direction mark": changed(device="a\u202eb"),
    "a device that is too long": changed(device="a" * 101),
    "a device that is not text": changed(device=3),
    "no images": changed(examples=0),
    "half an image": changed(examples=0.5),
    "accuracies over nothing": changed(tested=0),
    "a boolean batch size": changed(batch_size=True),
    "a batch of another size": changed(batch_size=31),
    "no units": changed(units={}),
    "unknown units": changed(units={"ms": "ms_batch_32", "kg": "kg_batch_32"}),
    "the macs": changed(units={"ms": "macs"}),
    "a unit that is not there": changed(units={"ms": "ms_batch_32_7"}),
    "a unit with a path": changed(units={"ms": "ms_batch_32/../x"}),
    "too few exits": changed(alone=[]),
    "exits that are numbers": changed(alone=[1, 2, 3]),
    "runs that are text": changed(runs="fast"),
    "a run with an unknown field": run_changed(more=1),
    "a run that took no time": run_changed(speed_up=0),
    "a run without speed": run_changed(speed_up=None),
    "a run with text": run_changed(speed_up="2"),
    "a run beyond floats": run_changed(ideal_by_macs=10**400),
    "an accuracy above 1": run_changed(accuracy=1.01),
    "an accuracy below 0": run_changed(accuracy=-0.01),
    "a negative budget": run_changed(budget=-1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_impossible_measurement_is_refused(folder, name):
    add_measured(folder, [fresh(32, 3)])
    entry = manifest(folder)["measured"][0]
    assert "is inconsistent" in refused(resealed(folder, measured=[HOSTILE[name](entry)]))


@pytest.mark.parametrize("measured", [3, "x", {}, [[]], [{}], {"device": "x"}])
def test_malformed_measurements_are_refused(folder, measured):
    assert "is inconsistent" in refused(resealed(folder, measured=measured))


def test_duplicate_measurements_are_refused(folder):
    add_measured(folder, [fresh(32, 3)])
    entry = manifest(folder)["measured"][0]
    assert "is inconsistent" in refused(resealed(folder, measured=[entry, entry]))
    assert "is inconsistent" in refused(resealed(folder, measured=[entry, entry | {"device": "another"}]))


@pytest.mark.parametrize("unit", ["", "a b", "<img>", "x" * 65, "ms/32", "ms\n"])
def test_an_invalid_unit_name_is_refused(folder, unit):
    units = {"macs": {"stage_cost": [1.0, 2.0, 3.0], "note": ""}, unit: {"stage_cost": [1.0, 2.0, 3.0], "note": ""}}
    assert "is inconsistent" in refused(resealed(folder, units=units))
