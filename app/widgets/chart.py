"""A registered chart, and a table of numbers, as stock widgets."""

import pandas as pd
import streamlit as st

from app.figures.registry import Chart, Table
from app.figures.style import CONFIG
from app.shown import Shown


def draw_chart(chart: Chart, shown: Shown, step: int, key: str) -> None:
    """step: of the budget"""
    st.plotly_chart(chart.figure(shown, step), config=CONFIG, alt=chart.alt(shown, step), key=key)


def draw_table(table: Table) -> None:
    config = {name: st.column_config.NumberColumn(format=format) for name, format in table.formats.items()}
    st.dataframe(pd.DataFrame(dict(table.columns)), hide_index=True, column_config=config)
    st.caption(table.caption)
