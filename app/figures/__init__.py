"""Each chart: data -> Plotly figure, data -> the sentence that describes it, data -> table. Pure functions; they know no page."""
