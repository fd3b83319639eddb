"""The charts of the dashboard, by name. A chart is one file that registers itself, and its contract test is already written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import plotly.graph_objects as go

from app.shown import Shown


@dataclass(frozen=True)
class Table:
    """The numbers behind a chart.

    columns: {title: values}, all of the same length
    formats: {title: format} of numeric columns, as Streamlit's NumberColumn takes it: "percent", "%.2f"
    caption: what the numbers are, one sentence or two
    """

    columns: Mapping[str, Sequence[str | int | float]]
    formats: Mapping[str, str] = field(default_factory=dict)
    caption: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart of what is shown at a budget. All three functions are pure and take (shown, step).

    name:   unique among the charts
    figure: the Plotly figure
    alt:    sentences that describe it to people who do not see it
    table:  its numbers
    """

    name: str
    figure: Callable[[Shown, int], go.Figure]
    alt: Callable[[Shown, int], str]
    table: Callable[[Shown, int], Table]


_charts: dict[str, Chart] = {}

#: Every registered chart.
CHARTS: Mapping[str, Chart] = MappingProxyType(_charts)


def register(chart: Chart) -> Chart:
    """Make a chart known under its name."""
    other = _charts.get(chart.name)
    # The same chart comes again when Streamlit reloads its file.
    if other is not None and other.figure.__module__ != chart.figure.__module__:
        raise ValueError(f"two charts are called {chart.name!r}")
    _charts[chart.name] = chart
    return chart
