"""Which share of the images leaves at each exit, correct and incorrect predictions apart."""

from html import escape  # Plotly reads a little HTML in every text, and names come from other people's files

import plotly.graph_objects as go

from app.figures.registry import Chart, Table, register
from app.figures.style import short
from app.shown import Shown
from app.theme import exit_colours
from app.wording import percent


def figure(shown: Shown, step: int) -> go.Figure:
    """Stacked bars, one for each exit."""
    sweep, exit_names = shown.sweep, shown.bundle.exit_names
    colours, names = exit_colours(len(exit_names)), [escape(name) for name in exit_names]
    figure = go.Figure()
    parts = (
        ("correct", sweep.correct, {"color": colours}),
        ("incorrect", sweep.incorrect, {"color": colours, "pattern": {"shape": "/"}}),
    )
    for name, shares, marker in parts:
        hover = "%{y}: %{x:.1%} " + name + "<extra></extra>"
        figure.add_bar(name=name, y=names, x=short(shares[step]), orientation="h", marker=marker, hovertemplate=hover)
    figure.update_layout(
        barmode="stack",
        margin={"l": 70, "r": 10, "t": 8, "b": 44},
        xaxis={"title": {"text": "Share of images"}, "range": [0, 1], "tickformat": ".0%"},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "y": 1.1, "traceorder": "normal"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure


def alt(shown: Shown, step: int) -> str:
    sweep = shown.sweep
    exits = zip(shown.bundle.exit_names, sweep.shares[step].tolist(), sweep.incorrect[step].tolist(), strict=True)
    listed = "; ".join(f"{name} {percent(share)} ({percent(incorrect)} incorrect)" for name, share, incorrect in exits)
    return f"Share of all images that leave at each exit: {listed}."


def table(shown: Shown, step: int) -> Table:
    sweep = shown.sweep
    columns = {
        "Exit": list(shown.bundle.exit_names),
        "Share of images": short(sweep.shares[step]),
        "Correct": short(sweep.correct[step]),
        "Incorrect": short(sweep.incorrect[step]),
    }
    formats: dict[str, str] = dict.fromkeys(("Share of images", "Correct", "Incorrect"), "percent")
    return Table(columns, formats, "All numbers are shares of the test images.")


EXIT_SHARES = register(Chart("exit_shares", figure, alt, table))
