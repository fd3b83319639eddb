"""Save a `Measurement` of a recipe to the bundle that was made with the recipe's weights."""

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


def bundle_to_save_to(name_or_recipe: str | Recipe) -> Path:
    """The folder of a recipe's bundle. Call it before measuring: it raises UserError if the bundle is missing or of other weights."""
    name = recipe(name_or_recipe).name
    folder, weights = bundles_folder() / name, weights_path(name)
    if not folder.is_dir():
        raise UserError(f"There is no bundle of {name} to save to; make one with `python -m engine compute` or leave --save out.")
    if weights.is_file():  # otherwise `measure` reports that they are missing
        _check(folder, sha256_of(weights))
    return folder


def save_measurements(measurement: Measurement, folder: Path) -> list[str]:
    """Add a measurement to a bundle and return the names of its new units. Raises UserError if the bundle is of other weights."""
    _check(folder, measurement.weights_sha256)
    test = read_bundle(folder).outputs.test()
    fresh = [fresh_at(measurement, size, test) for size in measurement.times.batch_sizes]
    add_measured(folder, fresh)
    here = {(new.measured.device, new.measured.batch_size) for new in fresh}
    return [unit for entry in read_bundle(folder).measured if (entry.device, entry.batch_size) in here for unit in entry.units.values()]


def fresh_at(measurement: Measurement, batch_size: int, test: Test) -> Fresh:
    """The measurement at one batch size, in the form that a bundle stores.

    Timing needs few images, accuracy many: accuracies are those of the same rules and exits on all test examples of the bundle.
    """
    row, device = measurement.times.batch_sizes.index(batch_size), printable(measurement.device, 100)
    if measurement.dtype != FULL:
        # to a bundle, another precision is another device, so that neither measurement replaces the other
        device = f"{device}, {measurement.dtype}"
    costs = {MS: (measurement.times.trunk + measurement.times.head)[row] / batch_size}
    threads = "" if "thread" in device else f"{measurement.threads} threads on the host, "  # a CPU's name includes its threads
    how = f"{threads}{measurement.dtype}, batches of {batch_size}, torch {measurement.torch}"
    about = f"Measured on {device} ({how}; {measurement.date}):"
    notes = {MS: f"{about} milliseconds per image of each stage, trunk and head, from the median time of a batch."}
    if measurement.energy is not None:
        costs[JOULES] = measurement.energy.stage[row]
        full = float(measurement.energy.full[row])
        counted = f"from NVML's counter of the whole board; the full network alone takes {full:.4g} J"
        notes[JOULES] = f"{about} joules per image of each stage, trunk and head, {counted}."
    timed = [run for run in measurement.runs if run.batch_size == batch_size]
    alone = [exit for exit in measurement.exits if exit.batch_size == batch_size]
    measured = Measured(
        device=device,
        batch_size=batch_size,
        examples=measurement.examples,
        tested=test.examples,
        policy=POLICY,
        date=measurement.date,
        alone=tuple(StaticExit(exit.speed_up, float(test.correct[exit.exit].mean())) for exit in alone),
        runs=tuple(
            MeasuredRun(
                budget=run.budget,
                cost=run.cost,
                speed_up=run.speed_up,
                ideal_by_macs=run.ideal_by_macs,
                ideal_by_times=run.ideal_by_times,
                accuracy=measurement.rules[run.budget].route(test).accuracy,
            )
            for run in timed
        ),
    )
    return Fresh(measured, {quantity: np.array(cost, np.float64) for quantity, cost in costs.items()}, notes)


def _check(folder: Path, weights_sha256: str) -> None:
    if read_bundle(folder).provenance.get("weights_sha256") != weights_sha256:
        raise UserError(f"Bundle {folder.name} was made with other weights than those measured; run `compute` again first.")
