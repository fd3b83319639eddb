"""The front as plain numbers and names, for the browser's own drawing of it."""

from dataclasses import astuple
from typing import Any

import numpy as np

from app.dominated_models import dominated_models
from app.figures.front import alt
from app.figures.front_curves import Curve, accuracy_title, axes, cost_title, curves
from app.figures.label_places import Box
from app.payload.arrays import DIGITS, numbers
from app.payload.difference_intervals import intervals_data
from app.shown import Shown
from app.theme import MEASURED, exit_colours
from app.wording import Words, percent, run_lines
from engine.outputs import CascadeKind


def front_data(shown: Shown) -> dict[str, Any]:
    """Plain JSON values without NaN; costs and accuracies are shares of 1.

    curves: in the order of drawing, {name, kind, colour, cost, accuracy}
    intervals: of the differences from the full network, see `intervals_data`
    exits:  {name, cost, accuracy, colour, lines}, by depth;  lines: what there is to say about it, a fact each
    runs:   {time, accuracy, label, device, lines};  label: the batch size;  device: its place in `devices`
    runsUnit: the unit of time in which there are runs to draw, if this is another one; else None
    timed:  {time, label, device, budget} of the runs under this policy, where their budgets are in the unit shown;  device: its name
    dominated: {name, cost, accuracy, lines} of the models that an import left out, only where there are any;  costs may be off the axis
    axes:   with room for the runs;  withoutRuns: without them, and the costs end at the costliest path or ramp
    """
    sweep = shown.sweep
    devices = list(dict.fromkeys(entry.device for entry in shown.runs))
    names = shown.bundle.exit_names
    return {
        "curves": [_curve(curve) for curve in curves(shown)],
        "intervals": intervals_data(shown),
        "marksExits": shown.bundle.outputs.kind == CascadeKind.CHAIN,  # in a family, what is spent on the way differs
        "exits": [
            {"name": name, "cost": cost, "accuracy": accuracy, "colour": colour, "lines": _exit_lines(k, name, cost, accuracy, shown.words)}
            for k, (name, cost, accuracy, colour) in enumerate(
                zip(names, numbers(sweep.static_cost), numbers(sweep.static_accuracy), exit_colours(len(names)), strict=True)
            )
        ],
        "runs": [
            {
                "time": round(run.time, 5),
                "accuracy": round(run.accuracy, DIGITS),
                "label": str(entry.batch_size),
                "device": devices.index(entry.device),
                "lines": run_lines(entry, run),
            }
            for entry in shown.runs
            for run in entry.runs
        ],
        "devices": devices,
        "timed": [
            {"time": round(run.time, 5), "label": str(entry.batch_size), "device": entry.device, "budget": round(run.budget, 5)}
            for entry in (shown.measured if sweep.unit == "macs" else ())  # in which the budgets of runs are
            for run in entry.runs
        ],
        "runsUnit": shown.runs_unit,
        "runColour": MEASURED,
        "axes": _ranges(axes(shown, shown.runs)),
        "withoutRuns": _ranges(axes(shown, room_behind=False)),
        "titles": {"cost": cost_title(shown), "accuracy": accuracy_title(shown)},
        "alt": alt(shown),
        **_dominated(shown),
    }


def _dominated(shown: Shown) -> dict[str, Any]:
    """Nothing without such models."""
    words, models = shown.words, dominated_models(shown.bundle, shown.sweep.unit)
    drawn = [
        {
            "name": model.name,
            "cost": round(model.cost, 5),
            "accuracy": round(model.quality, DIGITS),
            "lines": [
                f"{model.name}, dominated",
                f"{words.amount(model.quality)} {words.measure} on calibration",
                f"{percent(model.cost, 0)} of the {words.reference}’s cost",
                f"costs more than {words.best or words.reference} and is no better",
            ],
        }
        for model in models
    ]
    return {"dominated": drawn} if drawn else {}


def _ranges(box: Box) -> dict[str, list[float]]:
    edges = numbers(np.array(astuple(box)))  # least cost and accuracy, then the greatest
    return {"cost": edges[::2], "accuracy": edges[1::2]}


def _curve(curve: Curve) -> dict[str, Any]:
    coordinates = {"cost": numbers(curve.cost), "accuracy": numbers(curve.accuracy)}
    return {"name": curve.name, "kind": curve.kind, "colour": curve.colour, **coordinates}


def _exit_lines(k: int, name: str, cost: float, accuracy: float, words: Words) -> list[str]:
    title = f"Exit {k + 1}" if name.strip().lower() == f"exit {k + 1}" else f"Exit {k + 1}: {name}"
    result = f"{words.amount(accuracy)} {words.measure} if all {words.many} leave here"
    return [title, result, f"{percent(cost)} of the {words.reference}’s cost"]
