"""Data -> Plotly figure, data -> the sentence that says what the figure shows. Pure: no page, no engine run."""

from collections.abc import Iterable, Sequence
from html import escape  # Plotly reads a little HTML in every text, and names come from strangers' files
from itertools import cycle

import numpy as np
import plotly.graph_objects as go

from app.figures.label_places import PLOT, Box, label_places
from app.theme import MEASURED, NEUTRAL, ORACLE, POLICY, exit_colours
from app.wording import percent, run_lines, spent
from engine.bundle.measurements import Measured
from engine.front import concave_hull
from engine.sweep import Sweep

#: For every chart: nothing is sent anywhere, no logo, and the tools that make sense.
CONFIG = {
    "showSendToCloud": False,
    "displaylogo": False,
    "responsive": True,
    "displayModeBar": False,
    "scrollZoom": False,
    "doubleClick": False,
}
#: How the real runs of each further device are drawn.
_SYMBOLS = ("diamond-open", "triangle-up-open", "circle-open", "star-open")
EXIT_SIZE, RUN_SIZE, LINE = 17, 10, 3  # of markers and of what a line takes up, in pixels
#: Cost and accuracy of each.
Points = Iterable[tuple[float, float]]
_HOVER = "%{x:.1%} of the full cost<br>%{y:.2%} accuracy<extra>%{fullData.name}</extra>"


def front(chosen: Sweep, title: str, mix: Sweep, oracle: Sweep, measured: Sequence[Measured] = ()) -> go.Figure:
    """Accuracy against cost: the chosen policy between what ignoring the input reaches and what knowing the labels would.

    measured: real runs to mark, each where the share of the full network's time that it took meets the accuracy of its rule
    """
    figure = go.Figure()
    exit_cost, exit_accuracy = chosen.static_cost, chosen.static_accuracy
    hull = concave_hull(exit_cost, exit_accuracy)

    def line(name: str, x: np.ndarray, y: np.ndarray, colour: str, width: float, dash: str = "solid", **more: object) -> None:
        style = {"color": colour, "width": width, "dash": dash}
        figure.add_scatter(name=name, x=_short(x), y=_short(y), mode="lines", line=style, hovertemplate=_HOVER, **more)

    line("Oracle (knows the labels)", oracle.cost, oracle.accuracy, ORACLE, 1.5)
    line("Hull of the static exits", exit_cost[hull], exit_accuracy[hull], NEUTRAL, 1.5, "dot")
    line("Random mix", mix.cost, mix.accuracy, NEUTRAL, 1.2, "dash")
    line("On calibration", chosen.calibration_cost, chosen.calibration_accuracy, POLICY, 1.2, "dot", visible="legendonly")
    line(title, chosen.cost, chosen.accuracy, POLICY, 3)
    figure.add_scatter(
        name="Static exits",
        x=_short(exit_cost),
        y=_short(exit_accuracy),
        mode="markers+text",
        text=[str(k + 1) for k in range(len(exit_cost))],
        textposition="middle center",
        textfont={"size": 10, "color": "#fff"},
        marker={"size": EXIT_SIZE, "color": exit_colours(len(exit_cost)), "line": {"width": 1, "color": "#fff"}, "symbol": "square"},
        hovertemplate="Everyone leaves at exit %{text}<br>" + _HOVER,
    )
    runs = [run for entry in measured for run in entry.runs]
    max_cost = max([float(chosen.cost.max()), *(run.time for run in runs)])
    everything = np.concatenate([chosen.accuracy, exit_accuracy, oracle.accuracy, [run.accuracy for run in runs]])
    low, high = float(everything.min()), float(everything.max())
    room = max(high - low, 0.01) * 0.08
    axes = Box(0, low - room, max(1.04, 1.04 * max_cost), high + room)
    curve = zip(chosen.cost.tolist(), chosen.accuracy.tolist(), strict=True)
    _real_runs(figure, measured, zip(exit_cost.tolist(), exit_accuracy.tolist(), strict=True), curve, axes)
    figure.update_layout(
        margin={"l": 52, "r": 10, "t": 8, "b": 44},
        xaxis={
            "title": {"text": f"Mean cost, share of the full network’s {escape(spent(chosen.unit))}", "standoff": 6},
            "range": [axes.left, axes.right],
            "tickformat": ".0%",
            "zeroline": False,
        },
        yaxis={
            "title": {"text": "Right on test", "standoff": 4},
            "range": [axes.low, axes.high],
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
    return figure


def _real_runs(figure: go.Figure, measured: Sequence[Measured], exits: Points, curve: Points, axes: Box) -> None:
    """A marker for every real run with the batch size beside it, where it hides no other, no exit and no curve; one trace a device.

    axes: what they show
    """

    def pixels(cost: float, accuracy: float) -> tuple[float, float]:
        return PLOT[0] * (cost - axes.left) / (axes.right - axes.left), PLOT[1] * (accuracy - axes.low) / (axes.high - axes.low)

    every = [(entry, run) for entry in measured for run in entry.runs]
    markers = [Box.around(*pixels(*exit), EXIT_SIZE, EXIT_SIZE) for exit in exits]
    # where the curve has many points at one place, the place still counts once
    dots = dict.fromkeys(tuple(LINE * round(place / LINE) for place in pixels(*point)) for point in curve)
    line = [Box.around(x, y, LINE, LINE) for x, y in dots]
    points, texts = [pixels(run.time, run.accuracy) for _, run in every], [str(entry.batch_size) for entry, _ in every]
    places = label_places(points, texts, RUN_SIZE, [*markers, *line])
    devices = list(dict.fromkeys(entry.device for entry in measured))
    for device, symbol in zip(devices, cycle(_SYMBOLS), strict=False):
        runs = [(entry, run, place) for (entry, run), place in zip(every, places, strict=True) if entry.device == device]
        figure.add_scatter(
            name="Measured time, by batch size" if len(devices) == 1 else f"Measured time on {escape(device[:40])}",
            x=_short([run.time for _, run, _ in runs]),
            y=_short([run.accuracy for _, run, _ in runs]),
            mode="markers+text",
            text=[str(entry.batch_size) for entry, _, _ in runs],
            textposition=[place for _, _, place in runs],
            textfont={"size": 11, "color": MEASURED},
            marker={"size": RUN_SIZE, "color": MEASURED, "symbol": symbol, "line": {"width": 2, "color": MEASURED}},
            customdata=["<br>".join(escape(line) for line in run_lines(entry, run)) for entry, run, _ in runs],
            hovertemplate="%{customdata}<extra></extra>",
        )


def with_point(figure: go.Figure, chosen: Sweep, step: int) -> go.Figure:
    """The front with the current budget marked on it."""
    marker = {"size": 15, "color": POLICY, "line": {"width": 3, "color": "#fff"}}
    where = {"x": _short(chosen.cost[[step]]), "y": _short(chosen.accuracy[[step]])}
    return go.Figure(figure).add_scatter(name="This budget", mode="markers", marker=marker, hovertemplate=_HOVER, **where)


def exit_shares(chosen: Sweep, exit_names: Sequence[str], step: int) -> go.Figure:
    """Share of the examples leaving at each exit, correct and incorrect ones apart."""
    colours, names = exit_colours(len(exit_names)), [escape(name) for name in exit_names]
    figure = go.Figure()
    parts = (
        ("correct", chosen.correct, {"color": colours}),
        ("incorrect", chosen.incorrect, {"color": colours, "pattern": {"shape": "/"}}),
    )
    for name, shares, marker in parts:
        hover = "%{y}: %{x:.1%} " + name + "<extra></extra>"
        figure.add_bar(name=name, y=names, x=_short(shares[step]), orientation="h", marker=marker, hovertemplate=hover)
    figure.update_layout(
        barmode="stack",
        margin={"l": 70, "r": 10, "t": 8, "b": 44},
        xaxis={"title": {"text": "Share leaving"}, "range": [0, 1], "tickformat": ".0%"},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "y": 1.1},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure


def exit_shares_alt(chosen: Sweep, exit_names: Sequence[str], step: int) -> str:
    """Who leaves where, for whoever does not see it."""
    leaving = zip(exit_names, chosen.shares[step], chosen.incorrect[step], strict=True)
    listed = "; ".join(f"{name} {percent(share)}, of which {percent(incorrect)} of all incorrect" for name, share, incorrect in leaving)
    return f"Share of the images leaving at each exit: {listed}."


def front_alt(chosen: Sweep, title: str, mix: Sweep, oracle: Sweep, measured: Sequence[Measured] = ()) -> str:
    """What the front shows, for whoever does not see it."""
    near = np.flatnonzero(chosen.accuracy >= chosen.full.accuracy - 0.01)
    middle = int(np.abs(chosen.budgets - 0.5).argmin())
    what = spent(chosen.unit)
    sentences = [
        f"Accuracy against cost on test. {title} goes from {percent(chosen.accuracy[0])} accuracy at {percent(chosen.cost[0], 0)} of the"
        f" full network’s {what} to {percent(chosen.accuracy[-1])} at {percent(chosen.cost[-1], 0)}.",
        f"At half the cost it reaches {percent(chosen.accuracy[middle])}, mixing static exits blindly {percent(mix.accuracy[middle])},"
        f" the oracle {percent(oracle.accuracy[middle])}.",
    ]
    if len(near):
        cost = percent(chosen.cost[near[0]], 0)
        sentences.insert(1, f"From {cost} on it is within one point of the full network ({percent(chosen.full.accuracy)}).")
    for entry in measured:
        runs = ", ".join(f"{percent(run.accuracy)} correct in {percent(run.time, 0)} of the time" for run in entry.runs)
        sentences.append(f"Measured for real at batch {entry.batch_size} on {entry.device}: {runs or 'nothing'}.")
    return " ".join(sentences)


def _short(values: Sequence[float] | np.ndarray) -> list[float]:
    """Plain numbers with the digits a screen can show: a third of the bytes."""
    return np.round(np.asarray(values, np.float64), 5).tolist()
