"""Each chart: data -> Plotly figure, data -> sentences that describe it, data -> table. Pure functions that know no page.

Importing this registers the charts.
"""

from app.figures import exit_shares, front

__all__ = ["exit_shares", "front"]
