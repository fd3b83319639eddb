"""Which share of the examples leaves at each exit: correct and incorrect predictions apart, or their quality and what is missing of it."""

from html import escape  # Plotly reads a little HTML in every text, and names come from other people's files

import plotly.graph_objects as go

from app.figures.registry import Chart, Table, register
from app.figures.style import short
from app.shown import Shown
from app.theme import exit_colours
from app.wording import percent
from engine.display_text import capital


def figure(shown: Shown, step: int) -> go.Figure:
    """Stacked bars, one for each exit."""
    sweep, exit_names, words = shown.sweep, shown.bundle.exit_names, shown.words
    colours, names = exit_colours(len(exit_names)), [escape(name) for name in exit_names]
    figure = go.Figure()
    correct, incorrect = _parts(shown)
    parts = ((correct, sweep.correct, {"color": colours}), (incorrect, sweep.incorrect, {"color": colours, "pattern": {"shape": "/"}}))
    for name, shares, marker in parts:
        hover = "%{y}: %{x:.1%} " + name + "<extra></extra>"
        figure.add_bar(name=name, y=names, x=short(shares[step]), orientation="h", marker=marker, hovertemplate=hover)
    figure.update_layout(
        barmode="stack",
        margin={"l": 70, "r": 10, "t": 8, "b": 44},
        xaxis={"title": {"text": f"Share of {words.many}"}, "range": [0, 1], "tickformat": ".0%"},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "y": 1.1, "traceorder": "normal"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure


def _parts(shown: Shown) -> tuple[str, str]:
    measure = shown.words.measure
    return (measure, f"missing {measure}") if shown.words.graded else ("correct", "incorrect")


def alt(shown: Shown, step: int) -> str:
    sweep, words = shown.sweep, shown.words
    listed = []
    for name, share, correct, incorrect in zip(
        shown.bundle.exit_names, sweep.shares[step].tolist(), sweep.correct[step].tolist(), sweep.incorrect[step].tolist(), strict=True
    ):
        result = f"{words.measure} {words.amount(correct / share)}" if words.graded and share > 0 else f"{percent(incorrect)} incorrect"
        listed.append(f"{name} {percent(share)}" + ("" if words.graded and share == 0 else f" ({result})"))
    return f"Share of all {words.many} that leave at each exit: {'; '.join(listed)}."


def table(shown: Shown, step: int) -> Table:
    sweep, words = shown.sweep, shown.words
    shares = f"Share of {words.many}"
    correct, incorrect = (capital(name) for name in _parts(shown))
    columns = {
        "Exit": list(shown.bundle.exit_names),
        shares: short(sweep.shares[step]),
        correct: short(sweep.correct[step]),
        incorrect: short(sweep.incorrect[step]),
    }
    formats: dict[str, str] = dict.fromkeys((shares, correct, incorrect), "percent")
    return Table(columns, formats, f"All numbers are shares of the test {words.many}.")


EXIT_SHARES = register(Chart("exit_shares", figure, alt, table))
