"""Keeping what was measured: a `Measurement` of a recipe becomes part of the bundle that the recipe's weights made."""

from pathlib import Path

import numpy as np

from engine.bundle.bundle import add_measured, read_bundle
from engine.bundle.measurements import JOULES, MS, Fresh, Measured, MeasuredRun, StaticExit
from engine.display_text import printable
from engine.errors import UserError
from engine.measuring.measure import POLICY, Measurement
from engine.outputs import Test
from engine.paths import bundles_folder
from engine.recipes import Recipe, recipe, weights_path
from engine.runtime.precision import FULL
from engine.storage.files import sha256_of


def bundle_to_save_to(asked: str | Recipe) -> Path:
    """The folder of a recipe's bundle, to be asked before the measuring. Raises UserError if there is none, or one of other weights."""
    name = recipe(asked).name
    folder, weights = bundles_folder() / name, weights_path(name)
    if not folder.is_dir():
        raise UserError(f"There is no bundle of {name} to save to; make one with `python -m engine compute` or leave --save out.")
    if weights.is_file():  # if not, the measuring says so
        _check(folder, sha256_of(weights))
    return folder


def save_measurements(found: Measurement, folder: Path) -> list[str]:
    """Add what was measured to a bundle and return the names of its new units. Raises UserError if it was made with other weights."""
    _check(folder, found.weights_sha256)
    test = read_bundle(folder).outputs.test()
    fresh = [fresh_at(found, size, test) for size in found.times.batch_sizes]
    add_measured(folder, fresh)
    here = {(new.measured.device, new.measured.batch_size) for new in fresh}
    return [unit for entry in read_bundle(folder).measured if (entry.device, entry.batch_size) in here for unit in entry.units.values()]


def fresh_at(found: Measurement, batch_size: int, test: Test) -> Fresh:
    """What was measured at one batch size, as a bundle keeps it.

    A clock needs few pictures, an accuracy many: it is that of the same rules and exits on all of the bundle's test examples.
    """
    row, device = found.times.batch_sizes.index(batch_size), printable(found.device, 100)
    if found.dtype != FULL:
        device = f"{device}, {found.dtype}"  # another precision is another device to the bundle: neither takes the other's place
    costs = {MS: (found.times.trunk + found.times.head)[row] / batch_size}
    threads = "" if "thread" in device else f"{found.threads} threads on the host, "  # a processor's name says its own
    how = f"{threads}{found.dtype}, batches of {batch_size}, torch {found.torch}"
    about = f"Measured on {device} ({how}; {found.date}):"
    notes = {MS: f"{about} milliseconds per image of each stage, trunk and head, from the median time of a batch."}
    if found.energy is not None:
        costs[JOULES] = found.energy.stage[row]
        full = float(found.energy.full[row])
        counted = f"from NVML's counter of the whole board; the full network alone takes {full:.4g} J"
        notes[JOULES] = f"{about} joules per image of each stage, trunk and head, {counted}."
    timed = [run for run in found.runs if run.batch_size == batch_size]
    alone = [exit for exit in found.exits if exit.batch_size == batch_size]
    measured = Measured(
        device=device,
        batch_size=batch_size,
        examples=found.examples,
        tested=test.examples,
        policy=POLICY,
        date=found.date,
        alone=tuple(StaticExit(exit.speed_up, float(test.correct[exit.exit].mean())) for exit in alone),
        runs=tuple(
            MeasuredRun(
                budget=run.budget,
                cost=run.cost,
                speed_up=run.speed_up,
                ideal_by_macs=run.ideal_by_macs,
                ideal_by_times=run.ideal_by_times,
                accuracy=found.rules[run.budget].route(test).accuracy(test),
            )
            for run in timed
        ),
    )
    return Fresh(measured, {quantity: np.array(cost, np.float64) for quantity, cost in costs.items()}, notes)


def _check(folder: Path, weights_sha256: str) -> None:
    if read_bundle(folder).provenance.get("weights_sha256") != weights_sha256:
        raise UserError(f"Bundle {folder.name} was made with other weights than those measured; make it anew with `compute` first.")
