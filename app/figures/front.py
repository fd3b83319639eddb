"""Accuracy against cost: a policy, between what ignoring the input reaches and what knowing the labels would reach."""

from collections.abc import Iterable, Sequence
from html import escape  # Plotly reads a little HTML in every text, and names come from other people's files
from itertools import cycle

import numpy as np
import plotly.graph_objects as go

from app.figures.front_curves import ACCURACY_TITLE, axes, cost_title, curves
from app.figures.label_places import PLOT, Box, label_places
from app.figures.registry import Chart, Table, register
from app.figures.style import HOVER, short
from app.shown import Shown
from app.theme import MEASURED, POLICY, exit_colours
from app.wording import percent, run_lines, spent
from engine.bundle.measurements import Measured

#: Marker symbols of real runs, one for each device.
_SYMBOLS = ("diamond-open", "triangle-up-open", "circle-open", "star-open")
#: Width in pixels and dash of every kind of curve.
_LINES = {"oracle": (1.5, "solid"), "hull": (1.5, "dot"), "mix": (1.2, "dash"), "calibration": (1.2, "dot"), "policy": (3, "solid")}
EXIT_SIZE, RUN_SIZE, LINE = 17, 10, 3  # size of markers and width of lines, in pixels
ROWS = 20  # of the table, one more at most
#: (cost, accuracy) of each.
Points = Iterable[tuple[float, float]]


def figure(shown: Shown, step: int | None = None) -> go.Figure:
    """Lines of the policies and of the static exits, markers of the real runs. step: of a budget to mark"""
    sweep = shown.sweep
    figure = go.Figure()
    exit_cost, exit_accuracy = sweep.static_cost, sweep.static_accuracy
    for curve in curves(shown):
        width, dash = _LINES[curve.kind]
        figure.add_scatter(
            name=curve.name,
            x=short(curve.cost),
            y=short(curve.accuracy),
            mode="lines",
            line={"color": curve.colour, "width": width, "dash": dash},
            hovertemplate=HOVER,
            visible="legendonly" if curve.kind == "calibration" else True,
        )
    figure.add_scatter(
        name="Static exits",
        x=short(exit_cost),
        y=short(exit_accuracy),
        mode="markers+text",
        text=[str(k + 1) for k in range(len(exit_cost))],
        textposition="middle center",
        textfont={"size": 10, "color": "#fff"},
        marker={"size": EXIT_SIZE, "color": exit_colours(len(exit_cost)), "line": {"width": 1, "color": "#fff"}, "symbol": "square"},
        hovertemplate="All images leave at exit %{text}<br>" + HOVER,
    )
    box = axes(shown)
    line = zip(sweep.cost.tolist(), sweep.accuracy.tolist(), strict=True)
    _add_real_runs(figure, shown.measured, zip(exit_cost.tolist(), exit_accuracy.tolist(), strict=True), line, box)
    figure.update_layout(
        margin={"l": 52, "r": 10, "t": 8, "b": 44},
        xaxis={
            "title": {"text": escape(cost_title(shown)), "standoff": 6},
            "range": [box.left, box.right],
            "tickformat": ".0%",
            "zeroline": False,
        },
        yaxis={
            "title": {"text": ACCURACY_TITLE, "standoff": 4},
            "range": [box.low, box.high],
            "tickformat": ".0%",
            "zeroline": False,
        },
        legend={"orientation": "v", "x": 0.99, "xanchor": "right", "y": 0.03, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        font={"size": 12},
        hovermode="closest",
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        template="none",
    )
    if step is not None:
        marker = {"size": 15, "color": POLICY, "line": {"width": 3, "color": "#fff"}}
        x, y = short(sweep.cost[[step]]), short(sweep.accuracy[[step]])
        figure.add_scatter(name="This budget", x=x, y=y, mode="markers", marker=marker, hovertemplate=HOVER)
    return figure


def _add_real_runs(figure: go.Figure, measured: Sequence[Measured], exits: Points, curve: Points, axes: Box) -> None:
    """A marker for every real run, where the share of the full network's time that it took meets the accuracy of its rule.

    Its batch size stands where it hides no other marker and not the curve. One trace for each device. axes: the range of both
    """

    def pixels(cost: float, accuracy: float) -> tuple[float, float]:
        return PLOT[0] * (cost - axes.left) / (axes.right - axes.left), PLOT[1] * (accuracy - axes.low) / (axes.high - axes.low)

    marked = [(entry, run) for entry in measured for run in entry.runs]
    markers = [Box.around(*pixels(*exit), EXIT_SIZE, EXIT_SIZE) for exit in exits]
    # Where the curve has many points in one place, the place counts once.
    dots = dict.fromkeys((LINE * round(x / LINE), LINE * round(y / LINE)) for x, y in (pixels(*point) for point in curve))
    line = [Box.around(x, y, LINE, LINE) for x, y in dots]
    points, texts = [pixels(run.time, run.accuracy) for _, run in marked], [str(entry.batch_size) for entry, _ in marked]
    places = label_places(points, texts, RUN_SIZE, [*markers, *line])
    devices = list(dict.fromkeys(entry.device for entry in measured))
    for device, symbol in zip(devices, cycle(_SYMBOLS), strict=False):
        runs = [(entry, run, place) for (entry, run), place in zip(marked, places, strict=True) if entry.device == device]
        figure.add_scatter(
            name="Measured time, by batch size" if len(devices) == 1 else f"Measured time on {escape(device[:40])}",
            x=short([run.time for _, run, _ in runs]),
            y=short([run.accuracy for _, run, _ in runs]),
            mode="markers+text",
            text=[str(entry.batch_size) for entry, _, _ in runs],
            textposition=[place for _, _, place in runs],
            textfont={"size": 11, "color": MEASURED},
            marker={"size": RUN_SIZE, "color": MEASURED, "symbol": symbol, "line": {"width": 2, "color": MEASURED}},
            customdata=["<br>".join(escape(line) for line in run_lines(entry, run)) for entry, run, _ in runs],
            hovertemplate="%{customdata}<extra></extra>",
        )


def alt(shown: Shown, step: int | None = None) -> str:
    sweep = shown.sweep
    near = np.flatnonzero(sweep.accuracy >= sweep.full.accuracy - 0.01)
    middle = int(np.abs(sweep.budgets - 0.5).argmin())
    what = spent(sweep.unit)
    sentences = [
        f"Test accuracy against mean cost. {shown.title} goes from {percent(sweep.accuracy[0])} at {percent(sweep.cost[0], 0)} of the"
        f" full network’s {what} to {percent(sweep.accuracy[-1])} at {percent(sweep.cost[-1], 0)}.",
        f"At half the cost it reaches {percent(sweep.accuracy[middle])}, a random mix of the static exits"
        f" {percent(shown.mix.accuracy[middle])}, the oracle {percent(shown.oracle.accuracy[middle])}.",
    ]
    if len(near):
        cost = percent(float(sweep.cost[near[0]]), 0)
        sentences.insert(1, f"From {cost} on it is within one point of the full network ({percent(sweep.full.accuracy)}).")
    for entry in shown.measured:
        runs = ", ".join(f"{percent(run.accuracy)} accuracy in {percent(run.time, 0)} of the time" for run in entry.runs)
        sentences.append(f"Real runs at batch {entry.batch_size} on {entry.device}: {runs or 'none'}.")
    return " ".join(sentences)


def table(shown: Shown, step: int | None = None) -> Table:
    """Some twenty budgets, evenly spaced. step: makes no difference"""
    sweep = shown.sweep
    rows = slice(None, None, max((len(sweep.budgets) - 1) // ROWS, 1))
    columns = {
        "Budget": sweep.budgets[rows],
        "Planned cost": sweep.planned_cost[rows],
        "Calibration cost": sweep.calibration_cost[rows],
        "Test cost": sweep.cost[rows],
        "Calibration accuracy": sweep.calibration_accuracy[rows],
        "Test accuracy": sweep.accuracy[rows],
    }
    for k, name in enumerate(shown.bundle.exit_names):
        columns[f"Leave at {name}"] = sweep.shares[rows, k]
        columns[f"{name} on calibration"] = sweep.calibration_shares[rows, k]
    caption = f"Costs are shares of the full network’s. Knobs were set on calibration; the test split has {sweep.examples:,} examples."
    return Table({name: short(values) for name, values in columns.items()}, dict.fromkeys(columns, "percent"), caption)


FRONT = register(Chart("front", figure, alt, table))
