"""The front as plain numbers and names, for the browser's own drawing of it."""

from dataclasses import astuple
from typing import Any

import numpy as np

from app.figures.front import alt
from app.figures.front_curves import ACCURACY_TITLE, Curve, axes, cost_title, curves
from app.payload.arrays import numbers
from app.shown import Shown
from app.theme import MEASURED, exit_colours
from app.wording import percent, run_lines


def front_data(shown: Shown) -> dict[str, Any]:
    """Plain JSON values without NaN; costs and accuracies are shares of 1.

    curves: in the order of drawing, {name, kind, colour, cost, accuracy}
    exits:  {name, cost, accuracy, colour, lines}, by depth;  lines: what there is to say about it, a fact each
    runs:   {time, accuracy, label, device, lines};  label: the batch size;  device: its place in `devices`
    """
    sweep = shown.sweep
    edges = numbers(np.array(astuple(axes(shown))))  # least cost and accuracy, then the greatest
    devices = list(dict.fromkeys(entry.device for entry in shown.measured))
    names = shown.bundle.exit_names
    return {
        "curves": [_curve(curve) for curve in curves(shown)],
        "exits": [
            {"name": name, "cost": cost, "accuracy": accuracy, "colour": colour, "lines": _exit_lines(k, name, cost, accuracy)}
            for k, (name, cost, accuracy, colour) in enumerate(
                zip(names, numbers(sweep.static_cost), numbers(sweep.static_accuracy), exit_colours(len(names)), strict=True)
            )
        ],
        "runs": [
            {
                "time": round(run.time, 5),
                "accuracy": round(run.accuracy, 5),
                "label": str(entry.batch_size),
                "device": devices.index(entry.device),
                "lines": run_lines(entry, run),
            }
            for entry in shown.measured
            for run in entry.runs
        ],
        "devices": devices,
        "runColour": MEASURED,
        "axes": {"cost": edges[::2], "accuracy": edges[1::2]},
        "titles": {"cost": cost_title(shown), "accuracy": ACCURACY_TITLE},
        "alt": alt(shown),
    }


def _curve(curve: Curve) -> dict[str, Any]:
    coordinates = {"cost": numbers(curve.cost), "accuracy": numbers(curve.accuracy)}
    return {"name": curve.name, "kind": curve.kind, "colour": curve.colour, **coordinates}


def _exit_lines(k: int, name: str, cost: float, accuracy: float) -> list[str]:
    title = f"Exit {k + 1}" if name.strip().lower() == f"exit {k + 1}" else f"Exit {k + 1}: {name}"
    return [title, f"{percent(accuracy)} accuracy if all images leave here", f"{percent(cost)} of the full network’s cost"]
