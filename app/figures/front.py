"""Accuracy against cost: a policy, between what ignoring the input reaches and what knowing the labels would reach."""

from collections.abc import Iterable, Sequence
from html import escape  # Plotly reads a little HTML in every text, and names come from other people's files
from itertools import cycle

import numpy as np
import plotly.graph_objects as go

from app.dominated_models import dominated_models
from app.figures.front_curves import accuracy_title, axes, cost_title, curves
from app.figures.label_places import PLOT, Box, label_places
from app.figures.registry import Chart, Table, register
from app.figures.style import hover, short, tick_format
from app.shown import Shown
from app.theme import MEASURED, NEUTRAL, POLICY, exit_colours
from app.wording import percent, run_lines, spent
from engine.analysis.sweep_intervals import difference_intervals
from engine.bundle.measurements import Measured
from engine.display_text import counted

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
    sweep, words = shown.sweep, shown.words
    about = hover(words)
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
            hovertemplate=about,
            visible="legendonly" if curve.kind == "calibration" else True,
        )
    figure.add_scatter(
        name=words.adapted("Static exits"),
        x=short(exit_cost),
        y=short(exit_accuracy),
        mode="markers+text",
        text=[str(k + 1) for k in range(len(exit_cost))],
        textposition="middle center",
        textfont={"size": 10, "color": "#fff"},
        marker={"size": EXIT_SIZE, "color": exit_colours(len(exit_cost)), "line": {"width": 1, "color": "#fff"}, "symbol": "square"},
        hovertemplate=f"All {words.many} leave at exit %{{text}}<br>" + about,
    )
    dominated = dominated_models(shown.bundle, sweep.unit)
    if dominated:
        figure.add_scatter(
            name="Dominated models, on calibration",
            x=short([model.cost for model in dominated]),
            y=short([model.quality for model in dominated]),
            mode="markers",
            marker={"size": RUN_SIZE, "color": NEUTRAL, "symbol": "x"},
            customdata=[escape(model.name) for model in dominated],
            hovertemplate="%{customdata}<br>" + about,
        )
    box = axes(shown, shown.measured)
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
            "title": {"text": accuracy_title(shown), "standoff": 4},
            "range": [box.low, box.high],
            "tickformat": tick_format(words),
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
        figure.add_scatter(name="This budget", x=x, y=y, mode="markers", marker=marker, hovertemplate=about)
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
    sweep, words = shown.sweep, shown.words
    near = np.flatnonzero(sweep.accuracy >= sweep.full.accuracy - 0.01)
    middle = int(np.abs(sweep.budgets - 0.5).argmin())
    what = spent(sweep.unit)
    sentences = [
        f"Test {words.measure} against mean cost. {shown.title} goes from {words.amount(sweep.accuracy[0])} at"
        f" {percent(sweep.cost[0], 0)} of the {words.reference}’s {what} to {words.amount(sweep.accuracy[-1])} at"
        f" {percent(sweep.cost[-1], 0)}.",
        f"At half the cost it reaches {words.amount(sweep.accuracy[middle])}, a random mix of the static exits"
        f" {words.amount(shown.mix.accuracy[middle])}, the oracle {words.amount(shown.oracle.accuracy[middle])}.",
    ]
    if len(near):
        cost, point = percent(float(sweep.cost[near[0]]), 0), "0.01" if words.graded else "one point"
        reference = f"the {words.reference} ({words.amount(sweep.full.accuracy)})"
        sentences.insert(1, f"From {cost} on it is within {point} of {reference}.")
    if dominated := dominated_models(shown.bundle, sweep.unit):
        listed = "; ".join(f"{model.name}, {words.amount(model.quality)} at {percent(model.cost, 0)}" for model in dominated)
        sentences.append(f"Dominated by {words.best or words.reference}: {listed}, on calibration.")
    for entry in shown.measured:
        runs = ", ".join(f"{percent(run.accuracy)} accuracy in {percent(run.time, 0)} of the time" for run in entry.runs)
        sentences.append(f"Real runs at batch {entry.batch_size} on {entry.device}: {runs or 'none'}.")
    return " ".join(sentences)


def table(shown: Shown, step: int | None = None) -> Table:
    """Some twenty budgets, evenly spaced. step: makes no difference"""
    sweep, words = shown.sweep, shown.words
    rows = slice(None, None, max((len(sweep.budgets) - 1) // ROWS, 1))
    columns = {
        "Budget": sweep.budgets[rows],
        "Planned cost": sweep.planned_cost[rows],
        "Calibration cost": sweep.calibration_cost[rows],
        "Test cost": sweep.cost[rows],
        f"Calibration {words.measure}": sweep.calibration_accuracy[rows],
        f"Test {words.measure}": sweep.accuracy[rows],
    }
    differences = difference_intervals(sweep, shown.bundle.outputs.test())[rows]
    scale, unit = (1, "") if words.graded else (100, " in points")
    paired = {
        f"Difference{unit}": [interval.estimate for interval in differences],
        "95% from": [interval.low for interval in differences],
        "95% to": [interval.high for interval in differences],
    }
    columns |= {name: scale * np.array(values) for name, values in paired.items()}
    for k, name in enumerate(shown.bundle.exit_names):
        columns[f"Leave at {name}"] = sweep.shares[rows, k]
        columns[f"{name} on calibration"] = sweep.calibration_shares[rows, k]
    tested = counted(sweep.examples, "example")
    caption = f"Costs are shares of the {words.reference}’s. Knobs were set on calibration; the test split has {tested}."
    formats = {name: "%.3f" if words.graded and name.endswith(words.measure) else "percent" for name in columns}
    formats |= dict.fromkeys(paired, "%+.3f" if words.graded else "%+.2f")
    return Table({name: short(values) for name, values in columns.items()}, formats, caption)


FRONT = register(Chart("front", figure, alt, table))
